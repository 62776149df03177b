using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

/// <summary>
/// Every model of the llama.cpp goldens is either compared, logit by logit and token by token, or refused for a reason
/// that stands here. The bound of 1e-4 is the golden README's for whoever computes in float32: against llama.cpp itself
/// where the weights are F32, against the float64 reference and llama.cpp's float32 twin where they are rounded.
/// </summary>
public sealed class LlamaCppGoldenTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private static readonly string[] s_compared =
    [
        "llama-gqa", "llama-tied-spm", "mistral-sliding", "qwen3", "qwen3-tied", "llama-f16", "llama-bf16",
            "llama-q8_0",
    ];

    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Every_golden_model_is_compared_or_refused_for_its_reason()
    {
        using var index = Index();
        var compared = new List<string>();
        foreach (var entry in index.RootElement.EnumerateArray())
        {
            var name = entry.GetProperty("name").GetString()!;
            var path = WithoutForeignTokenizer(name);
            if (Reason(entry) is { } reason)
            {
                var message = Assert.Throws<InvalidDataException>(() => ModelFile.Open(path).Dispose()).Message;
                Assert.True(message.StartsWith(path + ": ") && message.Contains(reason), $"{name}: {message}");
                continue;
            }

            using var model = ModelFile.Open(path);
            var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
            var exact = entry.GetProperty("weights").GetString() == "F32";
            Prefill(name, model, golden, exact);
            Decode(name, model, golden, exact);
            compared.Add(name);
        }

        Assert.Equal(s_compared.Order(), compared.Order());
    }

    [Theory]
    [InlineData("qwen3"), InlineData("qwen3-tied"), InlineData("llama3-ropefreqs")]
    public void Text_becomes_the_tokens_of_llama_cpp(string name)
    {
        using var index = Index();
        var text = index.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name)
            .GetProperty("text_prompt").GetString()!;
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        using var gguf = Gguf.Open(GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf"));
        var tokens = ModelFile.ReadTokenizer(gguf)!.Encode(text, parseSpecial: true);
        Assert.Equal(golden.Ints("text_prompt_tokens"), tokens);
    }

    [Theory]
    [InlineData("qwen3"), InlineData("qwen3-tied")]
    public void Text_goes_on_as_with_llama_cpp(string name)
    {
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        using var model = ModelFile.Open(GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf"));
        using var session = new Session(model.Weights, _pool);
        var margins = golden.Floats("text_greedy_margins");
        int[] expected = golden.Ints("text_greedy_tokens"), prompt = golden.Ints("text_prompt_tokens");
        var sampler = new Sampler(Sampling.Greedy, seed: 1, model.Config.Vocabulary);
        int[] actual = [.. Generation.Tokens(session, sampler, prompt, expected.Length, endOfText: -1)];

        // A step whose two best tokens are nearer than both errors together may go either way, and so may the rest.
        var sure = margins.TakeWhile(margin => margin > 2 * Tolerance).Count();
        Assert.True(sure > 0);
        Assert.Equal(expected.Take(sure), actual.Take(sure));
    }

    private void Prefill(string name, ModelFile model, GoldenFile golden, bool exact)
    {
        var tokens = golden.Ints("prompt_tokens");
        var V = model.Config.Vocabulary;
        using var transformer = new Transformer(model.Map, _pool, tokens.Length, train: false);
        var logits = new float[tokens.Length * V];
        transformer.Logits(model.Weights, TinyModel.Batch(1, tokens.Length, tokens, []), logits);
        Near(golden.Floats("exact_prefill_logits"), logits, $"{name} prefill against the float64 reference");
        var twin = golden.Floats(exact ? "prefill_logits" : "f32twin_prefill_logits");
        Near(twin, logits, $"{name} prefill against llama.cpp");

        using var session = new Session(model.Weights, _pool);
        foreach (var chunk in (int[])[1, 5, tokens.Length])
        {
            session.Clear();
            for (var at = 0; at < tokens.Length; at += chunk)
            {
                var end = Math.Min(at + chunk, tokens.Length);
                Near(twin.AsSpan((end - 1) * V, V), session.Feed(tokens.AsSpan(at..end)),
                    $"{name} at {end - 1}, {chunk} tokens at a time");
            }
        }

        // The last four positions of 120: the context of the session grows by uneven parts.
        session.Clear();
        var longTokens = golden.Ints("long_tokens");
        var last = golden.Floats("exact_long_last4_logits");
        session.Feed(longTokens.AsSpan(0, 77));
        session.Feed(longTokens.AsSpan(77, longTokens.Length - 4 - 77));
        for (var i = 0; i < 4; i++)
            Near(last.AsSpan(i * V, V), session.Feed(longTokens.AsSpan(longTokens.Length - 4 + i, 1)),
                $"{name} at position {longTokens.Length - 4 + i}");
    }

    private void Decode(string name, ModelFile model, GoldenFile golden, bool exact)
    {
        var V = model.Config.Vocabulary;
        using var session = new Session(model.Weights, _pool);
        var expected = golden.Ints("greedy_tokens");

        // Rounded weights: llama.cpp rounds activations too, and the README vouches for nine tokens.
        var count = exact ? golden.Floats("greedy_margins").TakeWhile(m => m > 2 * Tolerance).Count() : 9;
        Assert.Equal(exact ? expected.Length : 9, count);
        var sampler = new Sampler(Sampling.Greedy, seed: 1, V);
        var actual = Generation.Tokens(session, sampler, golden.Ints("prompt_tokens"), count, endOfText: -1);
        Assert.Equal(expected.Take(count), actual);

        session.Clear();
        session.Feed(golden.Ints("prompt_tokens"));
        float[] logits = golden.Floats("exact_decode_logits"),
            twin = golden.Floats(exact ? "decode_logits" : "f32twin_decode_logits");
        for (var i = 0; i < logits.Length / V; i++)
        {
            var found = session.Feed(expected.AsSpan(i, 1));
            Near(logits.AsSpan(i * V, V), found, $"{name} decoding step {i} against the float64 reference");
            Near(twin.AsSpan(i * V, V), found, $"{name} decoding step {i} against llama.cpp");
        }
    }

    private static string? Reason(JsonElement entry)
    {
        var name = entry.GetProperty("name").GetString()!;
        var arch = entry.GetProperty("arch").GetString()!;
        if (arch is not ("llama" or "qwen3"))
            return $"architecture '{arch}' is not supported";
        string[] supported = ["F32", "F16", "BF16", "Q8_0"];
        if (entry.GetProperty("tensor_types").EnumerateArray().Any(t => !supported.Contains(t.GetString())))
            return "which cannot be computed with";
        return name switch
        {
            "llama-bias-headdim" => ".bias, which llama does not use here",
            "llama3-ropefreqs" => "holds tensor rope_freqs.weight",
            "llama-rope-linear" => "RoPE scaling 'linear' is not supported",
            "llama-rope-yarn" => "RoPE scaling 'yarn' is not supported",
            "llama-moe-mixtral" => "a mixture of 4 experts",
            _ => null,
        };
    }

    // A vocabulary is not what is compared here: without one that is not ours, ids alone are.
    private string WithoutForeignTokenizer(string name)
    {
        var path = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
        using var gguf = Gguf.Open(path);
        if (gguf.GetString("tokenizer.ggml.model") == "gpt2")
            return path;
        var writer = new GgufWriter();
        foreach (var (key, _) in gguf.Metadata.Where(pair => !pair.Key.StartsWith("tokenizer.")))
            writer.AddCopy(gguf, key);
        foreach (var tensor in gguf.Tensors)
            writer.AddCopy(gguf, tensor);
        writer.Write(_folder[$"{name}.gguf"]);
        return _folder[$"{name}.gguf"];
    }

    private static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= Tolerance))
                Assert.Fail($"{what}: logit {i} is {actual[i]}, expected {expected[i]}");
    }

    private static JsonDocument Index() =>
        JsonDocument.Parse(File.ReadAllBytes(GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")));
}
