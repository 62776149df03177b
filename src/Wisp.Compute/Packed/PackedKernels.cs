namespace Wisp.Compute;

internal unsafe struct PackJob
{
    public byte* To, From;
    public long RowBytes;
    public int Rows, Columns;
    public int NotFinite; // set where a value is none, by the types that ask
}

/// <summary>What a packed type consists of: its sizes, and the code that packs it and multiplies by it.</summary>
internal readonly unsafe struct PackedKernels
{
    /// <summary>Rows of a panel, values of a row in a block, bytes a row takes of a packed block.</summary>
    public readonly int PanelRows, Length, BlockBytes;

    /// <summary>Floats of scratch for every panel of a task.</summary>
    public readonly int ScratchFloats;

    public readonly TileKind BestTile;

    /// <summary>The job that packs a panel.</summary>
    public readonly delegate*<void*, int, int, void> Pack;

    /// <summary>Runs a task of a product.</summary>
    public readonly delegate*<in PackedPart, int, float*, void> Multiply;

    private PackedKernels(
        int panelRows, int length, int blockBytes, int scratchFloats, TileKind bestTile,
        delegate*<void*, int, int, void> pack, delegate*<in PackedPart, int, float*, void> multiply)
    {
        (PanelRows, Length, BlockBytes, ScratchFloats) = (panelRows, length, blockBytes, scratchFloats);
        BestTile = bestTile;
        Pack = pack;
        Multiply = multiply;
    }

    /// <param name="finite">Whether no value is an infinity or a NaN.</param>
    public static PackedKernels Of(DType type, bool finite = true) => type switch
    {
        DType.F32 => Floats<PackedF32>(),
        DType.F16 => finite ? Floats<PackedF16>() : Floats<PackedAnyF16>(),
        DType.BF16 => Floats<PackedBF16>(),
        DType.Q8_0 => Integers<PackedQ8_0>(),
        DType.Q4_0 => Integers<PackedQ4_0>(),
        DType.Q4_1 => Integers<PackedQ4_1>(),
        DType.Q5_0 => Integers<PackedQ5_0>(),
        DType.Q5_1 => Integers<PackedQ5_1>(),
        DType.IQ4_NL => Integers<PackedIQ4_NL>(),
        DType.Q2_K => Integers<PackedQ2_K>(),
        DType.Q3_K => Integers<PackedQ3_K>(),
        DType.Q4_K => Integers<PackedQ4_K>(),
        DType.Q5_K => Integers<PackedQ5_K>(),
        DType.Q6_K => Integers<PackedQ6_K>(),
        DType.IQ4_XS => Integers<PackedIQ4_XS>(),
        _ => throw new NotSupportedException(
            $"{type.Name()} weights cannot be packed; {DTypes.Names(PackedMatrix.Supports)} can."),
    };

    private static PackedKernels Integers<TFormat>() where TFormat : IPackedFormat => new(
        Panel.Rows, TFormat.Length, TFormat.Bytes / Panel.Rows, IntegerProduct.ScratchFloats,
        IntegerProduct<TFormat>.BestTile, &IntegerProduct<TFormat>.Pack, &IntegerProduct<TFormat>.Multiply);

    private static PackedKernels Floats<TFormat>() where TFormat : IFloatFormat => new(
        GemmTile.Columns, sizeof(float) / TFormat.Bytes, sizeof(float), FloatProduct.ScratchFloats, default,
        &FloatProduct<TFormat>.Pack, &FloatProduct<TFormat>.Multiply);
}
