using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Blocks of 32 values as one binary16 scale and 32 signed bytes: xᵢ ≈ d·qᵢ with d = max|x|/127 and qᵢ = round(xᵢ/d).
/// 34 bytes a block, 8.5 bits a value; bit for bit what ggml's reference quantiser writes.
/// </summary>
/// <remarks>
/// The integers are made with the float32 scale while the stored one is rounded to binary16, and ties round away from
/// zero: both are part of the format's reference. Values must be finite.
/// </remarks>
public static class Q8_0
{
    private const int Length = 32; // values a block
    private const int Bytes = 2 + Length;

    public static void Decode(Span<float> y, ReadOnlySpan<byte> blocks)
    {
        CheckLengths(blocks.Length, y.Length);
        for (var b = 0; b < y.Length / Length; b++)
        {
            var block = blocks.Slice(b * Bytes, Bytes);
            var d = Vector256.Create((float)BinaryPrimitives.ReadHalfLittleEndian(block));
            var q = MemoryMarshal.Cast<byte, sbyte>(block.Slice(2));
            var values = y.Slice(b * Length, Length);
            for (var i = 0; i < Length; i += Vector128<sbyte>.Count)
            {
                var (low, high) = Vector256.Widen(Vector256.WidenLower(Vector128.Create(q.Slice(i)).ToVector256()));
                (Vector256.ConvertToSingle(low) * d).CopyTo(values.Slice(i));
                (Vector256.ConvertToSingle(high) * d).CopyTo(values.Slice(i + Vector256<float>.Count));
            }
        }
    }

    public static void Encode(Span<byte> blocks, ReadOnlySpan<float> x)
    {
        CheckLengths(blocks.Length, x.Length);
        for (var b = 0; b < x.Length / Length; b++)
        {
            var values = x.Slice(b * Length, Length);
            Vector256<float> x0 = Vector256.Create(values), x1 = Vector256.Create(values.Slice(8)),
                x2 = Vector256.Create(values.Slice(16)), x3 = Vector256.Create(values.Slice(24));
            var top = Vector256.Max(
                Vector256.Max(Vector256.Abs(x0), Vector256.Abs(x1)),
                Vector256.Max(Vector256.Abs(x2), Vector256.Abs(x3)));
            var max = 0f;
            for (var i = 0; i < Vector256<float>.Count; i++)
                max = MathF.Max(max, top[i]);

            var d = max / 127;
            var inverse = Vector256.Create(d != 0 ? 1 / d : 0);
            var block = blocks.Slice(b * Bytes, Bytes);
            BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
            var low = Vector256.Narrow(Rounded(x0 * inverse), Rounded(x1 * inverse));
            var high = Vector256.Narrow(Rounded(x2 * inverse), Rounded(x3 * inverse));
            Vector256.Narrow(low, high).AsByte().CopyTo(block.Slice(2));
        }
    }

    // To nearest, ties away from zero. The fraction is exact, so it alone decides; adding a half before cutting would
    // carry 0.49999997 up to 1.
    private static Vector256<int> Rounded(Vector256<float> x)
    {
        var whole = Vector256.Truncate(x);
        var carry = Vector256.GreaterThanOrEqual(Vector256.Abs(x - whole), Vector256.Create(0.5f)).AsInt32();
        // The sign of x, +1 or -1, where a step is due.
        var step = (x.AsInt32() >> 31 | Vector256<int>.One) & carry;
        return Vector256.ConvertToInt32(whole) + step;
    }

    private static void CheckLengths(int bytes, int values)
    {
        if (values % Length != 0 || bytes != values / Length * Bytes)
            throw new ArgumentException(
                $"{values} values and {bytes} bytes are not the same number of whole Q8_0 blocks.");
    }
}
