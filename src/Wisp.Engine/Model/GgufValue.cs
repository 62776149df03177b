using Wisp.Compute;

namespace Wisp.Model;

/// <summary>The kinds of metadata value, by the number that the file carries.</summary>
public enum GgufType
{
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

/// <summary>
/// One metadata value: what it is and where it lies. The value itself stays in the mapped file until it is asked for,
/// so that a file of a few bytes can never make us allocate what it merely claims.
/// </summary>
/// <param name="Type">Of the value.</param>
/// <param name="Item">Of the items of an array; otherwise the same as the type.</param>
/// <param name="Count">Items of an array, else 1.</param>
/// <param name="Offset">First byte of the value in the file; for an array, of its first item.</param>
/// <param name="Bytes">From the offset to the end of the value.</param>
public readonly record struct GgufValue(GgufType Type, GgufType Item, int Count, long Offset, long Bytes)
{
    /// <summary>As messages and listings say it: <c>u32</c>, or <c>array of string</c>.</summary>
    public string TypeName => Type == GgufType.Array ? $"array of {NameOf(Item)}" : NameOf(Type);

    public static string NameOf(GgufType type) => type.ToString().ToLowerInvariant();

    /// <summary>Bytes of a value of a fixed size; 0 for strings and arrays.</summary>
    internal static int SizeOf(GgufType type) => type switch
    {
        GgufType.U8 or GgufType.I8 or GgufType.Bool => 1,
        GgufType.U16 or GgufType.I16 => 2,
        GgufType.U32 or GgufType.I32 or GgufType.F32 => 4,
        GgufType.U64 or GgufType.I64 or GgufType.F64 => 8,
        _ => 0,
    };
}

/// <summary>One tensor as its file describes it.</summary>
/// <param name="Shape">In the file's order: the first is the length of a row, which changes fastest.</param>
/// <param name="Offset">Of the first byte, counted from the start of the file.</param>
/// <param name="Bytes">Stored size, without padding.</param>
public sealed record GgufTensor(string Name, IReadOnlyList<long> Shape, DType DType, long Offset, long Bytes)
{
    /// <summary>Number of values; a tensor without dimensions holds one.</summary>
    public long Elements { get; } = Shape.Aggregate(1L, (product, n) => checked(product * n));
}
