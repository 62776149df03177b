using System.Numerics;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// The passes over a whole vocabulary that picking a token needs, each at the speed of the cache: one core reads the
/// 128 k logits of a large vocabulary in about ten microseconds.
/// </summary>
public static unsafe class LogitScan
{
    /// <summary>Scores under one maximum in <see cref="BlockMax"/>: four vectors, one cache line each.</summary>
    public const int BlockFloats = 4 * W;

    public static int Blocks(int length) => (length + BlockFloats - 1) / BlockFloats;

    /// <summary>The index of the first score that is NaN or +∞, or -1. -∞ is a score like any other.</summary>
    public static int FirstBroken(ReadOnlySpan<float> x)
    {
        var n = x.Length;
        var i = 0;
        fixed (float* p = x)
        {
            var most = Vector512.Create(float.MaxValue);
            // ≤ is false for NaN too, so one comparison finds both.
            for (; i <= n - W; i += W)
                if (!Vector512.LessThanOrEqualAll(Vector512.Load(p + i), most))
                    break;
            for (; i < n; i++)
                if (!(p[i] <= float.MaxValue))
                    return i;
        }

        return -1;
    }

    /// <summary>The largest score of every <see cref="BlockFloats"/>; no score may be NaN.</summary>
    public static void BlockMax(Span<float> max, ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(max.Length, Blocks(x.Length));
        var n = x.Length;
        fixed (float* p = x)
        {
            for (var b = 0; b < max.Length; b++)
            {
                var i = b * BlockFloats;
                if (i <= n - BlockFloats)
                {
                    var low = Vector512.MaxNative(Vector512.Load(p + i), Vector512.Load(p + i + W));
                    var high = Vector512.MaxNative(Vector512.Load(p + i + 2 * W), Vector512.Load(p + i + 3 * W));
                    max[b] = Max(Vector512.MaxNative(low, high));
                    continue;
                }

                max[b] = p[i];
                for (i++; i < n; i++)
                    max[b] = MathF.Max(max[b], p[i]);
            }
        }
    }

    /// <summary>
    /// Writes the indices of all scores that are at least <paramref name="floor"/>, ascending, and returns how many.
    /// </summary>
    /// <param name="ids">As long as x.</param>
    public static int AtLeast(Span<int> ids, ReadOnlySpan<float> x, float floor)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ids.Length, x.Length);
        var n = x.Length;
        var (i, count) = (0, 0);
        fixed (float* p = x)
        {
            var least = Vector512.Create(floor);
            for (; i <= n - W; i += W)
                for (var mask = Vector512.GreaterThanOrEqual(Vector512.Load(p + i), least).ExtractMostSignificantBits();
                    mask != 0; mask &= mask - 1)
                    ids[count++] = i + BitOperations.TrailingZeroCount(mask);
            for (; i < n; i++)
                if (p[i] >= floor)
                    ids[count++] = i;
        }

        return count;
    }

    /// <summary>x /= divisor</summary>
    public static void Divide(Span<float> x, float divisor)
    {
        var i = 0;
        fixed (float* p = x)
        {
            for (; i <= x.Length - W; i += W)
                (Vector512.Load(p + i) / divisor).Store(p + i);
            for (; i < x.Length; i++)
                p[i] /= divisor;
        }
    }

    /// <summary>y = exp(x − max), and the sum of y in float64; y and x may be the same.</summary>
    public static double Exp(Span<float> y, ReadOnlySpan<float> x, float max)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        var n = x.Length;
        var i = 0;
        fixed (float* py = y, px = x)
        {
            var top = Vector512.Create(max);
            Vector512<double> s0 = default, s1 = default;
            for (; i <= n - W; i += W)
            {
                var e = FastMath.Exp(Vector512.Load(px + i) - top);
                e.Store(py + i);
                var (low, high) = Vector512.Widen(e);
                s0 += low;
                s1 += high;
            }

            var sum = Sum(s0 + s1);
            if (i < n)
            {
                StoreFirst(py + i, n - i, FastMath.Exp(LoadFirst(px + i, n - i) - top));
                for (; i < n; i++)
                    sum += py[i];
            }

            return sum;
        }
    }
}
