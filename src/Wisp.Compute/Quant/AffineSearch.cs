using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Chooses all numbers of a block of 256 whose sub-blocks are x ≈ d·s·q − dmin·m: integers q in [0, Q], s and m in
/// [0, S] for each sub-block, binary16 d and dmin for all. What is minimised is the squared error of the decoded
/// values.
/// </summary>
/// <remarks>
/// <para>1. Each sub-block alone, its step a and depth b real numbers: min Σ(x − a·q + b)² over a, b ≥ 0 and q. For
/// given a, b the best q is the nearest integer; for given q it is a line through the points (q, x): a = (n·Σqx −
/// Σq·Σx) / (n·Σq² − (Σq)²) and b = (a·Σq − Σx)/n, or a = Σqx/Σq², b = 0 where b would be negative. The two alternate
/// (Lloyd 1982, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28) and each step lowers the error, but
/// only to a local minimum: so sixteen starts run at once, one in each lane, from ranges that are a little wider or
/// narrower than the values.</para>
/// <para>2. All together: for several (d, dmin) near max a / S and max b / S, each sub-block takes the best of 4 x 4
/// integers (s, m) around (a/d, b/dmin), judged by the true error. Step and depth are judged as a pair, because
/// rounding one moves the best place of the other.</para>
/// <para>3. With s, m, q fixed the error is quadratic in (d, dmin): the normal equations give a better pair, and 2 is
/// repeated with it for as long as that helps.</para>
/// </remarks>
internal static unsafe class AffineSearch
{
    private const int Length = 256, MaxSubBlocks = 16;
    // Of Lloyd's alternation, of d, of steps 3 and 2: twice as many of any lower the error of normally distributed
    // values by less than 0.2 %.
    private const int Passes = 4, Trials = 8, Refinements = 3;

    private static Vector512<float> Quarter => Vector512.Create(0f, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);

    private static Vector512<float> Fourth => Vector512.Create(0f, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);

    /// <returns>d and dmin, which are halves already.</returns>
    public static (float D, float DMin) Encode(
        byte* q, byte* scales, byte* minima, float* x, int subBlock, int topCode, int topScale)
    {
        float* steps = stackalloc float[MaxSubBlocks], depths = stackalloc float[MaxSubBlocks];
        float topStep = 0, topDepth = 0;
        for (var j = 0; j < Length / subBlock; j++)
        {
            (steps[j], depths[j]) = Free(x + j * subBlock, subBlock, topCode);
            topStep = MathF.Max(topStep, steps[j]);
            topDepth = MathF.Max(topDepth, depths[j]);
        }

        var best = new Choice { Error = float.PositiveInfinity };
        for (var t = 0; t < Trials; t++)
        {
            var trial = new Choice
            {
                D = Halves.Up(topStep / (topScale - t)), DMin = Halves.Up(topDepth / (topScale - t)),
            };
            Fit(ref trial, x, steps, depths, subBlock, topCode, topScale);
            if (trial.Error < best.Error)
                best = trial;
        }

        for (var r = 0; r < Refinements; r++)
        {
            Codes(q, best, x, subBlock, topCode);
            var next = LeastSquares(best, q, x, subBlock);
            Fit(ref next, x, steps, depths, subBlock, topCode, topScale);
            if (!(next.Error < best.Error))
                break;
            best = next;
        }

        Codes(q, best, x, subBlock, topCode);
        for (var j = 0; j < Length / subBlock; j++)
            (scales[j], minima[j]) = (best.Scales[j], best.Minima[j]);
        return (best.D, best.DMin);
    }

    private struct Choice
    {
        public float D, DMin, Error;
        public fixed byte Scales[MaxSubBlocks], Minima[MaxSubBlocks];
    }

    // Step 1: the real (a, b) of one sub-block.
    private static (float Step, float Depth) Free(float* x, int n, int topCode)
    {
        var (min, max) = Extremes.Range(x, n);
        min = MathF.Min(min, 0); // b ≥ 0: a range above zero begins at zero
        var step = (max - min) / topCode;
        if (!(step > 0))
            return (0, -min);

        // Each end moves inwards by -0.4, 0, 0.4 or 0.8 steps.
        Vector512<float> one = Vector512<float>.One, unit = Vector512.Create(0.4f * step);
        var b = -(Vector512.Create(min) + (Quarter - one) * unit);
        var top = Vector512.Create(max) - (Fourth - one) * unit;
        b = Vector512.Max(b, Vector512<float>.Zero);
        var a = (top + b) / Vector512.Create((float)topCode);

        var (count, sumX) = (Vector512.Create((float)n), 0f);
        for (var i = 0; i < n; i++)
            sumX += x[i];
        Vector512<float> bestError = Vector512.Create(float.PositiveInfinity), bestA = a, bestB = b;
        for (var pass = 0; pass < Passes; pass++)
        {
            Vector512<float> inverse = Vector512<float>.One / a, zero = Vector512<float>.Zero;
            var limit = Vector512.Create((float)topCode);
            Vector512<float> error = zero, sumQ = zero, sumQQ = zero, sumQX = zero;
            for (var i = 0; i < n; i++)
            {
                var v = Vector512.Create(x[i]);
                var q = Nearest((v + b) * inverse, limit);
                var e = v + b - a * q;
                error = Simd.Fma(e, e, error);
                sumQ += q;
                sumQQ = Simd.Fma(q, q, sumQQ);
                sumQX = Simd.Fma(q, v, sumQX);
            }

            var better = Vector512.LessThan(error, bestError);
            bestError = Vector512.ConditionalSelect(better, error, bestError);
            bestA = Vector512.ConditionalSelect(better, a, bestA);
            bestB = Vector512.ConditionalSelect(better, b, bestB);

            var line = (count * sumQX - sumQ * Vector512.Create(sumX)) / (count * sumQQ - sumQ * sumQ);
            var depth = (line * sumQ - Vector512.Create(sumX)) / count;
            var through = Vector512.LessThan(depth, zero);
            line = Vector512.ConditionalSelect(through, sumQX / sumQQ, line);
            depth = Vector512.ConditionalSelect(through, zero, depth);
            // All q alike: no line, so the depth stays; and where that gives no step either, all stays.
            var usable = IsStep(line);
            line = Vector512.ConditionalSelect(usable, line, (sumQX + b * sumQ) / sumQQ);
            b = Vector512.ConditionalSelect(usable, depth, b);
            a = Vector512.ConditionalSelect(IsStep(line), line, a);
        }

        var lane = Lanes.IndexOfMin(bestError, out _);
        return (bestA[lane], bestB[lane]);

        static Vector512<float> IsStep(Vector512<float> v) => Vector512.GreaterThan(v, Vector512<float>.Zero) &
            Vector512.LessThan(v, Vector512.Create(float.MaxValue));
    }

