using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// 256 values in 8 sub-blocks of 32: x ≈ d·(sⱼ − 32)·code[q], indices and table of <see cref="IQ4_NL"/>, sⱼ of 6 bits
/// and a binary16 d. 4.25 bits a value.
/// </summary>
/// <remarks>Bytes: d 2, upper two bits of the scales 2, lower four 4, q 128.</remarks>
internal readonly unsafe struct IQ4_XS : IBlockDecoder, IBlockEncoder
{
    private const int UpperAt = 2, LowerAt = 4, CodesAt = 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Halves.Load(block);
        for (var j = 0; j < 8; j++)
            IQ4_NL.Decode(y + 32 * j, block + CodesAt + 16 * j, d * Scale(block, j));
    }

    /// <summary>sⱼ − 32.</summary>
    public static int Scale(byte* block, int j)
    {
        var upper = Unsafe.ReadUnaligned<ushort>(block + UpperAt);
        var lower = Unsafe.ReadUnaligned<uint>(block + LowerAt);
        return ((int)(lower >> 4 * j & 15) | (upper >> 2 * j & 3) << 4) - 32;
    }

    public static void Encode(byte* block, float* x)
    {
        sbyte* scales = stackalloc sbyte[8], q = stackalloc sbyte[256];
        var d = SymmetricSearch<Iq4Table>.Encode(q, scales, x, subBlock: 32, lowScale: -32, topScale: 31);
        uint upper = 0, lower = 0;
        for (var j = 0; j < 8; j++)
        {
            var s = (uint)(scales[j] + 32);
            lower |= (s & 15) << 4 * j;
            upper |= s >> 4 << 2 * j;
            IQ4_NL.Pack(block + CodesAt + 16 * j, q + 32 * j);
        }

        Halves.Store(block, d);
        Unsafe.WriteUnaligned(block + UpperAt, (ushort)upper);
        Unsafe.WriteUnaligned(block + LowerAt, lower);
    }
}
