using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Chooses all numbers of a block whose sub-blocks are x ≈ d·s·c: codes c of a book, an integer s for each sub-block
/// and a binary16 d for all. What is minimised is the squared error of the decoded values.
/// </summary>
/// <remarks>
/// <para>1. Each sub-block alone, its step a real number: min Σ(x − a·c)² over a and c. For given a the best c is the
/// nearest; for given c the best a is Σcx/Σc². The two alternate (Lloyd 1982, "Least squares quantization in PCM",
/// IEEE Trans. Inf. Theory 28) from sixteen starts, one in each lane: eight steps that put the largest value near the
/// end of the book, with both signs, because no book reaches as far up as down.</para>
/// <para>2. All together: for several d near max|a| / max|s|, each sub-block takes the best of eight integers s
/// around its positive a/d and eight around its negative one, judged by the true error.</para>
/// <para>3. With s and c fixed the best d is Σ(s·c·x)/Σ(s·c)²; 2 is repeated with it for as long as that
/// helps.</para>
/// </remarks>
internal static unsafe class SymmetricSearch<TBook> where TBook : struct, ICodebook
{
    private const int Length = 256, MaxSubBlocks = 16;
    // Of Lloyd's alternation, of d, of steps 3 and 2: twice as many of any lower the error of normally distributed
    // values by less than 0.2 %.
    private const int Passes = 4, Trials = 8, Refinements = 3;

    // Lanes 0-7 go with a positive step, 8-15 with a negative one.
    private static Vector512<float> Signs =>
        Vector512.Create(Vector256.Create(1f), Vector256.Create(-1f));

    /// <summary>How far the largest value lies beyond the last code, in spacings: the rest is cut off.</summary>
    private static Vector512<float> Beyond => Vector512.Create(
        0, -0.6f, -0.3f, 0.3f, 0.6f, 1, 1.5f, 2.2f, 0, -0.6f, -0.3f, 0.3f, 0.6f, 1, 1.5f, 2.2f);

    private static Vector512<float> Around =>
        Vector512.Create(-3f, -2, -1, 0, 1, 2, 3, 4, -3, -2, -1, 0, 1, 2, 3, 4);

    /// <summary>256 values with a scale for every sub-block; the codes are code values, not indices.</summary>
    /// <returns>d, which is a half already.</returns>
    public static float Encode(sbyte* codes, sbyte* scales, float* x, int subBlock, int lowScale, int topScale)
    {
        float* up = stackalloc float[MaxSubBlocks], down = stackalloc float[MaxSubBlocks];
        float topUp = 0, topDown = 0;
        for (var j = 0; j < Length / subBlock; j++)
        {
            Free(x + j * subBlock, subBlock, out var steps, out var errors);
            (up[j], down[j]) = Winners(steps, errors);
            topUp = MathF.Max(topUp, up[j]);
            topDown = MathF.Min(topDown, down[j]);
        }

        var best = new Choice { Error = float.PositiveInfinity };
        for (var t = 0; t < Trials; t++)
        {
            var trial = new Choice { D = Halves.Up((t % 2 == 0 ? topUp : topDown) / (lowScale + t / 2)) };
            Fit(ref trial, x, up, down, subBlock, lowScale, topScale);
            if (trial.Error < best.Error)
                best = trial;
        }

        for (var r = 0; r < Refinements; r++)
        {
            Codes(codes, best, x, subBlock);
            var next = LeastSquares(best, codes, x, subBlock);
            Fit(ref next, x, up, down, subBlock, lowScale, topScale);
            if (!(next.Error < best.Error))
                break;
            best = next;
        }

        Codes(codes, best, x, subBlock);
        for (var j = 0; j < Length / subBlock; j++)
            scales[j] = best.Scales[j];
        return best.D;
    }

    /// <summary>n values with one scale, the step itself.</summary>
    /// <returns>The step, which is a half already.</returns>
    public static float Encode(sbyte* codes, float* x, int n)
    {
        Free(x, n, out var steps, out _);
        var halves = stackalloc float[16];
        for (var lane = 0; lane < 16; lane++)
            halves[lane] = Halves.Nearest(steps[lane]);
        steps = Vector512.Load(halves);
        var step = steps[Lanes.IndexOfMin(Errors(x, n, steps), out _)];
        for (var i = 0; i < n; i += 16)
            Codes(codes + i, x + i, step);
        return step;
    }

    private struct Choice
    {
        public float D, Error;
        public fixed sbyte Scales[MaxSubBlocks];
    }

