using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

/// <summary>
/// Every model of the llama.cpp goldens is either compared, logit by logit and token by token, or refused for a reason
/// that stands here. The bound of 1e-4 is the golden README's for whoever computes in float32: against llama.cpp itself
/// where the weights are F32, against the float64 reference and llama.cpp's float32 twin where they are rounded.
/// </summary>
public sealed class LlamaCppGoldenTests : IDisposable
{
    private const double Tolerance = 1e-4;

    // ggml evaluates GELU through a table of float16, so llama.cpp is that far from itself: the README's bound.
    private const double GeluTolerance = 2e-2;

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    public static TheoryData<string> Names() => GoldenFile.PathOrNull("golden/llamacpp/models/index.json") is null
        ? ["every golden model"]
        : [.. Index().RootElement.EnumerateArray().Select(m => m.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Logits_and_greedy_tokens_are_those_of_llama_cpp(string name)
    {
        using var index = Index();
        var entry = index.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name);
        using var model = ModelFile.Open(GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf"));
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        var peer = entry.GetProperty("activation").GetString() == "gelu" ? GeluTolerance : Tolerance;
        var exact = entry.GetProperty("weights").GetString() == "F32";
        Prefill(name, model, golden, exact, peer);
        Decode(name, model, golden, exact, peer);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Text_becomes_the_tokens_of_llama_cpp_and_goes_on_as_there(string name)
    {
        using var index = Index();
        var entry = index.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name);
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        using var model = ModelFile.Open(GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf"));
        var prompt = model.Tokenizer!.Encode(
            entry.GetProperty("text_prompt").GetString()!, addSpecial: true, parseSpecial: true);
        Assert.Equal(golden.Ints("text_prompt_tokens"), prompt);

        using var session = new Session(model.Weights, _pool, Math.Min(256, model.Config.Context));
        var margins = golden.Floats("text_greedy_margins");
        var expected = golden.Ints("text_greedy_tokens");
        var sampler = new Sampler(Sampling.Greedy, seed: 1, model.Config.Vocabulary);
        int[] actual = [.. Generation.Tokens(session, sampler, prompt, expected.Length, endOfText: -1)];

        // A step whose two best tokens are nearer than both errors together may go either way, and so may the rest.
        // The README's bounds on how far llama.cpp is from exact arithmetic, by type of the weights.
        var error = entry.GetProperty("weights").GetString() switch
        {
            "F32" => entry.GetProperty("activation").GetString() == "gelu" ? GeluTolerance : Tolerance,
            "F16" => 4.1e-3,
            "BF16" => 3.5e-2,
            _ => 2.6e-1,
        };
        var sure = margins.TakeWhile(margin => margin > 2 * error).Count();
        Assert.Equal(expected.Take(sure), actual.Take(sure));
        if (sure == expected.Length)
            Assert.Equal(entry.GetProperty("text_greedy_text_hex").GetString(),
                Convert.ToHexStringLower(model.Tokenizer.Detokenize(actual, withSpecial: false)));
    }

    private void Prefill(string name, ModelFile model, GoldenFile golden, bool exact, double peer)
    {
        var tokens = golden.Ints("prompt_tokens");
        var V = model.Config.Vocabulary;
        using var session = new Session(model.Weights, _pool, Math.Min(256, model.Config.Context));
        var logits = new float[tokens.Length * V];
        session.FeedEvery(tokens, logits);
        Near(golden.Floats("exact_prefill_logits"), logits, $"{name} prefill against the float64 reference");
        var twin = golden.Floats(exact ? "prefill_logits" : "f32twin_prefill_logits");
        Near(twin, logits, $"{name} prefill against llama.cpp", peer);

        foreach (var chunk in (int[])[1, 5, tokens.Length])
        {
            session.Clear();
            for (var at = 0; at < tokens.Length; at += chunk)
            {
                var end = Math.Min(at + chunk, tokens.Length);
                Near(twin.AsSpan((end - 1) * V, V), session.Feed(tokens.AsSpan(at..end)),
                    $"{name} at {end - 1}, {chunk} tokens at a time", peer);
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

    private void Decode(string name, ModelFile model, GoldenFile golden, bool exact, double peer)
    {
        var V = model.Config.Vocabulary;
        using var session = new Session(model.Weights, _pool, Math.Min(256, model.Config.Context));
        var expected = golden.Ints("greedy_tokens");

        // Rounded weights: llama.cpp rounds activations too, and the README vouches for nine tokens.
        var count = exact ? golden.Floats("greedy_margins").TakeWhile(m => m > 2 * peer).Count() : 9;
        Assert.Equal(exact ? expected.Length : 9, count); // no margin of these goldens is a near tie
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
            Near(twin.AsSpan(i * V, V), found, $"{name} decoding step {i} against llama.cpp", peer);
        }
    }

    private static void Near(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what, double tolerance = Tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance))
                Assert.Fail($"{what}: logit {i} is {actual[i]}, expected {expected[i]}");
    }

    private static JsonDocument Index() =>
        JsonDocument.Parse(File.ReadAllBytes(GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")));
}
