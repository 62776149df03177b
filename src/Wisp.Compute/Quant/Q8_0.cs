using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Blocks of 32 values as one binary16 scale and 32 signed bytes: xᵢ ≈ d·qᵢ with d = max|x|/127 and qᵢ = round(xᵢ/d).
/// 34 bytes a block, 8.5 bits a value; bit for bit what ggml's reference quantiser writes.
/// </summary>
/// <remarks>
/// The integers are made with the float32 scale while the stored one is rounded to binary16, and ties round away from
/// zero: both are part of the format's reference.
/// </remarks>
internal readonly unsafe struct Q8_0 : IBlockDecoder, IBlockEncoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Vector512.Create(Halves.Load(block));
        (Lanes.Floats(Vector128.Load((sbyte*)block + 2)) * d).Store(y);
        (Lanes.Floats(Vector128.Load((sbyte*)block + 18)) * d).Store(y + 16);
    }

    public static void Encode(byte* block, float* x)
    {
        var d = Encode(block + 2, x, out _);
        Halves.Store(block, d);
    }

    /// <summary>The integers of 32 values, their sum, and the scale before it is rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Encode(byte* q, float* x, out int sum)
    {
        Vector512<float> low = Vector512.Load(x), high = Vector512.Load(x + 16);
        var d = Simd.Max(Vector512.Max(Vector512.Abs(low), Vector512.Abs(high))) / 127;
        var inverse = Vector512.Create(d != 0 ? 1 / d : 0);
        Vector512<int> qLow = Rounded(low * inverse), qHigh = Rounded(high * inverse);
        sum = Vector512.Sum(qLow + qHigh);
        Vector256<short> words = Vector256.Narrow(qLow.GetLower(), qLow.GetUpper()),
            more = Vector256.Narrow(qHigh.GetLower(), qHigh.GetUpper());
        Vector256.Narrow(words, more).AsByte().Store(q);
        return d;
    }

    // To nearest, ties away from zero. The fraction is exact, so it alone decides; adding a half before cutting would
    // carry 0.49999997 up to 1.
    private static Vector512<int> Rounded(Vector512<float> x)
    {
        var whole = Vector512.Truncate(x);
        var carry = Vector512.GreaterThanOrEqual(Vector512.Abs(x - whole), Vector512.Create(0.5f)).AsInt32();
        // The sign of x, +1 or -1, where a step is due.
        var step = (x.AsInt32() >> 31 | Vector512<int>.One) & carry;
        return Vector512.ConvertToInt32(whole) + step;
    }
}
