using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

/// <summary>
/// The goldens of llama.cpp on packed weights. Float weights keep the bound of exact arithmetic; quantised ones meet
/// activations of 8 bits, as in llama.cpp, and the golden README's bound is one and a half times its own distance from
/// the float64 reference.
/// </summary>
public sealed class PackedGoldenTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    public static TheoryData<string> Names() => LlamaCppGoldenTests.Names();

    [Theory]
    [MemberData(nameof(Names))]
    public void Packed_weights_come_as_near_as_llama_cpp(string name)
    {
        using var index = JsonDocument.Parse(
            File.ReadAllBytes(GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")));
        var entry = index.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name);
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        using var model = ModelFile.Open(GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf"));
        using var packed = model.Pack(_pool);
        Assert.True(packed.Bytes > 0);
        var quantised = entry.GetProperty("weights").GetString() is not ("F32" or "F16" or "BF16");
        var bound = quantised ? 1.5 * entry.GetProperty("rms_diff_llamacpp_vs_exact").GetDouble() : Tolerance;

        var tokens = golden.Ints("prompt_tokens");
        var V = model.Config.Vocabulary;
        using var session = new Session(packed.Weights, _pool, Math.Min(256, model.Config.Context));
        var logits = new float[tokens.Length * V];
        session.FeedEvery(tokens, logits);
        var rms = Distance(golden.Floats("exact_prefill_logits"), logits);
        Assert.True(rms <= bound, $"{name}: off by {rms:g3}, {bound:g3} is allowed");

        // One at a time: the same bits.
        session.Clear();
        for (var i = 0; i < tokens.Length; i++)
            Assert.Equal(logits.AsSpan(i * V, V), session.Feed(tokens.AsSpan(i, 1)));

        Assert.Equal(logits[^V..], ForkedInABatch(packed.Weights, tokens));
        using (var mapped = new Session(model.Weights, _pool, Math.Min(256, model.Config.Context)))
            Assert.Equal(mapped.Feed(tokens), ForkedInABatch(model.Weights, tokens));

        // The README vouches for nine tokens where activations are rounded.
        var expected = golden.Ints("greedy_tokens");
        session.Clear();
        var sampler = new Sampler(Sampling.Greedy, seed: 1, V);
        Assert.Equal(expected.Take(9), Generation.Tokens(session, sampler, tokens, 9, endOfText: -1));
    }

    // The prompt's first half is another sequence's; a fork of it reads the rest, beside two that say other things.
    private float[] ForkedInABatch(DecoderWeights weights, int[] tokens)
    {
        using var cache = new KvCache(weights.Config, 16);
        using var core = new TokenCore(weights, _pool, cache, context: Math.Min(256, weights.Config.Context));
        int[] reversed = [.. tokens.Reverse()];
        var half = tokens.Length / 2;
        using var root = cache.Create([]);
        using var stranger = cache.Create([], domain: 1);
        core.Step(
            [new TokenJob(stranger, reversed, 0), new TokenJob(root, tokens.AsMemory(0, half), 0)], (_, _) => { });
        using var fork = root.Fork();
        float[] logits = [];
        core.Step(
            [new TokenJob(root, reversed.AsMemory(0, 3), 0), new TokenJob(fork, tokens.AsMemory(half))],
            (_, found) => logits = found.ToArray());
        return logits;
    }

    private static double Distance(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var sum = 0d;
        for (var i = 0; i < expected.Length; i++)
            sum += Math.Pow(expected[i] - (double)actual[i], 2);
        return Math.Sqrt(sum / expected.Length);
    }
}
