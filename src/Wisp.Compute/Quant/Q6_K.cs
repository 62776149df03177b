using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values in 16 sub-blocks of 16: x ≈ d·sⱼ·(q − 32) with q of 6 bits, signed bytes sⱼ and a binary16 d. 6.5625
/// bits a value.
/// </summary>
/// <remarks>
/// Bytes: lower four bits 128, upper two 64, scales 16, d 2. Each half of the values has 64 bytes of the former, low
/// nibbles first, and 32 bytes of the latter, whose bit pairs are four runs of 32 values.
/// </remarks>
internal readonly unsafe struct Q6_K : IBlockDecoder, IBlockEncoder
{
    private const int UpperAt = 128, ScalesAt = 192, ScaleAt = 208;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Halves.Load(block + ScaleAt);
        for (var part = 0; part < 4; part++)
        {
            var lower = block + part / 2 * 64 + part % 2 * 16;
            Vector128<byte> a = Vector128.Load(lower), b = Vector128.Load(lower + 32);
            var upper = Vector128.Load(block + UpperAt + 16 * part);
            var j = 8 * (part / 2) + part % 2;
            var s = (sbyte*)block + ScalesAt + j;
            var to = y + 16 * j;
            Store(to, Lanes.Low(a), upper << 4, d * s[0]);
            Store(to + 32, Lanes.Low(b), upper << 2, d * s[2]);
            Store(to + 64, Lanes.High(a), upper, d * s[4]);
            Store(to + 96, Lanes.High(b), upper >> 2, d * s[6]);
        }
    }

    public static void Encode(byte* block, float* x)
    {
        var q = stackalloc sbyte[256];
        var d = SymmetricSearch<Integers6>.Encode(
            q, (sbyte*)block + ScalesAt, x, subBlock: 16, lowScale: -128, topScale: 127);
        for (var i = 0; i < 256; i++)
            q[i] += 32;
        for (var i = 0; i < 128; i++)
        {
            var low = q + i / 64 * 128 + i % 64;
            block[i] = (byte)(low[0] & 15 | (low[64] & 15) << 4);
        }

        for (var i = 0; i < 64; i++)
        {
            var run = q + i / 32 * 128 + i % 32;
            block[UpperAt + i] = (byte)(run[0] >> 4 | run[32] >> 4 << 2 | run[64] >> 4 << 4 | run[96] >> 4 << 6);
        }

        Halves.Store(block + ScaleAt, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector128<byte> low, Vector128<byte> upper, float scale)
    {
        var q = low | upper & Vector128.Create((byte)0x30);
        (Lanes.Floats((q - Vector128.Create((byte)32)).AsSByte()) * Vector512.Create(scale)).Store(y);
    }
}