    // Step 2: the best integers for given d and dmin, and the error that remains.
    private static void Fit(
        ref Choice choice, float* x, float* steps, float* depths, int n, int topCode, int topScale)
    {
        choice.Error = 0;
        var limit = Vector512.Create((float)topCode);
        for (var j = 0; j < Length / n; j++)
        {
            float firstScale = First(steps[j], choice.D), firstMinimum = First(depths[j], choice.DMin);
            var s = Clamped(Vector512.Create(firstScale) + Quarter, topScale);
            var m = Clamped(Vector512.Create(firstMinimum) + Fourth, topScale);
            Vector512<float> a = s * Vector512.Create(choice.D), b = m * Vector512.Create(choice.DMin);
            var inverse = Inverse(a);
            var error = Vector512<float>.Zero;
            for (var i = j * n; i < j * n + n; i++)
            {
                var v = Vector512.Create(x[i]) + b;
                var e = v - a * Nearest(v * inverse, limit);
                error = Simd.Fma(e, e, error);
            }

            var lane = Lanes.IndexOfMin(error, out var least);
            choice.Scales[j] = (byte)s[lane];
            choice.Minima[j] = (byte)m[lane];
            choice.Error += least;
        }

        static float First(float wanted, float unit) => unit > 0 ? MathF.Floor(wanted / unit) - 1 : 0;

        static Vector512<float> Clamped(Vector512<float> v, int top) =>
            Vector512.Min(Vector512.Max(v, Vector512<float>.Zero), Vector512.Create((float)top));
    }

    // Step 3: the (d, dmin) that suit the integers best: with A = s·q and B = m, the solution of
    // d·ΣA² − dmin·ΣAB = ΣAx and d·ΣAB − dmin·ΣB² = ΣBx.
    private static Choice LeastSquares(in Choice choice, byte* q, float* x, int n)
    {
        double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
        for (var j = 0; j < Length / n; j++)
        {
            int sumQ = 0, sumQQ = 0;
            double sumX = 0, sumQX = 0;
            for (var i = j * n; i < j * n + n; i++)
            {
                sumQ += q[i];
                sumQQ += q[i] * q[i];
                sumX += x[i];
                sumQX += (double)q[i] * x[i];
            }

            double s = choice.Scales[j], m = choice.Minima[j];
            aa += s * s * sumQQ;
            ab += s * m * sumQ;
            bb += m * m * n;
            ax += s * sumQX;
            bx += m * sumX;
        }

        var determinant = aa * bb - ab * ab;
        var (d, dmin) = determinant > 0
            ? ((ax * bb - ab * bx) / determinant, (ab * ax - aa * bx) / determinant)
            : (aa > 0 ? ax / aa : 0, choice.DMin);
        return d >= 0 && dmin >= 0
            ? new Choice { D = Halves.Nearest((float)d), DMin = Halves.Nearest((float)dmin) }
            : choice;
    }

    private static void Codes(byte* q, in Choice choice, float* x, int n, int topCode)
    {
        var limit = Vector512.Create((float)topCode);
        for (var i = 0; i < Length; i += 16)
        {
            var a = Vector512.Create(choice.D * choice.Scales[i / n]);
            var b = Vector512.Create(choice.DMin * choice.Minima[i / n]);
            var code = Vector512.ConvertToInt32(Nearest((Vector512.Load(x + i) + b) * Inverse(a), limit));
            Lanes.StoreBytes(q + i, code);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Nearest(Vector512<float> v, Vector512<float> limit) =>
        Vector512.MinNative(Vector512.MaxNative(Vector512.Round(v), Vector512<float>.Zero), limit);

    private static Vector512<float> Inverse(Vector512<float> a) => Vector512.ConditionalSelect(
        Vector512.GreaterThan(a, Vector512<float>.Zero), Vector512<float>.One / a, Vector512<float>.Zero);
}
