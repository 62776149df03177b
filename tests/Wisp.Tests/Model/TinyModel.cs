using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>Models small enough for a test: every width is another number, so that a mixed-up pair shows.</summary>
internal static class TinyModel
{
    public static ModelConfig Config(Architecture architecture, bool tied = false, int context = 64) => new()
    {
        Architecture = architecture, Vocabulary = 281, Context = context, Width = 64, Layers = 2, Heads = 4,
        KvHeads = 2,
        HeadDim = 32, FeedForward = 96, TiedHead = tied, RopeTheta = 50_000f, NormEpsilon = 1e-5f,
    };

    /// <summary>
    /// Random weights of a size that keeps activations near 1, the projections to the residual stream too.
    /// </summary>
    public static Parameters Weights(ModelConfig config, int seed = 1)
    {
        var weights = new Parameters(new ParameterMap(config));
        foreach (var tensor in weights.Map.All)
        {
            var values = Sample.Normal(tensor.Length, ++seed, tensor.IsMatrix ? 1 / MathF.Sqrt(tensor.Columns) : 0.1f);
            for (var i = 0; i < values.Length && !tensor.IsMatrix; i++)
                values[i] += 1;
            values.CopyTo(weights.Of(tensor));
        }

        return weights;
    }

    /// <summary>256 bytes and the special tokens: a vocabulary of 281.</summary>
    public static Tokenizer Tokenizer()
    {
        var bytes = new ByteStrings();
        for (var value = 0; value < 256; value++)
            bytes.FindOrAdd([(byte)value], out _);
        return Wisp.Model.Tokenizer.FromMerges("llama-bpe", bytes, []);
    }

    public static int[] Tokens(int count, int vocabulary, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
    }

    /// <summary>B rows of T tokens, each row one document.</summary>
    public static TokenBatch Batch(int B, int T, int[] tokens, int[] targets) =>
        new(B, T, tokens, targets, Enumerable.Range(0, B * T).Select(i => i % T).ToArray(), default);
}
