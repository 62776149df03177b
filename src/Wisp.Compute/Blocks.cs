using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>Stored bytes to float32 and back, for every type that <see cref="DTypes.CanConvert"/> names.</summary>
/// <remarks>Little-endian, as the files are. The bytes may start anywhere; they need no alignment.</remarks>
public static class Blocks
{
    /// <summary>Fills y with the values of the blocks, which are exactly as many.</summary>
    public static void Decode(Span<float> y, ReadOnlySpan<byte> blocks, DType type)
    {
        CheckLengths(blocks.Length, y.Length, type);
        switch (type)
        {
            case DType.F32:
                blocks.CopyTo(MemoryMarshal.AsBytes(y));
                break;
            case DType.F16:
                Float16.Decode(y, MemoryMarshal.Cast<byte, ushort>(blocks));
                break;
            case DType.BF16:
                BFloat16.Decode(y, MemoryMarshal.Cast<byte, ushort>(blocks));
                break;
            case DType.Q8_0:
                Q8_0.Decode(y, blocks);
                break;
        }
    }

    /// <summary>Rounds x to the type: to nearest even for the floats, and block by block for Q8_0.</summary>
    public static void Encode(Span<byte> blocks, ReadOnlySpan<float> x, DType type)
    {
        CheckLengths(blocks.Length, x.Length, type);
        switch (type)
        {
            case DType.F32:
                MemoryMarshal.AsBytes(x).CopyTo(blocks);
                break;
            case DType.F16:
                Float16.Encode(MemoryMarshal.Cast<byte, ushort>(blocks), x);
                break;
            case DType.BF16:
                BFloat16.Encode(MemoryMarshal.Cast<byte, ushort>(blocks), x);
                break;
            case DType.Q8_0:
                Q8_0.Encode(blocks, x);
                break;
        }
    }

    private static void CheckLengths(int bytes, int values, DType type)
    {
        if (!type.CanConvert())
            throw new NotSupportedException($"{type.Name()} values cannot be converted; F32, F16, BF16 and Q8_0 can.");
        var expected = type.BytesOf(values);
        if (bytes != expected)
            throw new ArgumentException($"{values} values of {type.Name()} take {expected} bytes, not {bytes}.");
    }
}
