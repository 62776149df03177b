using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// What every element-wise kernel shares. Kernels are written once with Vector512: where there is no AVX-512 the JIT
/// splits it into two AVX2 halves. Every operation used is exact IEEE (FusedMultiplyAdd, never an "Estimate"), and sums
/// across a vector have a fixed order, so a kernel gives the same bits before and after the JIT has optimised it.
/// </summary>
internal static unsafe class Simd
{
    /// <summary>Floats in a Vector512.</summary>
    public const int W = 16;

    /// <summary>The first <paramref name="count"/> floats at p, the other lanes zero: the tail of a row.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its local lives in memory, and must not drag the caller's there
    public static Vector512<float> LoadFirst(float* p, int count)
    {
        var v = Vector512<float>.Zero;
        Unsafe.CopyBlockUnaligned(&v, p, (uint)count * sizeof(float));
        return v;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StoreFirst(float* p, int count, Vector512<float> v) =>
        Unsafe.CopyBlockUnaligned(p, &v, (uint)count * sizeof(float));

    /// <summary>a·b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Vector512.FusedMultiplyAdd(a, b, c);

    /// <summary>Sum of the lanes by halving: 16, 8, 4, then 2 + 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> v)
    {
        var v8 = v.GetLower() + v.GetUpper();
        var v4 = v8.GetLower() + v8.GetUpper();
        return (v4[0] + v4[2]) + (v4[1] + v4[3]);
    }

    /// <summary>Sum of the lanes by halving.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector512<double> v)
    {
        var v4 = v.GetLower() + v.GetUpper();
        var v2 = v4.GetLower() + v4.GetUpper();
        return v2[0] + v2[1];
    }

    /// <summary>The largest lane; what a NaN lane does is left open.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector512<float> v)
    {
        var v8 = Vector256.MaxNative(v.GetLower(), v.GetUpper());
        var v4 = Vector128.MaxNative(v8.GetLower(), v8.GetUpper());
        return float.MaxNative(float.MaxNative(v4[0], v4[2]), float.MaxNative(v4[1], v4[3]));
    }

    /// <summary>Σᵢ aᵢ·bᵢ</summary>
    public static float Dot(float* a, float* b, int n)
    {
        // Four sums, because an FMA takes four cycles and one chain would leave the units idle for three of them.
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= n - 4 * W; i += 4 * W)
        {
            s0 = Fma(Vector512.Load(a + i), Vector512.Load(b + i), s0);
            s1 = Fma(Vector512.Load(a + i + W), Vector512.Load(b + i + W), s1);
            s2 = Fma(Vector512.Load(a + i + 2 * W), Vector512.Load(b + i + 2 * W), s2);
            s3 = Fma(Vector512.Load(a + i + 3 * W), Vector512.Load(b + i + 3 * W), s3);
        }

        for (; i <= n - W; i += W)
            s0 = Fma(Vector512.Load(a + i), Vector512.Load(b + i), s0);
        if (i < n)
            s1 = Fma(LoadFirst(a + i, n - i), LoadFirst(b + i, n - i), s1);
        return Sum(s0 + s1 + (s2 + s3));
    }

    /// <summary>y += x</summary>
    public static void AddRow(float* y, float* x, int n)
    {
        var i = 0;
        for (; i <= n - W; i += W)
            (Vector512.Load(y + i) + Vector512.Load(x + i)).Store(y + i);
        if (i < n)
            StoreFirst(y + i, n - i, LoadFirst(y + i, n - i) + LoadFirst(x + i, n - i));
    }

    /// <summary>y += a·x</summary>
    public static void AddScaledRow(float* y, float* x, int n, float a)
    {
        var va = Vector512.Create(a);
        var i = 0;
        for (; i <= n - W; i += W)
            Fma(Vector512.Load(x + i), va, Vector512.Load(y + i)).Store(y + i);
        if (i < n)
            StoreFirst(y + i, n - i, Fma(LoadFirst(x + i, n - i), va, LoadFirst(y + i, n - i)));
    }

    /// <summary>y ·= a</summary>
    public static void ScaleRow(float* y, int n, float a)
    {
        var va = Vector512.Create(a);
        var i = 0;
        for (; i <= n - W; i += W)
            (Vector512.Load(y + i) * va).Store(y + i);
        if (i < n)
            StoreFirst(y + i, n - i, LoadFirst(y + i, n - i) * va);
    }
}
