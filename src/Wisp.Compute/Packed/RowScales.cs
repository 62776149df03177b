using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>The scales of a packed block, one for each of its 32 rows side by side.</summary>
internal static unsafe class RowScales
{
    /// <summary>Bytes of a binary16 number, or of a byte, for each row.</summary>
    public const int Halves = 2 * Panel.Rows, Bytes = Panel.Rows;

    /// <summary>Copies the binary16 numbers that stand at an offset in the stored blocks.</summary>
    public static void Pack(byte* to, byte** blocks, int at)
    {
        for (var row = 0; row < Panel.Rows; row++)
            ((ushort*)to)[row] = Unsafe.ReadUnaligned<ushort>(blocks[row] + at);
    }

    /// <summary>32 binary16 numbers as float32, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(float* to, byte* halves)
    {
        Load(halves).Store(to);
        Load(halves + 32).Store(to + 16);
    }

    /// <summary>16 binary16 numbers: subnormal ones, infinities and NaNs too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* halves)
    {
        var half = Vector512.WidenLower(Vector256.Load((ushort*)halves).ToVector512Unsafe());
        var magnitude = half & Vector512.Create(0x7fffu);
        // Shifted by 13 the bits are a float whose exponent is 112 too small; all ones are infinity or NaN.
        var finite = ((magnitude << 13).AsSingle() * Vector512.Create(5.192296858534828e33f)).AsUInt32();
        var special = magnitude << 13 | Vector512.Create(0x7f80_0000u);
        var isSpecial = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x7c00u));
        return (Vector512.ConditionalSelect(isSpecial, special, finite) | (half & Vector512.Create(0x8000u)) << 16)
            .AsSingle();
    }
}
