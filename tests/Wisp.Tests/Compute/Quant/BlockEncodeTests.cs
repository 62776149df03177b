using Wisp.Compute;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute.Quant;

/// <summary>What encoders promise without any reference at hand.</summary>
public class BlockEncodeTests
{
    private static readonly int[] s_iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    public static TheoryData<DType> Types =>
        [.. Enum.GetValues<DType>().Where(type => type.CanEncode() && type.IsQuantised())];

    private static readonly DType[] s_searched =
        [DType.Q2_K, DType.Q3_K, DType.Q4_K, DType.Q5_K, DType.Q6_K, DType.IQ4_NL, DType.IQ4_XS];

    public static TheoryData<DType> Searched => [.. s_searched];

    // A value lies within half a step of its code, or, where the range has no code for the far end of the other sign, a
    // whole step: Q4_0 reaches 7/8 of the opposite of its largest value, Q5_0 15/16. Stored halves err by 2^-11 of
    // themselves.
    [Theory]
    [InlineData(DType.Q4_0, 1.0 / 8), InlineData(DType.Q5_0, 1.0 / 16), InlineData(DType.Q8_0, 0.5 / 127)]
    public void A_symmetric_round_trip_stays_within_a_step(DType type, double step)
    {
        foreach (var (x, y) in RoundTrips(type))
        {
            var max = x.Max(Math.Abs);
            for (var i = 0; i < x.Length; i++)
                Assert.InRange(Math.Abs(x[i] - y[i]), 0, max * (step + 1 / 2048.0));
        }
    }

    [Theory]
    [InlineData(DType.Q4_1, 15), InlineData(DType.Q5_1, 31)]
    public void A_round_trip_over_a_range_stays_within_half_a_step(DType type, int topCode)
    {
        foreach (var (x, y) in RoundTrips(type))
        {
            double range = x.Max() - x.Min(), smallest = Math.Abs(x.Min());
            for (var i = 0; i < x.Length; i++)
                Assert.InRange(Math.Abs(x[i] - y[i]), 0, range / topCode / 2 + (range + smallest) / 2048);
        }
    }

    [Fact]
    public void Q8_0_rounds_ties_away_from_zero_and_nothing_else()
    {
        var x = new float[32];
        x[0] = 127; // makes the scale exactly 1
        (x[1], x[2], x[3], x[4], x[5]) = (0.5f, -0.5f, 0.49999997f, 2.5f, -126.5f);
        var blocks = new byte[34];
        Blocks.Encode(blocks, x, DType.Q8_0);
        Assert.Equal([0x00, 0x3c, 127, 1, 0xff, 0, 3, 0x81, 0], blocks[..9]);
        Blocks.Encode(blocks, new float[32], DType.Q8_0);
        Assert.All(blocks, b => Assert.Equal(0, b));
    }

