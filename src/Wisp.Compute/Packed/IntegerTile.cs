using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>A number of tokens that a tile takes at once, as a constant that the JIT folds.</summary>
internal interface ITokens
{
    static abstract int Count { get; }
}

internal readonly struct OneToken : ITokens
{
    public static int Count => 1;
}

internal readonly struct TwoTokens : ITokens
{
    public static int Count => 2;
}

internal readonly struct FourTokens : ITokens
{
    public static int Count => 4;
}

internal readonly struct SixTokens : ITokens
{
    public static int Count => 6;
}

/// <summary>sum + Σ of the 4 products in every 32-bit lane, of codes 0 to 255 with bytes −127 to 127; exact.</summary>
internal interface IDot
{
    static abstract Vector256<int> Add(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> a);
}

/// <summary>The instruction made for it.</summary>
internal readonly struct VnniDot : IDot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> a) =>
        AvxVnni.MultiplyWideningAndAdd(sum, w, a);
}

/// <summary>Any processor: a byte at a time out of every lane.</summary>
internal readonly struct PortableDot : IDot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> a)
    {
        var (u, s) = (w.AsInt32(), a.AsInt32());
        var low = Vector256.Create(0xff);
        sum += (u & low) * (s << 24 >> 24);
        sum += (u >> 8 & low) * (s << 16 >> 24);
        sum += (u >> 16 & low) * (s << 8 >> 24);
        return sum + (u >>> 24) * (s >> 24);
    }
}

