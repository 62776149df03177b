using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>The scales of a packed block, one for each of its 32 rows side by side.</summary>
internal static unsafe class RowScales
{
    /// <summary>Bytes of a binary16 number, or of a byte, for each row.</summary>
    public const int Halves = 2 * Panel.Rows, Bytes = Panel.Rows;

    /// <summary>Copies the binary16 numbers that stand at an offset in the stored blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte** blocks, int at)
    {
        for (var row = 0; row < Panel.Rows; row++)
            ((ushort*)to)[row] = Unsafe.ReadUnaligned<ushort>(blocks[row] + at);
    }

    /// <summary>32 binary16 numbers as float32, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(float* to, byte* halves)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Load(halves).Store(to);
            Load(halves + 32).Store(to + 16);
            return;
        }

        // An infinity or a NaN, which takes half of the instructions, is looked for in all of them at once.
        var magnitude = Vector256.Create((short)0x7fff);
        var most = Vector256.Max(
            Vector256.Load((short*)halves) & magnitude, Vector256.Load((short*)halves + 16) & magnitude);
        if (Vector256.GreaterThanAny(most, Vector256.Create((short)0x7bff)))
            for (var row = 0; row < Panel.Rows; row += 8)
                Load8(halves + 2 * row).Store(to + row);
        else
            for (var row = 0; row < Panel.Rows; row += 8)
                KvLayout.Finite8((short*)halves + row).Store(to + row);
    }

    /// <summary>Eight of them: what is written in halves of 512 bits is slower where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* halves)
    {
        // With its sign shifted by three in the high half of a word, a half is a float whose exponent is 112 too small.
        var words = Vector256.WidenLower(Vector128.Load((short*)halves).ToVector256Unsafe());
        var bits = words << 16 >> 3 & Vector256.Create(unchecked((int)0x8fff_e000));
        var finite = bits.AsSingle() * Vector256.Create(5.192296858534828e33f);
        var special = (bits | Vector256.Create(0x7f80_0000)).AsSingle();
        var isSpecial = Vector256.GreaterThan(
            bits & Vector256.Create(0x7fff_ffff), Vector256.Create((31 << 23) - 1));
        return Vector256.ConditionalSelect(isSpecial.AsSingle(), special, finite);
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
