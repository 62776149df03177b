namespace Wisp.Compute;

/// <summary>
/// A copy of a <see cref="WeightMatrix"/> for fast products: the same numbers in about the same bytes, with the rows
/// interleaved so that a vector lane is a row. Quantised types meet activations of 8 bits, the floats meet float32.
/// </summary>
/// <remarks>Rows that do not fill the interleave are padded with zeros. The stored matrix is needed no more.</remarks>
public sealed unsafe class PackedMatrix : IDisposable
{
    private const long BytesAtOnce = 32 << 20;

    private readonly PackedMemory _memory;
    private readonly bool _ownsMemory;

    private PackedMatrix(WeightMatrix w, PackedKernels kernels, PackedMemory? memory)
    {
        (Type, Rows, Columns, Kernels, Bytes) = (w.Type, w.Rows, w.Columns, kernels, BytesOf(w));
        (_memory, _ownsMemory) = (memory ?? new PackedMemory(w), memory is null);
        Tile = kernels.BestTile;
        Data = _memory.Take(Bytes);
    }

    public DType Type { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Bytes of memory it takes: what one pass over it reads.</summary>
    public long Bytes { get; }

    internal byte* Data { get; }

    internal PackedKernels Kernels { get; private set; }

    /// <summary>The kernel for quantised weights; the fastest, unless a test asks for another.</summary>
    internal TileKind Tile { get; set; }

    internal int Panels => (Rows + Kernels.PanelRows - 1) / Kernels.PanelRows;

    /// <summary>Whether it meets activations in float32 instead of 8 bits.</summary>
    internal bool IsFloat => Type is DType.F32 or DType.F16 or DType.BF16;

    /// <summary>The types that can be packed; <see cref="Linear"/> multiplies all others.</summary>
    public static bool Supports(DType type) => type is
        DType.F32 or DType.F16 or DType.BF16 or DType.Q8_0 or DType.Q4_0 or DType.Q4_1 or DType.Q5_0 or DType.Q5_1 or
        DType.IQ4_NL or DType.Q2_K or DType.Q3_K or DType.Q4_K or DType.Q5_K or DType.Q6_K or DType.IQ4_XS;

    /// <summary>Bytes that the packed copy of a matrix takes.</summary>
    /// <exception cref="ArgumentException">It is larger than a copy can be.</exception>
    public static long BytesOf(WeightMatrix w)
    {
        var kernels = PackedKernels.Of(w.Type);
        var bytes = (w.Rows + kernels.PanelRows - 1L) / kernels.PanelRows * kernels.PanelRows
            * ((w.Columns + kernels.Length - 1) / kernels.Length) * kernels.BlockBytes;
        return bytes / sizeof(float) < int.MaxValue ? bytes : throw new ArgumentException(
            $"A matrix of {w.Rows} x {w.Columns} {w.Type.Name()} takes {bytes} bytes; 8 GB is the limit.");
    }

    /// <summary>
    /// Reads all of the matrix once, on all workers, and gives up the pages of a file that it was read from part by
    /// part: file and copy are never both in memory.
    /// </summary>
    /// <param name="memory">Where the copy goes, kept by the caller as long as it is used; null takes some.</param>
    public static PackedMatrix Pack(WorkerPool pool, WeightMatrix w, PackedMemory? memory = null)
    {
        var kernels = PackedKernels.Of(w.Type);
        var packed = new PackedMatrix(w, kernels, memory);
        var job = new PackJob { To = packed.Data, From = w.Data, RowBytes = w.RowBytes, Columns = w.Columns };
        var rows = (int)Math.Max(1, BytesAtOnce / (kernels.PanelRows * w.RowBytes)) * kernels.PanelRows;
        for (var row = 0; row < w.Rows; row += rows)
        {
            job.Rows = Math.Min(rows, w.Rows - row);
            var panels = (job.Rows + kernels.PanelRows - 1) / kernels.PanelRows;
            pool.Run(kernels.Pack, &job, panels);
            job.From += job.Rows * w.RowBytes;
            job.To += panels * (packed.Bytes / packed.Panels);
            w.LetGo(row + job.Rows);
        }

        if (job.NotFinite != 0)
            packed.Kernels = PackedKernels.Of(w.Type, finite: false);
        GC.KeepAlive(w);
        return packed;
    }

    public void Dispose()
    {
        if (_ownsMemory)
            _memory.Dispose();
    }
}