    // Step 1: the real step of one sub-block, in every lane, and its error.
    private static void Free(float* x, int n, out Vector512<float> bestStep, out Vector512<float> bestError)
    {
        var top = Extremes.Signed(x, n);
        var last = Vector512.ConditionalSelect(
            Vector512.GreaterThan(Signs * Vector512.Create(top), Vector512<float>.Zero),
            Vector512.Create((float)TBook.Highest), Vector512.Create((float)-TBook.Lowest));
        var step = Signs * Vector512.Create(MathF.Abs(top)) / (last + Beyond * Vector512.Create(TBook.Spacing));
        bestStep = step;
        bestError = Vector512.Create(float.PositiveInfinity);
        for (var pass = 0; pass < Passes; pass++)
        {
            Vector512<float> zero = Vector512<float>.Zero, inverse = Inverse(step);
            Vector512<float> error = zero, sumCC = zero, sumCX = zero;
            for (var i = 0; i < n; i++)
            {
                var v = Vector512.Create(x[i]);
                var c = TBook.Nearest(v * inverse);
                var e = v - step * c;
                error = Simd.Fma(e, e, error);
                sumCC = Simd.Fma(c, c, sumCC);
                sumCX = Simd.Fma(c, v, sumCX);
            }

            var better = Vector512.LessThan(error, bestError);
            bestError = Vector512.ConditionalSelect(better, error, bestError);
            bestStep = Vector512.ConditionalSelect(better, step, bestStep);
            // A lane whose codes are all zero stays where it is.
            step = Vector512.ConditionalSelect(Vector512.GreaterThan(sumCC, zero), sumCX / sumCC, step);
        }
    }

    // The best positive step and the best negative one.
    private static (float Up, float Down) Winners(Vector512<float> steps, Vector512<float> errors)
    {
        var none = Vector512.Create(float.PositiveInfinity);
        var positive = Vector512.GreaterThan(Signs, Vector512<float>.Zero);
        var up = Lanes.IndexOfMin(Vector512.ConditionalSelect(positive, errors, none), out _);
        var down = Lanes.IndexOfMin(Vector512.ConditionalSelect(positive, none, errors), out _);
        return (steps[up], steps[down]);
    }

    // Step 2: the best scales for given d, and the error that remains.
    private static void Fit(ref Choice choice, float* x, float* up, float* down, int n, int lowScale, int topScale)
    {
        choice.Error = 0;
        var inverse = choice.D != 0 ? 1 / choice.D : 0;
        for (var j = 0; j < Length / n; j++)
        {
            var middle = Vector512.Create(
                Vector256.Create(MathF.Floor(up[j] * inverse)), Vector256.Create(MathF.Floor(down[j] * inverse)));
            var s = Vector512.Min(
                Vector512.Max(middle + Around, Vector512.Create((float)lowScale)), Vector512.Create((float)topScale));
            var errors = Errors(x + j * n, n, s * Vector512.Create(choice.D));
            var lane = Lanes.IndexOfMin(errors, out var least);
            choice.Scales[j] = (sbyte)s[lane];
            choice.Error += least;
        }
    }

    // Step 3.
    private static Choice LeastSquares(in Choice choice, sbyte* codes, float* x, int n)
    {
        double numerator = 0, denominator = 0;
        for (var i = 0; i < Length; i++)
        {
            double product = choice.Scales[i / n] * codes[i];
            numerator += product * x[i];
            denominator += product * product;
        }

        return denominator > 0 ? new Choice { D = Halves.Nearest((float)(numerator / denominator)) } : choice;
    }

    private static Vector512<float> Errors(float* x, int n, Vector512<float> steps)
    {
        Vector512<float> error = Vector512<float>.Zero, inverse = Inverse(steps);
        for (var i = 0; i < n; i++)
        {
            var v = Vector512.Create(x[i]);
            var e = v - steps * TBook.Nearest(v * inverse);
            error = Simd.Fma(e, e, error);
        }

        return error;
    }

    private static void Codes(sbyte* codes, in Choice choice, float* x, int n)
    {
        for (var i = 0; i < Length; i += 16)
            Codes(codes + i, x + i, choice.D * choice.Scales[i / n]);
    }

    private static void Codes(sbyte* codes, float* x, float step)
    {
        var nearest = TBook.Nearest(Vector512.Load(x) * Inverse(Vector512.Create(step)));
        Lanes.StoreBytes((byte*)codes, Vector512.ConvertToInt32(nearest));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Inverse(Vector512<float> a) => Vector512.ConditionalSelect(
        Vector512.Equals(a, Vector512<float>.Zero), Vector512<float>.Zero, Vector512<float>.One / a);
}
