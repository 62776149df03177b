using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>How 16 cached numbers are read, as a type that the JIT folds.</summary>
internal unsafe interface ICached
{
    static abstract Vector512<float> Load(void* from, nint at);
}

internal readonly unsafe struct CachedFloats : ICached
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* from, nint at) => Vector512.Load((float*)from + at);
}

internal readonly unsafe struct CachedHalves : ICached
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* from, nint at) => Vector512.Create(
        KvLayout.Finite8((short*)from + at), KvLayout.Finite8((short*)from + at + 8));
}

/// <summary>
/// Up to four queries against 64 keys, in registers. Every score is one chain of sums over the dimensions and every
/// element of the mix one chain over the keys, so a query has the same bits whatever stands beside it.
/// </summary>
internal static unsafe class AttentionTile
{
    /// <summary>Queries of a tile, and blocks of 16 keys: 16 sums at once hide the latency of the FMA.</summary>
    public const int Queries = 4, Blocks = 4;

    public const int Keys = Blocks * KvLayout.Tokens;

    /// <summary>
    /// Whether few queries are faster with halves as they are stored, because to write them decoded costs more than to
    /// decode them.
    /// </summary>
    public static bool TakesHalves => !Wide;

    // Sixteen sums at once take 32 registers of 512 bits; with 16 of 256 bits four of them do, one block after another.
    private static bool Wide => Vector512.IsHardwareAccelerated;

    /// <summary>scores (4, 64) = q·k for four queries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float* scores, float** q, float** keys, int D)
    {
        if (!Wide)
        {
            for (var block = 0; block < Blocks; block++)
                ScoreBlock<CachedFloats>(scores + (block * KvLayout.Tokens), q, keys[block], D);
            return;
        }

        float* q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3], k0 = keys[0], k1 = keys[1], k2 = keys[2], k3 = keys[3];
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default, s33 = default;
        for (nint d = 0; d < D; d++)
        {
            Vector512<float> a = Vector512.Load(k0 + (d * W)), b = Vector512.Load(k1 + (d * W)),
                c = Vector512.Load(k2 + (d * W)), e = Vector512.Load(k3 + (d * W));
            var v = Vector512.Create(q0[d]);
            (s00, s01, s02, s03) = (Fma(a, v, s00), Fma(b, v, s01), Fma(c, v, s02), Fma(e, v, s03));
            v = Vector512.Create(q1[d]);
            (s10, s11, s12, s13) = (Fma(a, v, s10), Fma(b, v, s11), Fma(c, v, s12), Fma(e, v, s13));
            v = Vector512.Create(q2[d]);
            (s20, s21, s22, s23) = (Fma(a, v, s20), Fma(b, v, s21), Fma(c, v, s22), Fma(e, v, s23));
            v = Vector512.Create(q3[d]);
            (s30, s31, s32, s33) = (Fma(a, v, s30), Fma(b, v, s31), Fma(c, v, s32), Fma(e, v, s33));
        }

