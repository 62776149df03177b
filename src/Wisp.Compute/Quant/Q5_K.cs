using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// As <see cref="Q4_K"/> with q of 5 bits: bit j of the 32 bytes after the scales is the fifth bit of sub-block j.
/// 5.5 bits a value.
/// </summary>
internal readonly unsafe struct Q5_K : IBlockDecoder, IBlockEncoder
{
    private const int ScalesAt = 4, FifthAt = 16, CodesAt = 48;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        float d = Halves.Load(block), dmin = Halves.Load(block + 2);
        var (scales, minima) = PackedScales.Load(block + ScalesAt);
        for (var half = 0; half < 2; half++)
        {
            var fifth = Vector128.Load(block + FifthAt + 16 * half);
            for (var j = 0; j < 8; j += 2)
            {
                var q = Vector128.Load(block + CodesAt + 16 * j + 16 * half);
                var to = y + 32 * j + 16 * half;
                Store(to, Lanes.Low(q) | Fifth(fifth, j), d, dmin, scales >> 8 * j, minima >> 8 * j);
                Store(to + 32, Lanes.High(q) | Fifth(fifth, j + 1), d, dmin, scales >> 8 * j + 8, minima >> 8 * j + 8);
            }
        }

        static Vector128<byte> Fifth(Vector128<byte> bits, int j)
        {
            var bit = Vector128.Create((byte)(1 << j));
            return Vector128.Equals(bits & bit, bit) & Vector128.Create((byte)16);
        }

        static void Store(float* y, Vector128<byte> q, float d, float dmin, ulong scale, ulong minimum) =>
            (Lanes.Floats(q) * Vector512.Create(d * (byte)scale) - Vector512.Create(dmin * (byte)minimum)).Store(y);
    }

    public static void Encode(byte* block, float* x)
    {
        byte* scales = stackalloc byte[8], minima = stackalloc byte[8], q = stackalloc byte[256];
        var (d, dmin) = AffineSearch.Encode(q, scales, minima, x, subBlock: 32, topCode: 31, topScale: 63);
        Halves.Store(block, d);
        Halves.Store(block + 2, dmin);
        PackedScales.Store(block + ScalesAt, scales, minima);
        for (var i = 0; i < 32; i++)
        {
            var fifth = 0;
            for (var j = 0; j < 8; j++)
                fifth |= q[32 * j + i] >> 4 << j;
            block[FifthAt + i] = (byte)fifth;
        }

        for (var i = 0; i < 128; i++)
        {
            var low = q + i / 32 * 64 + i % 32;
            block[CodesAt + i] = (byte)(low[0] & 15 | low[32] << 4);
        }
    }
}
