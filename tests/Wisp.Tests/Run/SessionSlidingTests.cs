using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Tests.Run;

public class SessionSlidingTests
{
    private const int Context = 9;

    // Twelve tokens, context 9: the older five (9 - ⌊9/2⌋) go when the tenth comes, and nothing after that.
    [Theory]
    [InlineData(1, 0), InlineData(9, 0), InlineData(10, 5), InlineData(14, 5), InlineData(15, 10), InlineData(40, 35)]
    public void A_full_context_forgets_its_older_half(int count, int firstSeen)
    {
        using var pool = new WorkerPool(1);
        using var weights = Weights();
        int[] tokens = [.. Enumerable.Range(0, count).Select(i => i * 7 % 30)];
        var view = DecoderWeights.Of(weights);
        using Session oneByOne = new(view, pool), atOnce = new(view, pool), window = new(view, pool);

        float[] slid = [];
        foreach (var token in tokens)
            slid = [.. oneByOne.Feed([token])];
        float[] whole = [.. atOnce.Feed(tokens)];
        float[] seen = [.. window.Feed(tokens.AsSpan(firstSeen))];

        // The same numbers in other orders of addition: about 64 terms of float32 a product, three layers deep.
        Check.Close(seen, slid, 1e-5);
        Check.Close(seen, whole, 1e-5);
        if (firstSeen + 1 < count)
        {
            using var other = new Session(DecoderWeights.Of(weights), pool);
            float[] shorter = [.. other.Feed(tokens.AsSpan(firstSeen + 1))];
            Assert.Contains(Enumerable.Range(0, seen.Length), i => Math.Abs(seen[i] - shorter[i]) > 1e-2);
        }
    }

    [Fact]
    public void A_context_of_one_token_still_writes()
    {
        using var pool = new WorkerPool(1);
        using var weights = Weights();
        var view = DecoderWeights.Of(weights);
        using Session session = new(view, pool, context: 1), fresh = new(view, pool);
        session.Feed([1, 2, 3]);
        float[] last = [.. session.Feed([4])];
        Check.Close(fresh.Feed([4]), last, 1e-6);
    }

    private static Parameters Weights()
    {
        var map = new ParameterMap(new ModelConfig
        {
            Architecture = Architecture.Qwen3, Vocabulary = 30, Context = Context, Width = 32, Layers = 2, Heads = 2,
            KvHeads = 1, HeadDim = 16, FeedForward = 48, TiedHead = false,
        });
        var weights = Parameters.Initialize(map, seed: 3);
        foreach (var (i, tensor) in map.All.Where(t => t.IsMatrix).Index())
            Sample.Normal(tensor.Length, i, 2 / MathF.Sqrt(tensor.Columns)).CopyTo(weights.Of(tensor));
        return weights;
    }
}