    // The plain choice is one of the points that the search could take; each block has to beat it, or nearly where
    // the search stops at a local minimum (2 %), and all of a kind together clearly.
    [Theory, MemberData(nameof(Searched))]
    public void A_search_beats_the_plain_choice(DType type)
    {
        foreach (var (kind, x) in Kinds())
        {
            double found = 0, plain = 0;
            foreach (var block in x.Chunk(type.BlockLength()))
            {
                var y = RoundTrip(block, type);
                var error = block.Zip(y, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
                var bound = Plain(block, type);
                Assert.True(error <= 1.02 * bound, $"{kind}: squared error {error:g4}, plainly chosen {bound:g4}");
                found += error;
                plain += bound;
            }

            Assert.True(found < 0.97 * plain, $"{kind}: squared error {found:g4}, plainly chosen {plain:g4}");
        }
    }

    // d·s·q has three factors that multiply out exactly here: a scale that is a power of two, and codes at integers.
    [Theory]
    [InlineData(DType.Q3_K, -4), InlineData(DType.Q6_K, -32), InlineData(DType.IQ4_NL, -127)]
    [InlineData(DType.IQ4_XS, -127)]
    public void What_the_format_can_hold_comes_back_unchanged(DType type, int lowest)
    {
        int[] codes = lowest == -127 ? s_iq4 : [.. Enumerable.Range(lowest, -2 * lowest)];
        var random = new Random(1);
        var x = new float[512];
        for (var i = 0; i < x.Length; i++)
            x[i] = 0.25f * codes[i % 16 == 0 ? 0 : random.Next(codes.Length)];
        Assert.Equal(x, RoundTrip(x, type));
    }

    [Theory, MemberData(nameof(Types))]
    public void Zeros_of_both_signs_are_zeros(DType type)
    {
        var x = new float[4 * type.BlockLength()];
        for (var i = 0; i < x.Length; i += 3)
            x[i] = -0f;
        Assert.All(RoundTrip(x, type), v => Assert.Equal(0f, v));
    }

    [Theory, MemberData(nameof(Types))]
    public void A_block_does_not_depend_on_its_neighbours(DType type)
    {
        int length = type.BlockLength(), bytes = type.BlockBytes();
        var x = Sample.Normal(7 * length, seed: 4);
        var together = new byte[7 * bytes];
        var alone = new byte[bytes];
        Blocks.Encode(together, x, type);
        for (var b = 0; b < 7; b++)
        {
            Blocks.Encode(alone, x.AsSpan(b * length, length), type);
            Assert.Equal(alone, together.AsSpan(b * bytes, bytes));
        }
    }

    // A NaN in a file of weights is for the caller to refuse, who knows the tensor. Here it may not do more harm than
    // to its own block.
    [Theory, MemberData(nameof(Types))]
    public void Values_that_are_not_finite_spoil_their_own_block_only(DType type)
    {
        int length = type.BlockLength(), bytes = type.BlockBytes();
        var clean = Sample.Normal(3 * length, seed: 5);
        var expected = new byte[3 * bytes];
        Blocks.Encode(expected, clean, type);
        foreach (var bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            foreach (var every in (int[])[1, 3, length])
            {
                var x = clean.ToArray();
                for (var i = length; i < 2 * length; i += every)
                    x[i] = bad;
                var actual = new byte[3 * bytes];
                Blocks.Encode(actual, x, type);
                Assert.Equal(expected.AsSpan(0, bytes), actual.AsSpan(0, bytes));
                Assert.Equal(expected.AsSpan(2 * bytes), actual.AsSpan(2 * bytes));
                Blocks.Decode(x, actual, type);
            }
    }

    // From the least float to the largest: where halves end, the search stays at the largest half, and where they
    // begin, it may give zeros, but never more than twice the largest value.
    [Theory, MemberData(nameof(Searched))]
    public void Values_beyond_the_range_of_the_scale_give_finite_ones(DType type)
    {
        for (var exponent = -148; exponent <= 127; exponent++)
        {
            var scale = (float)Math.Pow(2, exponent);
            var x = Sample.Normal(type.BlockLength(), seed: exponent + 200).Select(
                v => Math.Clamp(v, -1.9f, 1.9f) * scale).ToArray();
            var max = x.Max(Math.Abs);
            Assert.All(RoundTrip(x, type), v => Assert.True(Math.Abs(v) <= 2 * max, $"{v} from at most {max}"));
        }
    }

    private static IEnumerable<(float[] X, float[] Y)> RoundTrips(DType type)
    {
        var x = Sample.Normal(257 * type.BlockLength(), seed: 1);
        var y = RoundTrip(x, type);
        return x.Chunk(type.BlockLength()).Zip(y.Chunk(type.BlockLength()));
    }

    private static float[] RoundTrip(float[] x, DType type)
    {
        var blocks = new byte[type.BytesOf(x.Length)];
        var y = new float[x.Length];
        Blocks.Encode(blocks, x, type);
        Blocks.Decode(y, blocks, type);
        return y;
    }

    private static double Plain(float[] x, DType type) => type switch
    {
        DType.Q2_K => NaiveQuantiser.AffineError(x, 16, topCode: 3, topScale: 15),
        DType.Q4_K => NaiveQuantiser.AffineError(x, 32, topCode: 15, topScale: 63),
        DType.Q5_K => NaiveQuantiser.AffineError(x, 32, topCode: 31, topScale: 63),
        DType.Q3_K => NaiveQuantiser.SymmetricError(x, 16, [.. Enumerable.Range(-4, 8)], lowScale: -32),
        DType.Q6_K => NaiveQuantiser.SymmetricError(x, 16, [.. Enumerable.Range(-32, 64)], lowScale: -128),
        DType.IQ4_XS => NaiveQuantiser.SymmetricError(x, 32, s_iq4, lowScale: -32),
        _ => NaiveQuantiser.TableError(x, s_iq4),
    };

    private static IEnumerable<(string, float[])> Kinds()
    {
        const int count = 256 * 33;
        var normal = Sample.Normal(count, seed: 7);
        var random = new Random(8);
        yield return ("normal", normal);
        yield return ("weights", normal.Select(v => 0.02f * v).ToArray());
        yield return ("shifted", normal.Select(v => v + 1.5f).ToArray());
        yield return ("uniform", normal.Select(_ => random.NextSingle() - 0.5f).ToArray());
        yield return ("heavy tails", normal.Select(v => v * v * v).ToArray());
        yield return ("outliers", normal.Select((v, i) => i % 100 == 0 ? 20 * v : v).ToArray());
        yield return ("sparse", normal.Select((v, i) => i % 5 == 0 ? v : 0).ToArray());
    }
}
