using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values in 16 sub-blocks of 16: x ≈ d·sⱼ·q − dmin·mⱼ with q of 2 bits, sⱼ and mⱼ of 4 bits and binary16 d,
/// dmin. 2.625 bits a value.
/// </summary>
/// <remarks>
/// Bytes: scales 16 (sⱼ low, mⱼ high), q 64, d 2, dmin 2. Each half of the values has 32 bytes of q, whose bit pairs
/// are four runs of 32 values.
/// </remarks>
internal readonly unsafe struct Q2_K : IBlockDecoder, IBlockEncoder
{
    private const int CodesAt = 16, ScaleAt = 80, MinimumAt = 82;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        float d = Halves.Load(block + ScaleAt), dmin = Halves.Load(block + MinimumAt);
        for (var part = 0; part < 4; part++) // of 16 bytes, each with 16 values of four runs
        {
            var bytes = Vector128.Load(block + CodesAt + 16 * part);
            var j = 8 * (part / 2) + part % 2;
            for (var run = 0; run < 4; run++, j += 2)
            {
                var q = bytes & Vector128.Create((byte)3);
                bytes >>= 2;
                var s = Vector512.Create(d * (block[j] & 15));
                (Lanes.Floats(q) * s - Vector512.Create(dmin * (block[j] >> 4))).Store(y + 16 * j);
            }
        }
    }

    public static void Encode(byte* block, float* x)
    {
        byte* scales = stackalloc byte[16], minima = stackalloc byte[16], q = stackalloc byte[256];
        var (d, dmin) = AffineSearch.Encode(q, scales, minima, x, subBlock: 16, topCode: 3, topScale: 15);
        for (var j = 0; j < 16; j++)
            block[j] = (byte)(scales[j] | minima[j] << 4);
        Pack(block + CodesAt, q);
        Halves.Store(block + ScaleAt, d);
        Halves.Store(block + MinimumAt, dmin);
    }

    /// <summary>The lower two bits of 256 codes in 64 bytes.</summary>
    public static void Pack(byte* bytes, byte* q)
    {
        for (var i = 0; i < 64; i++)
        {
            var run = q + i / 32 * 128 + i % 32;
            bytes[i] = (byte)(run[0] & 3 | (run[32] & 3) << 2 | (run[64] & 3) << 4 | run[96] << 6);
        }
    }
}
