using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as a binary16 scale and 4-bit indices into a fixed table (<see cref="Lanes.Iq4Codes"/>): x ≈ d·code[q].
/// Halves of a byte as in <see cref="Q4_0"/>; 4.5 bits a value.
/// </summary>
internal readonly unsafe struct IQ4_NL : IBlockDecoder, IBlockEncoder
{
    public static void Decode(float* y, byte* block) => Decode(y, block + 2, Halves.Load(block));

    /// <summary>32 values from 16 bytes of indices.</summary>
    public static void Decode(float* y, byte* indices, float scale)
    {
        var s = Vector512.Create(scale);
        var q = Vector128.Load(indices);
        (Lanes.Floats(Vector128.Shuffle(Lanes.Iq4Codes, Lanes.Low(q).AsSByte())) * s).Store(y);
        (Lanes.Floats(Vector128.Shuffle(Lanes.Iq4Codes, Lanes.High(q).AsSByte())) * s).Store(y + 16);
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
