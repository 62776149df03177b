using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class SplitMix64Tests
{
    [Fact]
    public void The_numbers_are_the_published_ones()
    {
        // The first outputs for seed 1234567 of the reference program that ships with xoshiro (Vigna, public domain).
        var random = new SplitMix64(1234567);
        foreach (var expected in new ulong[]
                 {
                     6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
                     16408922859458223821,
                 })
            Assert.Equal(expected, random.Next());
    }

    [Fact]
    public void Units_lie_in_their_range_and_spread_evenly()
    {
        var random = new SplitMix64(1);
        var (sum, low, high) = (0.0, 1.0, 0.0);
        const int N = 100_000;
        for (var i = 0; i < N; i++)
        {
            var x = random.NextUnit();
            Assert.InRange(x, 0, 1 - 1.0 / (1L << 53));
            (sum, low, high) = (sum + x, Math.Min(low, x), Math.Max(high, x));
        }

        // The mean has a deviation of 1/√(12·N) = 0.0009; five of them. Both ends are reached to within 10/N.
        Assert.InRange(sum / N, 0.5 - 0.0046, 0.5 + 0.0046);
        Assert.InRange(low, 0, 10.0 / N);
        Assert.InRange(high, 1 - 10.0 / N, 1);
    }
}
