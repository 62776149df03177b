using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// Codes of a few bits as bit planes: 32 values of 32 rows are 16 vectors of 64 bytes in a panel, and a plane of n bits
/// keeps them in 2n vectors, so that a shift and a mask of whole vectors bring back whole steps of a panel.
/// </summary>
internal static unsafe class Planes
{
    public const int Nibbles = 8 * 64, Pairs = 4 * 64, Bits = 2 * 64;

    /// <summary>Vector v of the plane holds the lower four bits of vectors v and v + 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackNibbles(byte* to, byte* codes)
    {
        for (var i = 0; i < Nibbles; i += 64)
            (Vector512.Load(codes + i) & Mask(15) | Left(Vector512.Load(codes + i + Nibbles) & Mask(15), 4))
                .Store(to + i);
    }

    /// <summary>
    /// Vector v of the plane holds two bits, from bit <paramref name="at"/> on, of v, v + 4, v + 8 and v + 12.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPairs(byte* to, byte* codes, int at)
    {
        for (var i = 0; i < Pairs; i += 64)
        {
            var pairs = Vector512<byte>.Zero;
            for (var j = 3; j >= 0; j--)
                pairs = Left(pairs, 2) | Right(Vector512.Load(codes + i + j * Pairs), at) & Mask(3);
            pairs.Store(to + i);
        }
    }

    /// <summary>Vector v of the plane holds one bit of v, v + 2, ... v + 14.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackBits(byte* to, byte* codes, int at)
    {
        for (var i = 0; i < Bits; i += 64)
        {
            var bits = Vector512<byte>.Zero;
            for (var j = 7; j >= 0; j--)
                bits = Left(bits, 1) | Right(Vector512.Load(codes + i + j * Bits), at) & Mask(1);
            bits.Store(to + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack4(byte* codes, byte* nibbles)
    {
        for (var i = 0; i < Nibbles; i += 64)
        {
            var x = Vector512.Load(nibbles + i);
            (x & Mask(15)).Store(codes + i);
            (Right(x, 4) & Mask(15)).Store(codes + i + Nibbles);
        }
    }

    /// <summary>Four bits as the index of one of 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack4(byte* codes, byte* nibbles, Vector128<byte> table)
    {
        if (Avx512BW.IsSupported)
        {
            var wide = Vector512.Create(Vector256.Create(table));
            for (var i = 0; i < Nibbles; i += 64)
            {
                var x = Vector512.Load(nibbles + i);
                Avx512BW.Shuffle(wide, x & Mask(15)).Store(codes + i);
                Avx512BW.Shuffle(wide, Right(x, 4) & Mask(15)).Store(codes + i + Nibbles);
            }

            return;
        }

        for (var i = 0; i < Nibbles; i += 16)
        {
            var x = Vector128.Load(nibbles + i);
            Vector128.ShuffleNative(table, Lanes.Low(x)).Store(codes + i);
            Vector128.ShuffleNative(table, Lanes.High(x)).Store(codes + i + Nibbles);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack5(byte* codes, byte* nibbles, byte* fifths)
    {
        for (var half = 0; half < 128; half += 64)
        {
            // A shifted 16-bit lane brings foreign bits into a byte from one end; the mask meets them nowhere.
            var fifth = Vector512.Load(fifths + half);
            for (var i = half; i < Nibbles; i += 128, fifth = Right(fifth, 1))
            {
                var x = Vector512.Load(nibbles + i);
                (x & Mask(15) | Left(fifth, 4) & Mask(16)).Store(codes + i);
                (Right(x, 4) & Mask(15) | fifth & Mask(16)).Store(codes + i + Nibbles);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack6(byte* codes, byte* nibbles, byte* pairs)
    {
        for (var i = 0; i < Pairs; i += 64)
        {
            Vector512<byte> a = Vector512.Load(nibbles + i), b = Vector512.Load(nibbles + i + Pairs),
                p = Vector512.Load(pairs + i);
            (a & Mask(15) | Left(p, 4) & Mask(0x30)).Store(codes + i);
            (b & Mask(15) | Left(p, 2) & Mask(0x30)).Store(codes + i + Pairs);
            (Right(a, 4) & Mask(15) | p & Mask(0x30)).Store(codes + i + 2 * Pairs);
            (Right(b, 4) & Mask(15) | Right(p, 2) & Mask(0x30)).Store(codes + i + 3 * Pairs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack2(byte* codes, byte* pairs)
    {
        for (var i = 0; i < Pairs; i += 64)
        {
            var p = Vector512.Load(pairs + i);
            (p & Mask(3)).Store(codes + i);
            (Right(p, 2) & Mask(3)).Store(codes + i + Pairs);
            (Right(p, 4) & Mask(3)).Store(codes + i + 2 * Pairs);
            (Right(p, 6) & Mask(3)).Store(codes + i + 3 * Pairs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack3(byte* codes, byte* pairs, byte* thirds)
    {
        for (var i = 0; i < Pairs; i += 64)
        {
            // Vectors i and i + 4·f: their third bits lie in plane i mod 2, at bit i/2 + 2·f.
            Vector512<byte> p = Vector512.Load(pairs + i), t = Vector512.Load(thirds + i % Bits);
            if (i >= Bits)
                t = Right(t, 1);
            (p & Mask(3) | Left(t, 2) & Mask(4)).Store(codes + i);
            (Right(p, 2) & Mask(3) | t & Mask(4)).Store(codes + i + Pairs);
            (Right(p, 4) & Mask(3) | Right(t, 2) & Mask(4)).Store(codes + i + 2 * Pairs);
            (Right(p, 6) & Mask(3) | Right(t, 4) & Mask(4)).Store(codes + i + 3 * Pairs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Mask(byte bits) => Vector512.Create(bits);

    // By 16-bit lanes, because there is no shift of bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Right(Vector512<byte> x, int n) => (x.AsUInt16() >> n).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Left(Vector512<byte> x, int n) => (x.AsUInt16() << n).AsByte();
}