/// <summary>
/// 16 rows of a panel times up to 6 tokens, in 256-bit vectors: for every scale s_w of the weights and s_a of the
/// activations y ← y + float(Σ (code − zero)·a)·(s_w·s_a), block after block, and + minimum·Σ s_a·a where there is one.
/// </summary>
/// <remarks>
/// The integers are exact and the float32 chain over the blocks is the same for every tile, kernel and number of
/// tokens, so a token gets the same bits in any company. 6 tokens by 2 vectors of rows are 12 integer sums, which with
/// their operands fill the 16 registers that the VEX-coded instruction can name; the float32 sums stay in memory.
/// </remarks>
internal static unsafe class IntegerTile
{
    /// <param name="y">16 floats for each token, which the sums start from.</param>
    /// <param name="a">The first block of the first token; tokens are aStride blocks apart.</param>
    /// <param name="p">A panel, at the first or the second 16 of its rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TDot, TKind, TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, Panel p, int blocks)
        where TDot : IDot where TKind : IPanelKind where TTokens : ITokens
    {
        InputBlock* a0 = a, a1 = a0 + aStride, a2 = a1 + aStride, a3 = a2 + aStride, a4 = a3 + aStride,
            a5 = a4 + aStride;
        float* y1 = y + stride, y2 = y1 + stride, y3 = y2 + stride, y4 = y3 + stride, y5 = y4 + stride;
        for (var b = 0; b < blocks; b++)
        {
            for (var part = 0; part < InputBlock.Length / TKind.ScaleLength; part++)
            {
                Vector256<int> i00, i10 = default, i20 = default, i30 = default, i40 = default, i50 = default;
                i00 = Zero<TKind>(a0, part);
                if (TTokens.Count > 1)
                    i10 = Zero<TKind>(a1, part);
                if (TTokens.Count > 2)
                {
                    i20 = Zero<TKind>(a2, part);
                    i30 = Zero<TKind>(a3, part);
                }

                if (TTokens.Count > 4)
                {
                    i40 = Zero<TKind>(a4, part);
                    i50 = Zero<TKind>(a5, part);
                }

                Vector256<int> i01 = i00, i11 = i10, i21 = i20, i31 = i30, i41 = i40, i51 = i50;
                var end = (part + 1) * TKind.ScaleLength / 4;
                for (var step = part * TKind.ScaleLength / 4; step < end; step++, p.Codes += Panel.StepBytes)
                {
                    if (Sse.IsSupported)
                        Sse.Prefetch1(p.Ahead);
                    p.Ahead += p.AheadBytes;
                    Vector256<byte> w0 = Vector256.Load(p.Codes), w1 = Vector256.Load(p.Codes + 32);
                    var v = Vector256.Create(((int*)a0)[step]).AsSByte();
                    i00 = TDot.Add(i00, w0, v);
                    i01 = TDot.Add(i01, w1, v);
                    if (TTokens.Count > 1)
                    {
                        v = Vector256.Create(((int*)a1)[step]).AsSByte();
                        i10 = TDot.Add(i10, w0, v);
                        i11 = TDot.Add(i11, w1, v);
                    }

                    if (TTokens.Count > 2)
                    {
                        v = Vector256.Create(((int*)a2)[step]).AsSByte();
                        i20 = TDot.Add(i20, w0, v);
                        i21 = TDot.Add(i21, w1, v);
                        v = Vector256.Create(((int*)a3)[step]).AsSByte();
                        i30 = TDot.Add(i30, w0, v);
                        i31 = TDot.Add(i31, w1, v);
                    }

                    if (TTokens.Count > 4)
                    {
                        v = Vector256.Create(((int*)a4)[step]).AsSByte();
                        i40 = TDot.Add(i40, w0, v);
                        i41 = TDot.Add(i41, w1, v);
                        v = Vector256.Create(((int*)a5)[step]).AsSByte();
                        i50 = TDot.Add(i50, w0, v);
                        i51 = TDot.Add(i51, w1, v);
                    }
                }

                Vector256<float> s0 = Vector256.Load(p.Scales), s1 = Vector256.Load(p.Scales + 8), m0 = default,
                    m1 = default;
                p.Scales += Panel.Rows;
                if (TKind.HasMinima)
                {
                    (m0, m1) = (Vector256.Load(p.Minima), Vector256.Load(p.Minima + 8));
                    p.Minima += Panel.Rows;
                }

                Scale<TKind>(y, i00, i01, s0, s1, m0, m1, a0, part);
                if (TTokens.Count > 1)
                    Scale<TKind>(y1, i10, i11, s0, s1, m0, m1, a1, part);
                if (TTokens.Count > 2)
                {
                    Scale<TKind>(y2, i20, i21, s0, s1, m0, m1, a2, part);
                    Scale<TKind>(y3, i30, i31, s0, s1, m0, m1, a3, part);
                }

                if (TTokens.Count > 4)
                {
                    Scale<TKind>(y4, i40, i41, s0, s1, m0, m1, a4, part);
                    Scale<TKind>(y5, i50, i51, s0, s1, m0, m1, a5, part);
                }
            }

            a0++;
            a1++;
            a2++;
            a3++;
            a4++;
            a5++;
        }
    }

    // What the integer sums start from: −zero·Σa.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Zero<TKind>(InputBlock* a, int part) where TKind : IPanelKind
    {
        if (TKind.HasMinima)
            return default;
        var at = TKind.ScaleLength == InputBlock.Length ? InputBlock.SumAt : InputBlock.HalfSumsAt + part;
        return Vector256.Create(((int*)a)[at]) << TKind.ZeroShift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TKind>(
        float* y, Vector256<int> low, Vector256<int> high, Vector256<float> s0, Vector256<float> s1,
        Vector256<float> m0, Vector256<float> m1, InputBlock* a, int part)
        where TKind : IPanelKind
    {
        var s = Vector256.Create(((float*)a)[InputBlock.ScaleAt]);
        var y0 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(low), s0 * s, Vector256.Load(y));
        var y1 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(high), s1 * s, Vector256.Load(y + 8));
        if (TKind.HasMinima)
        {
            var at = TKind.ScaleLength == InputBlock.Length
                ? InputBlock.ScaledSumAt
                : InputBlock.ScaledHalfSumsAt + part;
            var sum = Vector256.Create(((float*)a)[at]);
            y0 = Vector256.FusedMultiplyAdd(sum, m0, y0);
            y1 = Vector256.FusedMultiplyAdd(sum, m1, y1);
        }

        y0.Store(y);
        y1.Store(y + 8);
    }
}
