using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(InputBlock* block, float* x)
    {
        Vector512<float> low = Vector512.Load(x), high = Vector512.Load(x + 16);
        var most = LargestMagnitude(low, high);
        if (!float.IsFinite(most))
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
        if (Avx512F.IsSupported)
        {
            Avx512F.ConvertToVector128SByte(a).Store((sbyte*)block);
            Avx512F.ConvertToVector128SByte(b).Store((sbyte*)block + 16);
        }
        else
        {
            Lanes.StoreBytes((byte*)block, a);
            Lanes.StoreBytes((byte*)block + 16, b);
        }

        block->Scale = scale;
        (block->MinusSum, block->MinusLowSum, block->MinusHighSum) = (-lowSum - highSum, -lowSum, -highSum);
        block->ScaledSum = scale * (lowSum + highSum);
        (block->ScaledLowSum, block->ScaledHighSum) = (scale * lowSum, scale * highSum);
    }

    // As integers the bits of magnitudes have the order of the numbers, infinity above them and NaNs on top.
    private static float LargestMagnitude(Vector512<float> low, Vector512<float> high)
    {
        var v = Vector512.Max(Vector512.Abs(low).AsInt32(), Vector512.Abs(high).AsInt32());
        var v8 = Vector256.Max(v.GetLower(), v.GetUpper());
        var v4 = Vector128.Max(v8.GetLower(), v8.GetUpper());
        v4 = Vector128.Max(v4, Vector128.Shuffle(v4, Vector128.Create(2, 3, 0, 1)));
        v4 = Vector128.Max(v4, Vector128.Shuffle(v4, Vector128.Create(1, 0, 3, 2)));
        return v4.AsSingle().ToScalar();
    }
}
