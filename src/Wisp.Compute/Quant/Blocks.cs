using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// Stored bytes to float32 and back, for every type that <see cref="DTypes.CanDecode"/> and <see
/// cref="DTypes.CanEncode"/> name.
/// </summary>
/// <remarks>Little-endian, as the files are. The bytes may start anywhere; they need no alignment.</remarks>
public static unsafe class Blocks
{
    /// <summary>Fills y with the values of the blocks, which are exactly as many.</summary>
    public static void Decode(Span<float> y, ReadOnlySpan<byte> blocks, DType type)
    {
        if (!type.CanDecode())
            throw new NotSupportedException(
                $"{type.Name()} values cannot be read; {DTypes.Names(DTypes.CanDecode)} can.");
        CheckLengths(blocks.Length, y.Length, type);
        switch (type)
        {
            case DType.F32: blocks.CopyTo(MemoryMarshal.AsBytes(y)); break;
            case DType.F16: Float16.Decode(y, MemoryMarshal.Cast<byte, ushort>(blocks)); break;
            case DType.BF16: BFloat16.Decode(y, MemoryMarshal.Cast<byte, ushort>(blocks)); break;
            case DType.Q4_0: Decode<Q4_0>(y, blocks, type); break;
            case DType.Q4_1: Decode<Q4_1>(y, blocks, type); break;
            case DType.Q5_0: Decode<Q5_0>(y, blocks, type); break;
            case DType.Q5_1: Decode<Q5_1>(y, blocks, type); break;
            case DType.Q8_0: Decode<Q8_0>(y, blocks, type); break;
            case DType.Q2_K: Decode<Q2_K>(y, blocks, type); break;
            case DType.Q3_K: Decode<Q3_K>(y, blocks, type); break;
            case DType.Q4_K: Decode<Q4_K>(y, blocks, type); break;
            case DType.Q5_K: Decode<Q5_K>(y, blocks, type); break;
            case DType.Q6_K: Decode<Q6_K>(y, blocks, type); break;
            case DType.IQ4_NL: Decode<IQ4_NL>(y, blocks, type); break;
            case DType.IQ4_XS: Decode<IQ4_XS>(y, blocks, type); break;
            case DType.MXFP4: Decode<MXFP4>(y, blocks, type); break;
            case DType.NVFP4: Decode<NVFP4>(y, blocks, type); break;
            case DType.TQ1_0: Decode<TQ1_0>(y, blocks, type); break;
            case DType.TQ2_0: Decode<TQ2_0>(y, blocks, type); break;
            case DType.Q1_0: Decode<Q1_0>(y, blocks, type); break;
            case DType.Q2_0: Decode<Q2_0>(y, blocks, type); break;
        }
    }

    /// <summary>
    /// Rounds x to the type: the floats to nearest even, Q4_0 to Q8_0 byte for byte as ggml's reference does, and the
    /// others by a search for the least squared error.
    /// </summary>
    /// <remarks>
    /// Values should be finite: a quantised block that is given a NaN or an infinity decodes to anything, though no
    /// other block suffers. One thread encodes; rows are independent, so a caller with many may share them out.
    /// </remarks>
    public static void Encode(Span<byte> blocks, ReadOnlySpan<float> x, DType type)
    {
        if (!type.CanEncode())
            throw new NotSupportedException(
                $"{type.Name()} values cannot be written; {DTypes.Names(DTypes.CanEncode)} can.");
        CheckLengths(blocks.Length, x.Length, type);
        switch (type)
        {
            case DType.F32: MemoryMarshal.AsBytes(x).CopyTo(blocks); break;
            case DType.F16: Float16.Encode(MemoryMarshal.Cast<byte, ushort>(blocks), x); break;
            case DType.BF16: BFloat16.Encode(MemoryMarshal.Cast<byte, ushort>(blocks), x); break;
            case DType.Q4_0: Encode<Q4_0>(blocks, x, type); break;
            case DType.Q4_1: Encode<Q4_1>(blocks, x, type); break;
            case DType.Q5_0: Encode<Q5_0>(blocks, x, type); break;
            case DType.Q5_1: Encode<Q5_1>(blocks, x, type); break;
            case DType.Q8_0: Encode<Q8_0>(blocks, x, type); break;
            case DType.Q2_K: Encode<Q2_K>(blocks, x, type); break;
            case DType.Q3_K: Encode<Q3_K>(blocks, x, type); break;
            case DType.Q4_K: Encode<Q4_K>(blocks, x, type); break;
            case DType.Q5_K: Encode<Q5_K>(blocks, x, type); break;
            case DType.Q6_K: Encode<Q6_K>(blocks, x, type); break;
            case DType.IQ4_NL: Encode<IQ4_NL>(blocks, x, type); break;
            case DType.IQ4_XS: Encode<IQ4_XS>(blocks, x, type); break;
        }
    }

    /// <summary>
    /// Activations for integer products: <see cref="DType.Q8_0"/>, <see cref="DType.Q8_1"/> or <see
    /// cref="DType.Q8_K"/>, bit for bit as ggml's reference. The latter two are never in a file.
    /// </summary>
    internal static void EncodeActivations(Span<byte> blocks, ReadOnlySpan<float> x, DType type)
    {
        CheckLengths(blocks.Length, x.Length, type);
        switch (type)
        {
            case DType.Q8_0: Encode<Q8_0>(blocks, x, type); break;
            case DType.Q8_1: Encode<Q8_1>(blocks, x, type); break;
            case DType.Q8_K: Encode<Q8_K>(blocks, x, type); break;
            default: throw new NotSupportedException($"{type.Name()} is no type of activations.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Decode<T>(Span<float> y, ReadOnlySpan<byte> blocks, DType type) where T : IBlockDecoder
    {
        int length = type.BlockLength(), bytes = type.BlockBytes();
        fixed (float* py = y)
        fixed (byte* pb = blocks)
        {
            float* to = py, end = py + y.Length;
            for (var block = pb; to < end; to += length, block += bytes)
                T.Decode(to, block);
        }
    }

    private static void Encode<T>(Span<byte> blocks, ReadOnlySpan<float> x, DType type) where T : IBlockEncoder
    {
        int length = type.BlockLength(), bytes = type.BlockBytes();
        fixed (byte* pb = blocks)
        fixed (float* px = x)
        {
            float* from = px, end = px + x.Length;
            for (var block = pb; from < end; from += length, block += bytes)
                T.Encode(block, from);
        }
    }

    private static void CheckLengths(int bytes, int values, DType type)
    {
        var expected = type.BytesOf(values);
        if (bytes != expected)
            throw new ArgumentException($"{values} values of {type.Name()} take {expected} bytes, not {bytes}.");
    }
}
