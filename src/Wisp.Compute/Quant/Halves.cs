using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>What the searches share: scales as binary16 will hold them, and the winner among lanes.</summary>
internal static unsafe class Halves
{
    /// <summary>The nearest finite half: a scale beyond the range becomes the largest, since infinity decodes to
    /// nothing.</summary>
    public static float Nearest(float v)
    {
        const float Max = 65504;
        return (float)(Half)Math.Clamp(v, -Max, Max);
    }

    /// <summary>The next half away from zero, so that no multiple up to the wanted one is lost; at most the
    /// largest.</summary>
    public static float Up(float v)
    {
        var nearest = Nearest(v);
        if (MathF.Abs(nearest) >= MathF.Abs(v))
            return nearest;
        var half = Half.CopySign((Half)nearest, (Half)v);
        return Nearest((float)BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits(half) + 1)));
    }

    /// <summary>The lane of the smallest number; the first where none is a number.</summary>
    public static int IndexOfMin(Vector512<float> v, out float min)
    {
        var p = stackalloc float[16];
        v.Store(p);
        var at = 0;
        for (var lane = 1; lane < 16; lane++)
            if (p[lane] < p[at])
                at = lane;
        min = p[at];
        return at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* to, Vector512<int> v)
    {
        var words = Vector256.Narrow(v.GetLower(), v.GetUpper());
        Vector128.Narrow(words.GetLower(), words.GetUpper()).AsByte().Store(to);
    }
}
