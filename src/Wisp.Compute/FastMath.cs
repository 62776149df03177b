using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// exp for 16 floats at once, within 1.3 ulp, and what is built on it.
/// </summary>
/// <remarks>
/// eˣ = 2ⁿ·eʳ with n = round(x/ln 2) and |r| ≤ ln 2/2. eʳ = 1 + r + r²·q(r), where q is the polynomial of degree 4 that
/// makes the largest relative error smallest: 3.1e-9 by a Remez exchange in 60-digit arithmetic, 0.05 ulp.
/// The bound counts roundings where the ulp of the result is smallest, 2⁻²⁴: half an ulp for the last sum, and 2⁻²⁶, a
/// quarter, for each of the two steps to r and for r + r²q. The worst of all floats, tried one by one, is 1.01 ulp.
/// </remarks>
internal static unsafe class FastMath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // Below -104 the result rounds to 0 and above 89 it is +∞; clamped, n stays within what the scaling below can
        // do. x stands second because the native min and max return their second operand for NaN.
        x = Vector512.MaxNative(Vector512.Create(-104.5f), Vector512.MinNative(Vector512.Create(89f), x));

        // Adding 1.5·2²³ leaves no bits for a fraction: the sum is rounded to an integer and its low bits are n.
        var magic = Vector512.Create(12582912f);
        var shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(1.44269504f), magic);
        var n = shifted - magic;

        // ln 2 in two floats, so that x - n·ln 2 keeps all the bits of x.
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.6931471824645996f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(1.9046543e-9f), r);

        var q = Vector512.Create(0.00138145988f);
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(0.00836871658f));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(0.041668389f));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(0.166665211f));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(0.49999994f));
        var e = Vector512.FusedMultiplyAdd(r * r, q, r) + Vector512<float>.One;

        // 2ⁿ as two factors, because 2¹²⁸ and 2⁻¹⁵⁰ are results' scales that one float cannot hold.
        var ni = shifted.AsInt32() - magic.AsInt32();
        var half = ni >> 1;
        var bias = Vector512.Create(127);
        return e * ((half + bias) << 23).AsSingle() * ((ni - half + bias) << 23).AsSingle();
    }

    /// <summary>The same bits for one float.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static float Exp(float x) => Exp(Vector512.Create(x))[0];

    /// <summary>x ← e^(x − less) for n floats, whole vectors of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ExpLess(float* x, int n, float less)
    {
        for (var i = 0; i < n; i += Vector512<float>.Count)
            Exp(Vector512.Load(x + i) - Vector512.Create(less)).Store(x + i);
    }

    /// <summary>1/(1 + e⁻ˣ): for large negative x the exponential is +∞ and the result 0, as it should be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512<float>.One / (Vector512<float>.One + Exp(-x));
}
