using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as a binary16 scale and 4-bit indices into a fixed table (<see cref="Codes"/>): x ≈ d·code[q].
/// Halves of a byte as in <see cref="Q4_0"/>; 4.5 bits a value.
/// </summary>
internal readonly unsafe struct IQ4_NL : IBlockDecoder, IBlockEncoder
{
    /// <summary>Denser near zero, as weights are.</summary>
    public static Vector128<sbyte> Codes =>
        Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block) => Decode(y, block + 2, Halves.Load(block));

    /// <summary>32 values from 16 bytes of indices.</summary>
    public static void Decode(float* y, byte* indices, float scale)
    {
        var s = Vector512.Create(scale);
        var q = Vector128.Load(indices);
        (Lanes.Floats(Vector128.Shuffle(Codes, Lanes.Low(q).AsSByte())) * s).Store(y);
        (Lanes.Floats(Vector128.Shuffle(Codes, Lanes.High(q).AsSByte())) * s).Store(y + 16);
    }

    public static void Encode(byte* block, float* x)
    {
        var q = stackalloc sbyte[32];
        Halves.Store(block, SymmetricSearch<Iq4Table>.Encode(q, x, 32));
        Pack(block + 2, q);
    }

    /// <summary>32 code values as indices.</summary>
    public static void Pack(byte* bytes, sbyte* codes)
    {
        for (var j = 0; j < 16; j++)
            bytes[j] = (byte)(Iq4Table.Index(codes[j]) | Iq4Table.Index(codes[j + 16]) << 4);
    }
}
