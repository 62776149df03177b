using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// The same product as <see cref="IntegerTile"/>, bit for bit, for codes of few bits on a processor with AVX-512: all
/// 32 rows of a panel times up to 6 tokens in 512-bit vectors.
/// </summary>
/// <remarks>
/// An instruction adds the products of two bytes into 16 bits. With codes up to 15 all eight of a scale of 32 values
/// stay below 8·2·15·127 = 30,480, so they are added as 16 bits and widened once; codes of five bits are widened after
/// four, of six bits after two. An instruction does twice the work of the 256-bit dot product, the widest that the
/// platform offers.
/// </remarks>
internal static unsafe class NarrowTile
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TKind, TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, Panel p, int blocks)
        where TKind : IPanelKind where TTokens : ITokens
    {
        InputBlock* a0 = a, a1 = a0 + aStride, a2 = a1 + aStride, a3 = a2 + aStride, a4 = a3 + aStride,
            a5 = a4 + aStride;
        float* y1 = y + stride, y2 = y1 + stride, y3 = y2 + stride, y4 = y3 + stride, y5 = y4 + stride;
        Vector512<float> f00 = default, f01 = default, f10 = default, f11 = default, f20 = default, f21 = default,
            f30 = default, f31 = default, f40 = default, f41 = default, f50 = default, f51 = default;
        (f00, f01) = (Vector512.Load(y), Vector512.Load(y + 16));
        if (TTokens.Count > 1)
            (f10, f11) = (Vector512.Load(y1), Vector512.Load(y1 + 16));
        if (TTokens.Count > 2)
        {
            (f20, f21) = (Vector512.Load(y2), Vector512.Load(y2 + 16));
            (f30, f31) = (Vector512.Load(y3), Vector512.Load(y3 + 16));
        }

        if (TTokens.Count > 4)
        {
            (f40, f41) = (Vector512.Load(y4), Vector512.Load(y4 + 16));
            (f50, f51) = (Vector512.Load(y5), Vector512.Load(y5 + 16));
        }

        for (var b = 0; b < blocks; b++)
        {
            for (var part = 0; part < InputBlock.Length / TKind.ScaleLength; part++)
            {
                Vector512<int> n00 = default, n01 = default, n10 = default, n11 = default, n20 = default,
                    n21 = default, n30 = default, n31 = default, n40 = default, n41 = default, n50 = default,
                    n51 = default;
                var step = part * TKind.ScaleLength / 4;
                var end = step + TKind.ScaleLength / 4;
                do
                {
                    Vector512<short> i00 = default, i01 = default, i10 = default, i11 = default, i20 = default,
                        i21 = default, i30 = default, i31 = default, i40 = default, i41 = default, i50 = default,
                        i51 = default;
                    for (var stop = step + TKind.NarrowSteps; step < stop; step++, p.Codes += Panel.StepBytes)
                    {
                        Vector512<byte> w0 = Vector512.Load(p.Codes), w1 = Vector512.Load(p.Codes + 64);
                        var v = Vector512.Create(((int*)a0)[step]).AsSByte();
                        (i00, i01) = (Add(i00, w0, v), Add(i01, w1, v));
                        if (TTokens.Count > 1)
                        {
                            v = Vector512.Create(((int*)a1)[step]).AsSByte();
                            (i10, i11) = (Add(i10, w0, v), Add(i11, w1, v));
                        }

                        if (TTokens.Count > 2)
                        {
                            v = Vector512.Create(((int*)a2)[step]).AsSByte();
                            (i20, i21) = (Add(i20, w0, v), Add(i21, w1, v));
                            v = Vector512.Create(((int*)a3)[step]).AsSByte();
                            (i30, i31) = (Add(i30, w0, v), Add(i31, w1, v));
                        }

                        if (TTokens.Count > 4)
                        {
                            v = Vector512.Create(((int*)a4)[step]).AsSByte();
                            (i40, i41) = (Add(i40, w0, v), Add(i41, w1, v));
                            v = Vector512.Create(((int*)a5)[step]).AsSByte();
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

                Vector512<float> s0 = Vector512.Load(p.Scales), s1 = Vector512.Load(p.Scales + 16), m0 = default,
                    m1 = default;
                p.Scales += Panel.Rows;
                if (TKind.HasMinima)
                {
                    (m0, m1) = (Vector512.Load(p.Minima), Vector512.Load(p.Minima + 16));
                    p.Minima += Panel.Rows;
                }

                (f00, f01) = (Scaled<TKind>(f00, n00, s0, m0, a0, part), Scaled<TKind>(f01, n01, s1, m1, a0, part));
                if (TTokens.Count > 1)
                    (f10, f11) = (Scaled<TKind>(f10, n10, s0, m0, a1, part), Scaled<TKind>(f11, n11, s1, m1, a1, part));
                if (TTokens.Count > 2)
                {
                    (f20, f21) = (Scaled<TKind>(f20, n20, s0, m0, a2, part), Scaled<TKind>(f21, n21, s1, m1, a2, part));
                    (f30, f31) = (Scaled<TKind>(f30, n30, s0, m0, a3, part), Scaled<TKind>(f31, n31, s1, m1, a3, part));
                }

                if (TTokens.Count > 4)
                {
                    (f40, f41) = (Scaled<TKind>(f40, n40, s0, m0, a4, part), Scaled<TKind>(f41, n41, s1, m1, a4, part));
                    (f50, f51) = (Scaled<TKind>(f50, n50, s0, m0, a5, part), Scaled<TKind>(f51, n51, s1, m1, a5, part));
                }
            }

            a0++;
            a1++;
            a2++;
            a3++;
            a4++;
            a5++;
        }

        Store(y, f00, f01);
        if (TTokens.Count > 1)
            Store(y1, f10, f11);
        if (TTokens.Count > 2)
        {
            Store(y2, f20, f21);
            Store(y3, f30, f31);
        }

        if (TTokens.Count > 4)
        {
            Store(y4, f40, f41);
            Store(y5, f50, f51);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Add(Vector512<short> sum, Vector512<byte> w, Vector512<sbyte> a) =>
        sum + Avx512BW.MultiplyAddAdjacent(w, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Widen(Vector512<short> pairs) =>
        Avx512BW.MultiplyAddAdjacent(pairs, Vector512<short>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scaled<TKind>(
        Vector512<float> y, Vector512<int> sum, Vector512<float> s, Vector512<float> m, InputBlock* a, int part)
        where TKind : IPanelKind
    {
        var whole = TKind.ScaleLength == InputBlock.Length;
        if (!TKind.HasMinima)
        {
            var at = whole ? InputBlock.SumAt : InputBlock.HalfSumsAt + part;
            sum += Vector512.Create(((int*)a)[at]) << TKind.ZeroShift;
        }

        y = Vector512.FusedMultiplyAdd(
            Vector512.ConvertToSingle(sum), s * Vector512.Create(((float*)a)[InputBlock.ScaleAt]), y);
        if (!TKind.HasMinima)
            return y;
        var sumAt = whole ? InputBlock.ScaledSumAt : InputBlock.ScaledHalfSumsAt + part;
        return Vector512.FusedMultiplyAdd(Vector512.Create(((float*)a)[sumAt]), m, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector512<float> low, Vector512<float> high)
    {
        low.Store(y);
        high.Store(y + 16);
    }
}
