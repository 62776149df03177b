using Wisp.Run;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Run;

public class LogProbabilitiesTests
{
    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257), InlineData(5000)]
    public void They_are_the_logarithms_of_softmax(int V)
    {
        var logits = Sample.Normal(V, V, 5);
        double[] expected = [.. NaiveSampling.Softmax(Sample.Wide(logits)).Select(p => Math.Log(p))];
        var scores = new LogProbabilities(V, 5);
        foreach (var chosen in new[] { 0, V / 2, V - 1 })
        {
            var score = scores.Read(logits, chosen, out var best);
            Assert.Equal(chosen, score.Token);
            // The sum of powers is off by 2·2^-24 in relation, its logarithm as much in nats; |ln p| < 64 is rounded.
            Assert.Equal(expected[chosen], score.LogProbability, 64 * Check.Eps);
            int[] order = [.. Enumerable.Range(0, V).OrderByDescending(id => logits[id]).Take(5)];
            Assert.Equal(order, best.ToArray().Select(x => x.Token));
            foreach (var (id, logProbability) in best)
                Assert.Equal(expected[id], logProbability, 64 * Check.Eps);
        }
    }

    [Fact]
    public void No_alternatives_allocate_nothing_and_give_none()
    {
        var logits = Sample.Normal(5000, 1, 5);
        var scores = new LogProbabilities(5000, 0);
        scores.Read(logits, 3, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        scores.Read(logits, 3, out var best);
        Assert.Equal((0, true), (GC.GetAllocatedBytesForCurrentThread() - before, best.IsEmpty));
    }
}
