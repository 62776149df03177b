using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 activations as signed bytes with one float32 scale, x ≈ s·a with s = max|x|/127, and what the kernels would
/// otherwise work out again for every row of weights: the sums that correct for codes whose zero is not 0, and the same
/// times the scale for formats that store a minimum.
/// </summary>
/// <remarks>
/// Sums are negated, because products with the zero are taken away. One block is one cache line: a kernel reads one
/// stream a token.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct InputBlock
{
    public const int Length = 32, Bytes = 64;

    /// <summary>The places of the fields, in words of 4 bytes from the beginning of the block.</summary>
    public const int ScaleAt = 8, SumAt = 9, HalfSumsAt = 10, ScaledSumAt = 12, ScaledHalfSumsAt = 13;

    public fixed sbyte Codes[Length];
    public float Scale;
    public int MinusSum, MinusLowSum, MinusHighSum;
    public float ScaledSum, ScaledLowSum, ScaledHighSum;

    /// <summary>A block that stands for zeros.</summary>
    public static void Clear(InputBlock* block) => *block = default;

    /// <summary>
    /// Rounds to nearest even. A block with an infinity or a NaN gets the scale NaN, so that every product with it is.
    /// </summary>
    public static void Encode(InputBlock* block, float* x)
    {
        Vector512<float> low = Vector512.Load(x), high = Vector512.Load(x + 16);
        var most = Simd.Max(Vector512.Max(Vector512.Abs(low), Vector512.Abs(high)));
        // A NaN lane fails its own comparison; Max alone may pass it over.
        if (!float.IsFinite(most) || !Vector512.EqualsAll(low, low) || !Vector512.EqualsAll(high, high))
        {
            *block = new InputBlock
            {
                Scale = float.NaN, ScaledSum = float.NaN, ScaledLowSum = float.NaN, ScaledHighSum = float.NaN,
            };
            return;
        }

        // Below it 127/max is no longer finite; what is lost is nothing that float32 sums would notice.
        const float smallest = 1e-36f;
        if (most < smallest)
        {
            Clear(block);
            return;
        }

        var inverse = Vector512.Create(127 / most);
        var a = Vector512.ConvertToInt32(Vector512.Round(low * inverse));
        var b = Vector512.ConvertToInt32(Vector512.Round(high * inverse));
        int lowSum = Vector512.Sum(a), highSum = Vector512.Sum(b);
        var scale = most / 127;
        Lanes.StoreBytes((byte*)block, a);
        Lanes.StoreBytes((byte*)block + 16, b);
        block->Scale = scale;
        (block->MinusSum, block->MinusLowSum, block->MinusHighSum) = (-lowSum - highSum, -lowSum, -highSum);
        block->ScaledSum = scale * (lowSum + highSum);
        (block->ScaledLowSum, block->ScaledHighSum) = (scale * lowSum, scale * highSum);
    }
}
