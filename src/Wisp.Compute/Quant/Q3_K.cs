using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values in 16 sub-blocks of 16: x ≈ d·(sⱼ − 32)·(q − 4) with q of 3 bits, sⱼ of 6 bits and a binary16 d. 3.4375
/// bits a value.
/// </summary>
/// <remarks>
/// Bytes: third bits 32 (bit r of byte i belongs to value i of the r-th run of 32), lower two bits 64 (as in
/// <see cref="Q2_K"/>), scales 12 (sixteen nibbles in 8 bytes, sⱼ and sⱼ₊₈ sharing one; then the upper bit pairs in
/// 4), d 2.
/// </remarks>
internal readonly unsafe struct Q3_K : IBlockDecoder, IBlockEncoder
{
    private const int CodesAt = 32, ScalesAt = 96, ScaleAt = 108;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Halves.Load(block + ScaleAt);
        for (var part = 0; part < 4; part++)
        {
            var bytes = Vector128.Load(block + CodesAt + 16 * part);
            var third = Vector128.Load(block + 16 * (part % 2)) >> 4 * (part / 2);
            var j = 8 * (part / 2) + part % 2;
            for (var run = 0; run < 4; run++, j += 2)
            {
                var q = bytes & Vector128.Create((byte)3) | (third & Vector128<byte>.One) << 2;
                bytes >>= 2;
                third >>= 1;
                var s = Vector512.Create(d * (Scale(block + ScalesAt, j) - 32));
                (Lanes.Floats((q - Vector128.Create((byte)4)).AsSByte()) * s).Store(y + 16 * j);
            }
        }
    }

    public static void Encode(byte* block, float* x)
    {
        sbyte* scales = stackalloc sbyte[16], q = stackalloc sbyte[256];
        var d = SymmetricSearch<Integers3>.Encode(q, scales, x, subBlock: 16, lowScale: -32, topScale: 31);
        new Span<byte>(block, ScaleAt).Clear();
        for (var i = 0; i < 256; i++)
        {
            q[i] += 4;
            block[i % 32] |= (byte)(q[i] >> 2 << i / 32);
        }

        Q2_K.Pack(block + CodesAt, (byte*)q);
        for (var j = 0; j < 16; j++)
        {
            var s = scales[j] + 32;
            block[ScalesAt + j % 8] |= (byte)((s & 15) << j / 8 * 4);
            block[ScalesAt + 8 + j % 4] |= (byte)(s >> 4 << j / 4 * 2);
        }

        Halves.Store(block + ScaleAt, d);
    }

    public static int Scale(byte* p, int j) => p[j % 8] >> j / 8 * 4 & 15 | (p[8 + j % 4] >> j / 4 * 2 & 3) << 4;
}
