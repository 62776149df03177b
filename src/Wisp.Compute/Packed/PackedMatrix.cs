namespace Wisp.Compute;

/// <summary>
/// A copy of a <see cref="WeightMatrix"/> for fast products: the same numbers in about the same bytes, with the rows
/// interleaved so that a vector lane is a row. Quantised types meet activations of 8 bits, the floats meet float32.
/// </summary>
/// <remarks>Rows that do not fill the interleave are padded with zeros. The stored matrix is needed no more.</remarks>
public sealed unsafe class PackedMatrix : IDisposable
{
    private readonly FloatBuffer _memory;

    private PackedMatrix(WeightMatrix w, PackedKernels kernels, FloatBuffer memory)
    {
        (Type, Rows, Columns, Kernels, _memory) = (w.Type, w.Rows, w.Columns, kernels, memory);
        Tile = kernels.BestTile;
        fixed (float* p = memory.Span) // native memory: its address stays good after the block
            Data = (byte*)p;
    }

    public DType Type { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Bytes of memory it takes: what one pass over it reads.</summary>
    public long Bytes => _memory.Bytes;

    internal byte* Data { get; }

    internal PackedKernels Kernels { get; }

    /// <summary>The kernel for quantised weights; the fastest, unless a test asks for another.</summary>
    internal TileKind Tile { get; set; }

    internal int Panels => (Rows + Kernels.PanelRows - 1) / Kernels.PanelRows;

    /// <summary>Whether it meets activations in float32 instead of 8 bits.</summary>
    internal bool IsFloat => Type is DType.F32 or DType.F16 or DType.BF16;

    /// <summary>The types that can be packed; <see cref="Linear"/> multiplies all others.</summary>
    public static bool Supports(DType type) => type is
        DType.F32 or DType.F16 or DType.BF16 or DType.Q8_0 or DType.Q4_0 or DType.Q4_1 or DType.Q5_0 or DType.Q5_1 or
        DType.IQ4_NL or DType.Q2_K or DType.Q3_K or DType.Q4_K or DType.Q5_K or DType.Q6_K or DType.IQ4_XS;

    /// <summary>Reads all of the matrix once, on all workers.</summary>
    public static PackedMatrix Pack(WorkerPool pool, WeightMatrix w)
    {
        var kernels = PackedKernels.Of(w.Type);
        var bytes = (w.Rows + kernels.PanelRows - 1L) / kernels.PanelRows * kernels.PanelRows * w.Columns
            / kernels.Length * kernels.BlockBytes;
        if (bytes / sizeof(float) >= int.MaxValue)
            throw new ArgumentException(
                $"A matrix of {w.Rows} x {w.Columns} {w.Type.Name()} takes {bytes} bytes; 8 GB is the limit.");
        var packed = new PackedMatrix(
            w, kernels, new FloatBuffer((int)((bytes + sizeof(float) - 1) / sizeof(float))));
        var job = new PackJob
        {
            To = packed.Data, From = w.Data, RowBytes = w.RowBytes, Rows = w.Rows, Columns = w.Columns,
        };
        pool.Run(kernels.Pack, &job, packed.Panels);
        GC.KeepAlive(w);
        return packed;
    }

    public void Dispose() => _memory.Dispose();
}
