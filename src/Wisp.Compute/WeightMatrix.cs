namespace Wisp.Compute;

/// <summary>
/// A stored matrix (Rows, Columns), row-major, in any type that <see cref="Blocks"/> decodes: a view of a mapped file
/// or of a buffer, which it keeps alive but does not own.
/// </summary>
/// <remarks>As with a span of the same memory, using it after the file or the buffer was disposed is a fault.</remarks>
public sealed unsafe class WeightMatrix
{
    private readonly object _owner;

    private WeightMatrix(object owner, byte* data, DType type, int rows, int columns)
    {
        (_owner, Type, Rows, Columns) = (owner, type, rows, columns);
        Data = data;
        RowBytes = type.BytesOf(columns);
    }

    public DType Type { get; }

    public int Rows { get; }

    public int Columns { get; }

    public long RowBytes { get; }

    /// <summary>Bytes of the whole matrix as stored: what one pass over it reads.</summary>
    public long Bytes => Rows * RowBytes;

    internal byte* Data { get; }

    /// <param name="offset">Bytes from the beginning of the file; the matrix must lie within it.</param>
    public static WeightMatrix Of(MappedFile file, long offset, DType type, int rows, int columns)
    {
        CheckShape(type, rows, columns);
        return new(file, file.Address(offset, checked(rows * type.BytesOf(columns))), type, rows, columns);
    }

    /// <param name="offset">Floats from the beginning of the buffer.</param>
    public static WeightMatrix Of(FloatBuffer buffer, int offset, int rows, int columns)
    {
        CheckShape(DType.F32, rows, columns);
        // The buffer is native memory: its address stays good after the block.
        fixed (float* p = buffer.Slice(offset, checked(rows * columns)))
            return new(buffer, (byte*)p, DType.F32, rows, columns);
    }

    /// <summary>A view of some of the rows.</summary>
    public WeightMatrix Slice(int from, int rows)
    {
        if (from < 0 || rows < 0 || from > Rows - rows)
            throw new ArgumentOutOfRangeException(
                nameof(from), $"Rows {from} to {(long)from + rows} of a matrix of {Rows} rows.");
        return new(_owner, Data + (from * RowBytes), Type, rows, Columns);
    }

    /// <summary>All values, of a matrix that holds F32.</summary>
    public ReadOnlySpan<float> Floats => Type == DType.F32
        ? new ReadOnlySpan<float>(Data, checked(Rows * Columns))
        : throw new InvalidOperationException($"The matrix holds {Type.Name()}, not F32.");

    /// <summary>Gives up the memory of the mapped pages that hold its first rows, where the system can.</summary>
    public void LetGo(int rows)
    {
        if (_owner is MappedFile file)
            file.LetGo(Data - file.Address(0, 0), rows * RowBytes);
    }

    /// <summary>Decodes one row.</summary>
    public void ReadRow(Span<float> y, int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows);
        Blocks.Decode(y[..Columns], new ReadOnlySpan<byte>(Data + (row * RowBytes), checked((int)RowBytes)), Type);
    }

    private static void CheckShape(DType type, int rows, int columns)
    {
        if (rows < 1 || columns < 1)
            throw new ArgumentException($"A matrix of {rows} x {columns} holds nothing.");
        if (!type.CanDecode())
            throw new NotSupportedException($"{type.Name()} weights cannot be computed with.");
    }
}
