using Wisp.Run.Chain;

namespace Wisp.Tests.Run.Chain;

public class TopSelectionTests
{
    // Orders that a selection by a rising bar finds easy and hard, and scores that are equal or out.
    private static IEnumerable<float[]> Scores(int V)
    {
        var x = Sample.Normal(V, V, 3);
        yield return x;
        yield return [.. x.Order()];
        yield return [.. x.OrderDescending()];
        yield return [.. x.Select(z => MathF.Round(z))];
        yield return new float[V];
        yield return [.. x.Select((z, i) => i % 7 == 0 ? z : float.NegativeInfinity)];
        yield return [.. x.Select((z, i) => i % 2 == 0 ? -0f : 0f)];
        yield return [.. x.Select((z, i) => i / 64 == V / 128 ? z + 50 : z)]; // all the best in one block
    }

    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257), InlineData(9000)]
    public void The_best_are_those_of_a_stable_sort(int V)
    {
        var selection = new TopSelection(V);
        foreach (var x in Scores(V))
            foreach (var k in new[] { 1, 2, 7, 40, 100, 1000, 9000, int.MaxValue })
                foreach (var floor in new[] { float.MinValue, 1f })
                {
                    var expected = Enumerable.Range(0, V).Where(id => x[id] >= floor)
                        .OrderByDescending(id => x[id]).Take(k).ToArray();
                    var actual = selection.Best(x, k, floor).ToArray().Select(TopSelection.IdOf);
                    Assert.Equal(expected, actual);
                }
    }

    [Fact]
    public void The_largest_score_may_be_anywhere()
    {
        var selection = new TopSelection(130);
        for (var i = 0; i < 130; i++)
        {
            var x = new float[130];
            x[i] = 1;
            Assert.Equal(1, selection.Max(x));
        }
    }
}
