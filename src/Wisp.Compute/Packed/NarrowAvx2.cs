using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// <see cref="NarrowTile"/> in 256-bit vectors: 16 rows of a panel times up to 6 tokens, for codes of few bits on a
/// processor that has neither AVX-512 nor the instruction for dot products. The same bits.
/// </summary>
/// <remarks>12 sums of 16 bits and their operands fill the 16 registers; the float32 sums stay in memory.</remarks>
internal static unsafe class NarrowAvx2
{
    /// <param name="y">16 floats for each token, which the sums start from.</param>
    /// <param name="p">A panel, at the first or the second 16 of its rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TKind, TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, Panel p, int blocks)
        where TKind : IPanelKind where TTokens : ITokens
    {
        InputBlock* a0 = a, a1 = a0 + aStride, a2 = a1 + aStride, a3 = a2 + aStride, a4 = a3 + aStride,
            a5 = a4 + aStride;
        for (var b = 0; b < blocks; b++, a0++, a1++, a2++, a3++, a4++, a5++)
            for (var part = 0; part < InputBlock.Length / TKind.ScaleLength; part++)
            {
                Vector256<int> n00 = default, n01 = default, n10 = default, n11 = default, n20 = default,
                    n21 = default, n30 = default, n31 = default, n40 = default, n41 = default, n50 = default,
                    n51 = default;
                var step = part * TKind.ScaleLength / 4;
                var end = step + TKind.ScaleLength / 4;
                do
                {
                    Vector256<short> i00 = default, i01 = default, i10 = default, i11 = default, i20 = default,
                        i21 = default, i30 = default, i31 = default, i40 = default, i41 = default, i50 = default,
                        i51 = default;
                    for (var stop = step + TKind.NarrowSteps; step < stop; step++, p.Codes += Panel.StepBytes)
                    {
                        Sse.Prefetch1(p.Ahead);
                        p.Ahead += p.AheadBytes;
                        Vector256<byte> w0 = Vector256.Load(p.Codes), w1 = Vector256.Load(p.Codes + 32);
                        var v = Vector256.Create(((int*)a0)[step]).AsSByte();
                        (i00, i01) = (Add(i00, w0, v), Add(i01, w1, v));
                        if (TTokens.Count > 1)
                        {
                            v = Vector256.Create(((int*)a1)[step]).AsSByte();
                            (i10, i11) = (Add(i10, w0, v), Add(i11, w1, v));
                        }

                        if (TTokens.Count > 2)
                        {
                            v = Vector256.Create(((int*)a2)[step]).AsSByte();
                            (i20, i21) = (Add(i20, w0, v), Add(i21, w1, v));
                            v = Vector256.Create(((int*)a3)[step]).AsSByte();
                            (i30, i31) = (Add(i30, w0, v), Add(i31, w1, v));
                        }

                        if (TTokens.Count > 4)
                        {
                            v = Vector256.Create(((int*)a4)[step]).AsSByte();
                            (i40, i41) = (Add(i40, w0, v), Add(i41, w1, v));
                            v = Vector256.Create(((int*)a5)[step]).AsSByte();
                            (i50, i51) = (Add(i50, w0, v), Add(i51, w1, v));
                        }
                    }

                    (n00, n01) = (n00 + Widen(i00), n01 + Widen(i01));
                    if (TTokens.Count > 1)
                        (n10, n11) = (n10 + Widen(i10), n11 + Widen(i11));

                    if (TTokens.Count > 2)
                    {
                        (n20, n21) = (n20 + Widen(i20), n21 + Widen(i21));
                        (n30, n31) = (n30 + Widen(i30), n31 + Widen(i31));
                    }

                    if (TTokens.Count > 4)
                    {
                        (n40, n41) = (n40 + Widen(i40), n41 + Widen(i41));
                        (n50, n51) = (n50 + Widen(i50), n51 + Widen(i51));
                    }
                }
                while (TKind.NarrowSteps < TKind.ScaleLength / 4 && step < end);

                Scale<TKind>(y, n00, n01, p, a0, part);
                if (TTokens.Count > 1)
                    Scale<TKind>(y + stride, n10, n11, p, a1, part);
                if (TTokens.Count > 2)
                {
                    Scale<TKind>(y + 2 * stride, n20, n21, p, a2, part);
                    Scale<TKind>(y + 3 * stride, n30, n31, p, a3, part);
                }

                if (TTokens.Count > 4)
                {
                    Scale<TKind>(y + 4 * stride, n40, n41, p, a4, part);
                    Scale<TKind>(y + 5 * stride, n50, n51, p, a5, part);
                }

                p.Scales += Panel.Rows;
                p.Minima += Panel.Rows;
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Widen(Vector256<short> pairs) =>
        Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One);

    /// <summary>
    /// y + float(sum − zero·Σa)·(s·s_a), and + m·Σ s_a·a where there are minima; sums of codes of eight bits come
    /// without their zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scaled<TKind>(
        Vector256<float> y, Vector256<int> sum, Vector256<float> s, Vector256<float> m, InputBlock* a, int part)
        where TKind : IPanelKind
    {
        var whole = TKind.ScaleLength == InputBlock.Length;
        if (!TKind.HasMinima && TKind.NarrowSteps > 0)
        {
            var at = whole ? InputBlock.SumAt : InputBlock.HalfSumsAt + part;
            sum += Vector256.Create(((int*)a)[at]) << TKind.ZeroShift;
        }

        y = Vector256.FusedMultiplyAdd(
            Vector256.ConvertToSingle(sum), s * Vector256.Create(((float*)a)[InputBlock.ScaleAt]), y);
        if (!TKind.HasMinima)
            return y;
        var sumAt = whole ? InputBlock.ScaledSumAt : InputBlock.ScaledHalfSumsAt + part;
        return Vector256.FusedMultiplyAdd(Vector256.Create(((float*)a)[sumAt]), m, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Add(Vector256<short> sum, Vector256<byte> w, Vector256<sbyte> a) =>
        sum + Avx2.MultiplyAddAdjacent(w, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TKind>(
        float* y, Vector256<int> low, Vector256<int> high, in Panel p, InputBlock* a, int part) where TKind : IPanelKind
    {
        Vector256<float> m0 = default, m1 = default;
        if (TKind.HasMinima)
            (m0, m1) = (Vector256.Load(p.Minima), Vector256.Load(p.Minima + 8));
        Scaled<TKind>(Vector256.Load(y), low, Vector256.Load(p.Scales), m0, a, part).Store(y);
        Scaled<TKind>(Vector256.Load(y + 8), high, Vector256.Load(p.Scales + 8), m1, a, part).Store(y + 8);
    }
}
