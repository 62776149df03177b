namespace Wisp.Compute;

/// <summary>
/// How a tensor's values are stored, by the number that GGUF files carry (ggml_type of ggml.h). Every type that a file
/// may name stands here, so that it can be listed and measured; <see cref="DTypes.CanDecode"/> says which we compute
/// with.
/// </summary>
public enum DType
{
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
    NVFP4 = 40,
    Q1_0 = 41,
    Q2_0 = 42,
}

/// <summary>Sizes of the stored types: values come in blocks of a fixed length and a fixed number of bytes.</summary>
public static class DTypes
{
    /// <summary>Values a block; a row of a tensor is a whole number of blocks.</summary>
    public static int BlockLength(this DType type) => Layout(type).Length;

    public static int BlockBytes(this DType type) => Layout(type).Bytes;

    public static string Name(this DType type) => type.ToString();

    /// <summary>Whether the number is one that this format has (some were withdrawn).</summary>
    public static bool IsKnown(this DType type) => Layout(type).Length > 0;

    /// <summary>Whether <see cref="Blocks"/> reads the type.</summary>
    public static bool CanDecode(this DType type) => type.CanEncode() || type is
        DType.MXFP4 or DType.NVFP4 or DType.TQ1_0 or DType.TQ2_0 or DType.Q1_0 or DType.Q2_0;

    /// <summary>Whether <see cref="Blocks"/> writes the type.</summary>
    public static bool CanEncode(this DType type) => type is DType.F32 or DType.F16 or DType.BF16 or
        DType.Q4_0 or DType.Q4_1 or DType.Q5_0 or DType.Q5_1 or DType.Q8_0 or
        DType.Q2_K or DType.Q3_K or DType.Q4_K or DType.Q5_K or DType.Q6_K or DType.IQ4_NL or DType.IQ4_XS;

    /// <summary>The names of the types of a kind, for a message that refuses another.</summary>
    public static string Names(Func<DType, bool> kind) =>
        string.Join(", ", Enum.GetValues<DType>().Where(kind).Select(Name));

    /// <summary>
    /// Whether the type holds scaled integers, which is what general.quantization_version speaks about.
    /// </summary>
    public static bool IsQuantised(this DType type) => type.BlockLength() > 1;

    /// <summary>Bytes of a number of values, which is a whole number of blocks.</summary>
    /// <exception cref="OverflowException">The size does not fit 63 bits.</exception>
    public static long BytesOf(this DType type, long values)
    {
        var (length, bytes) = Layout(type);
        if (length == 0)
            throw new ArgumentOutOfRangeException(nameof(type), $"{(int)type} is not a type of tensor.");
        if (values < 0 || values % length != 0)
            throw new ArgumentException(
                $"{values} values are no whole number of {type.Name()} blocks ({length} values).", nameof(values));
        return checked(values / length * bytes);
    }

    private static (int Length, int Bytes) Layout(DType type) => type switch
    {
        DType.F32 or DType.I32 => (1, 4),
        DType.F16 or DType.BF16 or DType.I16 => (1, 2),
        DType.I8 => (1, 1),
        DType.F64 or DType.I64 => (1, 8),
        DType.Q4_0 or DType.IQ4_NL => (32, 18),
        DType.Q4_1 => (32, 20),
        DType.Q5_0 => (32, 22),
        DType.Q5_1 => (32, 24),
        DType.Q8_0 => (32, 34),
        DType.Q8_1 => (32, 36),
        DType.MXFP4 => (32, 17),
        DType.Q2_0 => (64, 18),
        DType.NVFP4 => (64, 36),
        DType.Q1_0 => (128, 18),
        DType.IQ1_S => (256, 50),
        DType.TQ1_0 => (256, 54),
        DType.IQ1_M => (256, 56),
        DType.IQ2_XXS or DType.TQ2_0 => (256, 66),
        DType.IQ2_XS => (256, 74),
        DType.IQ2_S => (256, 82),
        DType.Q2_K => (256, 84),
        DType.IQ3_XXS => (256, 98),
        DType.Q3_K or DType.IQ3_S => (256, 110),
        DType.IQ4_XS => (256, 136),
        DType.Q4_K => (256, 144),
        DType.Q5_K => (256, 176),
        DType.Q6_K => (256, 210),
        DType.Q8_K => (256, 292),
        _ => (0, 0),
    };
}
