using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run;

public sealed class ContinuationScorerTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);
    private readonly Parameters _weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));

    public void Dispose()
    {
        _weights.Dispose();
        _pool.Dispose();
    }

    private ContinuationScore Naive(Continuation one)
    {
        using var session = new Session(DecoderWeights.Of(_weights), _pool);
        var scores = new LogProbabilities(281, 0);
        int[] all = [.. one.Prefix, .. one.Suffix];
        var (sum, greedy) = (0.0, true);
        for (var i = one.Prefix.Count; i < all.Length; i++)
        {
            session.Clear();
            float[] z = [.. session.Feed(all.AsSpan(0, i))];
            sum += scores.Read(z, all[i], out _).LogProbability;
            greedy &= z[all[i]] >= z.Max();
        }

        return new ContinuationScore(sum, greedy);
    }

    [Fact]
    public void Each_continuation_has_the_bits_that_it_has_alone_one_token_at_a_time()
    {
        // Shared headers of whole blocks and of parts, prefixes alike and not, from one token to the whole context.
        var random = new Random(3);
        int[] header = TinyModel.Tokens(37, 281, seed: 4);
        List<Continuation> all = [];
        for (var i = 0; i < 40; i++)
        {
            int[] prefix = [.. header.Take(i % 3 == 0 ? 37 : 33), .. TinyModel.Tokens(random.Next(12), 281, i)];
            for (var choice = 0; choice < 1 + (i % 4); choice++)
                all.Add(new(prefix, TinyModel.Tokens(1 + random.Next(15), 281, (i * 7) + choice)));
        }

        all.Add(new([5], [7]));
        all.Add(new(TinyModel.Tokens(63, 281, 9), [8]));
        all.Add(new([6], TinyModel.Tokens(63, 281, 10)));
        using var scorer = new ContinuationScorer(DecoderWeights.Of(_weights), _pool);
        var found = scorer.Score(all);
        for (var i = 0; i < all.Count; i++)
            Assert.Equal(Naive(all[i]), found[i]);
    }

    [Fact]
    public void A_header_that_all_share_is_read_once()
    {
        int[] header = TinyModel.Tokens(48, 281, seed: 4);
        Continuation[] all =
            [.. Enumerable.Range(0, 100).Select(i => new Continuation([.. header, i, i + 1], [i + 2]))];
        using var scorer = new ContinuationScorer(DecoderWeights.Of(_weights), _pool);
        scorer.Score(all);
        Assert.Equal(48 + (100 * 2), scorer.ComputedRows);
    }

    [Fact]
    public void Choices_after_one_prefix_cost_their_own_tokens_only()
    {
        int[] prefix = TinyModel.Tokens(30, 281, seed: 4);
        Continuation[] all = [.. Enumerable.Range(0, 4).Select(i => new Continuation(prefix, [i, i + 1, i + 2]))];
        using var scorer = new ContinuationScorer(DecoderWeights.Of(_weights), _pool);
        scorer.Score(all);
        Assert.Equal(29 + (4 * 3), scorer.ComputedRows);
    }

    [Fact]
    public void The_likeliest_continuation_is_called_greedy()
    {
        using var session = new Session(DecoderWeights.Of(_weights), _pool);
        int[] prefix = [3, 1, 4];
        int[] greedy = [.. Generation.Tokens(
            session, new Sampler(Sampling.Greedy, 1, 281), prefix, 4, new HashSet<int>())];
        using var scorer = new ContinuationScorer(DecoderWeights.Of(_weights), _pool);
        var found = scorer.Score([new(prefix, greedy), new(prefix, [greedy[0] == 0 ? 1 : 0])]);
        Assert.True(found[0].IsGreedy);
        Assert.False(found[1].IsGreedy);
    }

    [Fact]
    public void What_cannot_be_judged_is_refused_before_anything_is_computed()
    {
        using var scorer = new ContinuationScorer(DecoderWeights.Of(_weights), _pool);
        Assert.Throws<ArgumentException>(() => scorer.Score([new([1], [2]), new([], [2])]));
        Assert.Throws<ArgumentException>(() => scorer.Score([new([1], [])]));
        Assert.Throws<ArgumentException>(() => scorer.Score([new(new int[60], new int[5])]));
        Assert.Equal(0, scorer.ComputedRows);
        Assert.Empty(scorer.Score([]));
    }
}