        Store(scores, s00, s01, s02, s03);
        Store(scores + Keys, s10, s11, s12, s13);
        Store(scores + (2 * Keys), s20, s21, s22, s23);
        Store(scores + (3 * Keys), s30, s31, s32, s33);
    }

    /// <summary>The same with keys as they are stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScoreHalves(float* scores, float** q, byte** keys, int D)
    {
        for (var block = 0; block < Blocks; block++)
            ScoreBlock<CachedHalves>(scores + (block * KvLayout.Tokens), q, keys[block], D);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreBlock<TCached>(float* scores, float** q, void* keys, int D) where TCached : ICached
    {
        float* q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint d = 0; d < D; d++)
        {
            var k = TCached.Load(keys, d * W);
            s0 = Fma(k, Vector512.Create(q0[d]), s0);
            s1 = Fma(k, Vector512.Create(q1[d]), s1);
            s2 = Fma(k, Vector512.Create(q2[d]), s2);
            s3 = Fma(k, Vector512.Create(q3[d]), s3);
        }

        s0.Store(scores);
        s1.Store(scores + Keys);
        s2.Store(scores + (2 * Keys));
        s3.Store(scores + (3 * Keys));
    }

    /// <summary>scores (64) = q·k for one query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float* scores, float* q, float** keys, int D)
    {
        float* k0 = keys[0], k1 = keys[1], k2 = keys[2], k3 = keys[3];
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint d = 0; d < D; d++)
        {
            var v = Vector512.Create(q[d]);
            s0 = Fma(Vector512.Load(k0 + (d * W)), v, s0);
            s1 = Fma(Vector512.Load(k1 + (d * W)), v, s1);
            s2 = Fma(Vector512.Load(k2 + (d * W)), v, s2);
            s3 = Fma(Vector512.Load(k3 + (d * W)), v, s3);
        }

        Store(scores, s0, s1, s2, s3);
    }

    /// <summary>acc (4 rows of D') += Σⱼ pⱼ·vⱼ over the keys from first to last; p is (4, 64).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(float** acc, float* p, float** values, int width, int first, int last)
    {
        var d = 0;
        for (; Wide && d + (4 * W) <= width; d += 4 * W)
        {
            float* y0 = acc[0] + d, y1 = acc[1] + d, y2 = acc[2] + d, y3 = acc[3] + d;
            Load(y0, out var s00, out var s01, out var s02, out var s03);
            Load(y1, out var s10, out var s11, out var s12, out var s13);
            Load(y2, out var s20, out var s21, out var s22, out var s23);
            Load(y3, out var s30, out var s31, out var s32, out var s33);
            for (var j = first; j <= last; j++)
            {
                var value = values[j / KvLayout.Tokens] + ((nint)(j % KvLayout.Tokens) * width) + d;
                Load(value, out var a, out var b, out var c, out var e);
                var v = Vector512.Create(p[j]);
                (s00, s01, s02, s03) = (Fma(a, v, s00), Fma(b, v, s01), Fma(c, v, s02), Fma(e, v, s03));
                v = Vector512.Create(p[j + Keys]);
                (s10, s11, s12, s13) = (Fma(a, v, s10), Fma(b, v, s11), Fma(c, v, s12), Fma(e, v, s13));
                v = Vector512.Create(p[j + (2 * Keys)]);
                (s20, s21, s22, s23) = (Fma(a, v, s20), Fma(b, v, s21), Fma(c, v, s22), Fma(e, v, s23));
                v = Vector512.Create(p[j + (3 * Keys)]);
                (s30, s31, s32, s33) = (Fma(a, v, s30), Fma(b, v, s31), Fma(c, v, s32), Fma(e, v, s33));
            }

            Store(y0, s00, s01, s02, s03);
            Store(y1, s10, s11, s12, s13);
            Store(y2, s20, s21, s22, s23);
            Store(y3, s30, s31, s32, s33);
        }

        MixColumns<CachedFloats>(acc, p, (void**)values, width, d, first, last);
    }

    /// <summary>The same with values as they are stored.</summary>
    public static void MixHalves(float** acc, float* p, byte** values, int width, int first, int last) =>
        MixColumns<CachedHalves>(acc, p, (void**)values, width, 0, first, last);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MixColumns<TCached>(
        float** acc, float* p, void** values, int width, int d, int first, int last) where TCached : ICached
    {
        for (; d < width; d += W)
        {
            Vector512<float> s0 = Vector512.Load(acc[0] + d), s1 = Vector512.Load(acc[1] + d),
                s2 = Vector512.Load(acc[2] + d), s3 = Vector512.Load(acc[3] + d);
            // Block by block, since to find a key's values by its number costs as much as to mix them.
            for (var j = first; j <= last;)
            {
                var block = values[j / KvLayout.Tokens];
                var at = ((nint)(j % KvLayout.Tokens) * width) + d;
                for (var end = Math.Min(last, j | (KvLayout.Tokens - 1)); j <= end; j++, at += width)
                {
                    var v = TCached.Load(block, at);
                    s0 = Fma(v, Vector512.Create(p[j]), s0);
                    s1 = Fma(v, Vector512.Create(p[j + Keys]), s1);
                    s2 = Fma(v, Vector512.Create(p[j + (2 * Keys)]), s2);
                    s3 = Fma(v, Vector512.Create(p[j + (3 * Keys)]), s3);
                }
            }

            s0.Store(acc[0] + d);
            s1.Store(acc[1] + d);
            s2.Store(acc[2] + d);
            s3.Store(acc[3] + d);
        }
    }

    /// <summary>acc (D') += Σⱼ pⱼ·vⱼ for one query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(float* acc, float* p, float** values, int width, int first, int last)
    {
        var d = 0;
        for (; d + (4 * W) <= width; d += 4 * W)
        {
            Load(acc + d, out var s0, out var s1, out var s2, out var s3);
            for (var j = first; j <= last; j++)
            {
                var value = values[j / KvLayout.Tokens] + ((nint)(j % KvLayout.Tokens) * width) + d;
                Load(value, out var a, out var b, out var c, out var e);
                var v = Vector512.Create(p[j]);
                (s0, s1, s2, s3) = (Fma(a, v, s0), Fma(b, v, s1), Fma(c, v, s2), Fma(e, v, s3));
            }

            Store(acc + d, s0, s1, s2, s3);
        }

        for (; d < width; d += W)
        {
            var s = Vector512.Load(acc + d);
            for (var j = first; j <= last; j++)
                s = Fma(Vector512.Load(values[j / KvLayout.Tokens] + ((nint)(j % KvLayout.Tokens) * width) + d),
                    Vector512.Create(p[j]), s);
            s.Store(acc + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(
        float* p, out Vector512<float> a, out Vector512<float> b, out Vector512<float> c, out Vector512<float> d)
    {
        a = Vector512.Load(p);
        b = Vector512.Load(p + W);
        c = Vector512.Load(p + (2 * W));
        d = Vector512.Load(p + (3 * W));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(
        float* p, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        a.Store(p);
        b.Store(p + W);
        c.Store(p + (2 * W));
        d.Store(p + (3 * W));
    }
}
