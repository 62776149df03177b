using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>The values that one stored code may stand for, before a scale multiplies them.</summary>
internal interface ICodebook
{
    static abstract int Lowest { get; }

    static abstract int Highest { get; }

    /// <summary>The distance of the outer codes from their neighbours.</summary>
    static abstract float Spacing { get; }

    /// <summary>The nearest code values.</summary>
    static abstract Vector512<float> Nearest(Vector512<float> v);
}

/// <summary>−4 to 3.</summary>
internal readonly struct Integers3 : ICodebook
{
    public static int Lowest => -4;

    public static int Highest => 3;

    public static float Spacing => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Nearest(Vector512<float> v) =>
        Vector512.MinNative(Vector512.MaxNative(Vector512.Round(v), Vector512.Create(-4f)), Vector512.Create(3f));
}

/// <summary>−32 to 31.</summary>
internal readonly struct Integers6 : ICodebook
{
    public static int Lowest => -32;

    public static int Highest => 31;

    public static float Spacing => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Nearest(Vector512<float> v) =>
        Vector512.MinNative(Vector512.MaxNative(Vector512.Round(v), Vector512.Create(-32f)), Vector512.Create(31f));
}

/// <summary>The sixteen codes of <see cref="IQ4_NL"/>.</summary>
internal readonly struct Iq4Table : ICodebook
{
    public static int Lowest => -127;

    public static int Highest => 113;

    public static float Spacing => 24;

    private static ReadOnlySpan<sbyte> Codes =>
        [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    // As floats, because this is the inner loop of a search: code k + 1 and where it takes over from code k.
    private static ReadOnlySpan<float> Next => [-104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    private static ReadOnlySpan<float> Midpoints =>
        [-115.5f, -93.5f, -74, -57, -42, -28.5f, -16, -4.5f, 7, 19, 31.5f, 45.5f, 61, 79, 101];

    public static int Index(sbyte code) => Codes.IndexOf(code);

    /// <summary>The highest code whose midpoint with the one below v has reached.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Nearest(Vector512<float> v)
    {
        var nearest = Vector512.Create(-127f);
        for (var k = 0; k < 15; k++)
            nearest = Vector512.ConditionalSelect(
                Vector512.GreaterThanOrEqual(v, Vector512.Create(Midpoints[k])), Vector512.Create(Next[k]), nearest);
        return nearest;
    }
}
