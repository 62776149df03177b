using System.Text.Json;
using Wisp.Compute;
using Wisp.Run;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Run.Embedding;

/// <summary>Every embedding model of the llama.cpp goldens, from text to vector or score.</summary>
public sealed class EmbeddingGoldenTests : IDisposable
{
    // Rows are norms' outputs of size 1 to 4 after two layers; the goldens' README bounds whoever computes such models
    // in float32 by 1e-4, against llama.cpp where that has no table in it and against float64.
    private const double Tolerance = 1e-4;

    // ggml evaluates GELU through a table of float16: llama.cpp itself is within 1.2e-3 of exact, the README says.
    private const double TableTolerance = 1.2e-3 + Tolerance;

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData("bert-mean"), InlineData("bert-cls"), InlineData("llama-mean"), InlineData("qwen3-last")]
    public void Vectors_are_those_of_llama_cpp(string name)
    {
        var (path, golden, texts) = Open(name);
        using var embedder = TextEmbedder.Open(path, _pool, new EmbedderOptions { Normalise = false });
        using var unit = TextEmbedder.Open(path, _pool);
        for (var j = 0; j < texts.Length; j++)
        {
            var tokens = golden.Ints($"{j}.tokens");
            Assert.Equal(tokens, embedder.Tokenize(texts[j]));
            var vector = embedder.Embed(texts[j]);
            Assert.Equal(vector, embedder.Embed(tokens));
            Compare(golden, $"{j}.hidden", embedder.Rows(tokens));
            Compare(golden, $"{j}.pooled", vector);

            var length = Math.Sqrt(golden.Floats($"{j}.pooled").Sum(z => (double)z * z));
            float[] expected = [.. golden.Floats($"{j}.pooled").Select(z => (float)(z / length))];
            Near(expected, unit.Embed(texts[j]), TableTolerance / length, $"{name} {j} of length 1");
        }
    }

    [Fact]
    public void Scores_are_those_of_llama_cpp()
    {
        var (path, golden, texts) = Open("bert-rerank");
        using var embedder = TextEmbedder.Open(path, _pool);
        var pairs = new int[texts.Length][];
        for (var j = 0; j < pairs.Length; j++)
        {
            // The oracle paired every text with the one after it, the last with the first.
            var (query, document) = (texts[j], texts[(j + 1) % texts.Length]);
            pairs[j] = embedder.TokenizePair(query, document);
            Assert.Equal(golden.Ints($"{j}.tokens"), pairs[j]);
            Compare(golden, $"{j}.hidden", embedder.Rows(pairs[j]));
            Compare(golden, $"{j}.pooled", [embedder.Score(query, document)]);
        }

        Assert.Equal(pairs.Select(pair => embedder.Score([pair])[0]), embedder.Score(pairs));
    }

    private static void Compare(GoldenFile golden, string name, float[] actual)
    {
        var at = name.IndexOf('.') + 1;
        var exact = $"{name[..at]}exact_{name[at..]}";
        Near(golden.Floats(name), actual, golden.Has(exact) ? TableTolerance : Tolerance, $"{name} of llama.cpp");
        if (golden.Has(exact))
            Near(golden.Floats(exact), actual, Tolerance, exact);
    }

    private static void Near(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max();
        Assert.True(worst <= tolerance, $"{what}: off by {worst:g3}, allowed {tolerance:g3}");
    }

    private static (string Path, GoldenFile Golden, string[] Texts) Open(string name)
    {
        const string folder = "llamacpp/embedding";
        using var index = JsonDocument.Parse(
            File.ReadAllBytes(GoldenFile.PathOrSkip($"golden/{folder}/index.json")));
        var entry = index.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name);
        return (GoldenFile.PathOrSkip($"golden/{folder}/{name}.gguf"),
            GoldenFile.Open($"{folder}/{name}.golden.safetensors"),
            [.. entry.GetProperty("texts").EnumerateArray().Select(t => t.GetProperty("text").GetString()!)]);
    }
}
