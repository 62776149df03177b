using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// <see cref="IntegerTile"/> with AVX2 alone, for codes of eight bits less their zero, −128 to 127: 16 rows of a panel
/// times up to 4 tokens, one scale for 32 values. The same bits.
/// </summary>
/// <remarks>
/// AVX2's sums of two products saturate at 16 bits, which 255·127 twice would reach: with the sign of the code moved to
/// the other factor, no sum of two is above 2·128·127 = 32,512. 4 tokens by 2 vectors of rows are 8 sums, which with
/// their operands fill the 16 registers; the two products of a token go side by side, because one's four instructions
/// wait for each other.
/// </remarks>
internal static unsafe class SignedTile
{
    /// <summary>sum + Σ of the 4 products in every 32-bit lane, of bytes with bytes −127 to 127; exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<sbyte> w, Vector256<sbyte> a)
    {
        var pairs = Avx2.MultiplyAddAdjacent(Avx2.Abs(w), Avx2.Sign(a, w));
        return sum + Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One);
    }

    /// <param name="y">16 floats for each token, which the sums start from.</param>
    /// <param name="a">The first block of the first token; tokens are aStride blocks apart.</param>
    /// <param name="p">A panel of signed codes, at the first or the second 16 of its rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TKind, TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, Panel p, int blocks)
        where TKind : IPanelKind where TTokens : ITokens
    {
        InputBlock* a0 = a, a1 = a0 + aStride, a2 = a1 + aStride, a3 = a2 + aStride;
        float* y1 = y + stride, y2 = y1 + stride, y3 = y2 + stride;
        for (var b = 0; b < blocks; b++, a0++, a1++, a2++, a3++, p.Scales += Panel.Rows, p.Codes += p.Gap)
        {
            // Here, not at every step, where the instructions of a prompt, which asks for nothing, are dear.
            var ahead = p.Ahead;
            p.Ahead += InputBlock.Length / 4 * p.AheadBytes;
            for (; ahead < p.Ahead; ahead += 64)
                Sse.Prefetch1(ahead);

            Vector256<int> i00 = default, i01 = default, i10 = default, i11 = default, i20 = default, i21 = default,
                i30 = default, i31 = default;
            // Two steps a turn, since the turn itself is a twentieth of a step.
            for (nint step = 0; step < InputBlock.Length / 4; step += 2, p.Codes += 2 * Panel.StepBytes)
            {
                Vector256<sbyte> w0 = Vector256.Load((sbyte*)p.Codes), w1 = Vector256.Load((sbyte*)p.Codes + 32);
                Vector256<byte> m0 = Avx2.Abs(w0), m1 = Avx2.Abs(w1);
                Add(ref i00, ref i01, m0, m1, w0, w1, a0, step);
                if (TTokens.Count > 1)
                    Add(ref i10, ref i11, m0, m1, w0, w1, a1, step);
                if (TTokens.Count > 2)
                {
                    Add(ref i20, ref i21, m0, m1, w0, w1, a2, step);
                    Add(ref i30, ref i31, m0, m1, w0, w1, a3, step);
                }

                w0 = Vector256.Load((sbyte*)p.Codes + Panel.StepBytes);
                w1 = Vector256.Load((sbyte*)p.Codes + Panel.StepBytes + 32);
                (m0, m1) = (Avx2.Abs(w0), Avx2.Abs(w1));
                Add(ref i00, ref i01, m0, m1, w0, w1, a0, step + 1);
                if (TTokens.Count > 1)
                    Add(ref i10, ref i11, m0, m1, w0, w1, a1, step + 1);
                if (TTokens.Count > 2)
                {
                    Add(ref i20, ref i21, m0, m1, w0, w1, a2, step + 1);
                    Add(ref i30, ref i31, m0, m1, w0, w1, a3, step + 1);
                }
            }

            Vector256<float> s0 = Vector256.Load(p.Scales), s1 = Vector256.Load(p.Scales + 8);
            Scale<TKind>(y, i00, i01, s0, s1, a0);
            if (TTokens.Count > 1)
                Scale<TKind>(y1, i10, i11, s0, s1, a1);
            if (TTokens.Count > 2)
            {
                Scale<TKind>(y2, i20, i21, s0, s1, a2);
                Scale<TKind>(y3, i30, i31, s0, s1, a3);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        ref Vector256<int> sum0, ref Vector256<int> sum1, Vector256<byte> m0, Vector256<byte> m1, Vector256<sbyte> w0,
        Vector256<sbyte> w1, InputBlock* a, nint step)
    {
        var v = Vector256.Create(((int*)a)[step]).AsSByte();
        Vector256<sbyte> v0 = Avx2.Sign(v, w0), v1 = Avx2.Sign(v, w1);
        Vector256<short> p0 = Avx2.MultiplyAddAdjacent(m0, v0), p1 = Avx2.MultiplyAddAdjacent(m1, v1);
        Vector256<int> q0 = Avx2.MultiplyAddAdjacent(p0, Vector256<short>.One),
            q1 = Avx2.MultiplyAddAdjacent(p1, Vector256<short>.One);
        sum0 += q0;
        sum1 += q1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TKind>(
        float* y, Vector256<int> low, Vector256<int> high, Vector256<float> s0, Vector256<float> s1, InputBlock* a)
        where TKind : IPanelKind
    {
        NarrowAvx2.Scaled<TKind>(Vector256.Load(y), low, s0, default, a, 0).Store(y);
        NarrowAvx2.Scaled<TKind>(Vector256.Load(y + 8), high, s1, default, a, 0).Store(y + 8);
    }
}
