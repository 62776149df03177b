using System.Runtime.Intrinsics;
using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class FastMathTests
{
    // Every 997th float (a prime, so that all mantissas turn up) from -105 to +89, and both zeros.
    [Fact]
    public void Exp_keeps_its_bound() => CompareAll(stride: 997);

    [Fact, Trait("cost", "slow")]
    public void Exp_keeps_its_bound_at_every_float() => CompareAll(stride: 1);

    private static void CompareAll(uint stride)
    {
        var x = new float[16];
        var filled = 0;
        double worst = 0;
        var worstAt = 0f;
        foreach (var (sign, last) in new[] { (0u, 89f), (0x8000_0000u, 105f) })
            for (uint bits = 0; bits <= BitConverter.SingleToUInt32Bits(last); bits += stride)
            {
                x[filled++] = BitConverter.UInt32BitsToSingle(bits | sign);
                if (filled < 16)
                    continue;
                filled = 0;
                var e = FastMath.Exp(Vector512.Create(x));
                for (var i = 0; i < 16; i++)
                {
                    var truth = Math.Exp(x[i]);
                    // Past the middle between the largest float and 2¹²⁸, rounding gives +∞.
                    if (float.IsInfinity((float)truth) || float.IsInfinity(e[i]))
                    {
                        Assert.Equal((float)truth, e[i]);
                        continue;
                    }

                    var ulps = Math.Abs(e[i] - truth) / Ulp((float)truth);
                    if (ulps > worst)
                        (worst, worstAt) = (ulps, x[i]);
                }
            }

        Assert.True(worst <= 1.3, $"{worst} ulp at {worstAt:r}");
    }

    private static double Ulp(float x) => (double)MathF.BitIncrement(MathF.Abs(x)) - MathF.Abs(x);

    [Theory]
    [InlineData(float.NegativeInfinity, 0f), InlineData(-1e30f, 0f), InlineData(-105f, 0f)]
    [InlineData(0f, 1f), InlineData(float.Epsilon, 1f)]
    [InlineData(88.8f, float.PositiveInfinity), InlineData(1e30f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity), InlineData(float.NaN, float.NaN)]
    public void Exp_is_right_at_the_ends(float x, float expected) =>
        Assert.Equal(expected, FastMath.Exp(Vector512.Create(x))[5]);

    [Theory]
    [InlineData(0f, 0.5f), InlineData(200f, 1f), InlineData(-200f, 0f), InlineData(float.NaN, float.NaN)]
    [InlineData(float.PositiveInfinity, 1f), InlineData(float.NegativeInfinity, 0f)]
    public void Sigmoid_is_right_at_the_ends(float x, float expected) =>
        Assert.Equal(expected, FastMath.Sigmoid(Vector512.Create(x))[5]);
}
