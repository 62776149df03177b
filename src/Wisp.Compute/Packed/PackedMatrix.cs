namespace Wisp.Compute;

/// <summary>
/// A copy of a <see cref="WeightMatrix"/> for fast products: the same numbers in about the same bytes, with the rows
/// interleaved so that a vector lane is a row. Quantised types meet activations of 8 bits, the floats meet float32.
/// </summary>
/// <remarks>Rows that do not fill the interleave are padded with zeros. The stored matrix is needed no more.</remarks>
public sealed unsafe class PackedMatrix : IDisposable
{
    private readonly FloatBuffer _memory;

    private PackedMatrix(DType type, int rows, int columns, FloatBuffer memory)
    {
        (Type, Rows, Columns, _memory) = (type, rows, columns, memory);
        fixed (float* p = memory.Span) // native memory: its address stays good after the block
            Data = (byte*)p;
    }

    public DType Type { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Bytes of memory it takes: what one pass over it reads.</summary>
    public long Bytes => _memory.Bytes;

    internal byte* Data { get; }

    /// <summary>Whether it meets activations in float32 instead of 8 bits.</summary>
    internal bool IsFloat => Type is DType.F32 or DType.F16 or DType.BF16;

    /// <summary>The types that can be packed; <see cref="Linear"/> multiplies all others.</summary>
    public static bool Supports(DType type) => type is DType.F32 or DType.F16 or DType.BF16 or
        DType.Q8_0 or DType.Q4_0 or DType.Q4_1 or DType.Q5_0 or DType.Q5_1 or DType.IQ4_NL or
        DType.Q2_K or DType.Q3_K or DType.Q4_K or DType.Q5_K or DType.Q6_K or DType.IQ4_XS;

    /// <summary>Reads all of the matrix once, on all workers.</summary>
    public static PackedMatrix Pack(WorkerPool pool, WeightMatrix w)
    {
        if (!Supports(w.Type))
            throw new NotSupportedException(
                $"{w.Type.Name()} weights cannot be packed; {DTypes.Names(Supports)} can.");
        var bytes = w.Type switch
        {
            DType.F32 => FloatProduct<PackedF32>.BytesOf(w.Rows, w.Columns),
            DType.F16 => FloatProduct<PackedF16>.BytesOf(w.Rows, w.Columns),
            DType.BF16 => FloatProduct<PackedBF16>.BytesOf(w.Rows, w.Columns),
            DType.Q8_0 => IntegerProduct<PackedQ8_0>.BytesOf(w.Rows, w.Columns),
            DType.Q4_0 => IntegerProduct<PackedQ4_0>.BytesOf(w.Rows, w.Columns),
            DType.Q4_1 => IntegerProduct<PackedQ4_1>.BytesOf(w.Rows, w.Columns),
            DType.Q5_0 => IntegerProduct<PackedQ5_0>.BytesOf(w.Rows, w.Columns),
            DType.Q5_1 => IntegerProduct<PackedQ5_1>.BytesOf(w.Rows, w.Columns),
            DType.IQ4_NL => IntegerProduct<PackedIQ4_NL>.BytesOf(w.Rows, w.Columns),
            DType.Q2_K => IntegerProduct<PackedQ2_K>.BytesOf(w.Rows, w.Columns),
            DType.Q3_K => IntegerProduct<PackedQ3_K>.BytesOf(w.Rows, w.Columns),
            DType.Q4_K => IntegerProduct<PackedQ4_K>.BytesOf(w.Rows, w.Columns),
            DType.Q5_K => IntegerProduct<PackedQ5_K>.BytesOf(w.Rows, w.Columns),
            DType.Q6_K => IntegerProduct<PackedQ6_K>.BytesOf(w.Rows, w.Columns),
            _ => IntegerProduct<PackedIQ4_XS>.BytesOf(w.Rows, w.Columns),
        };
        if (bytes / sizeof(float) >= int.MaxValue)
            throw new ArgumentException(
                $"A matrix of {w.Rows} x {w.Columns} {w.Type.Name()} takes {bytes} bytes; 8 GB is the limit.");
        var packed = new PackedMatrix(
            w.Type, w.Rows, w.Columns, new FloatBuffer((int)((bytes + sizeof(float) - 1) / sizeof(float))));
        packed.Fill(pool, w);
        GC.KeepAlive(w);
        return packed;
    }

    private void Fill(WorkerPool pool, WeightMatrix w)
    {
        var job = new PackJob { To = Data, From = w.Data, RowBytes = w.RowBytes, Rows = Rows, Columns = Columns };
        var panels = (Rows + Panel.Rows - 1) / Panel.Rows;
        var floatPanels = (Rows + GemmTile.Columns - 1) / GemmTile.Columns;
        switch (Type)
        {
            case DType.F32: pool.Run(&FloatProduct<PackedF32>.Pack, &job, floatPanels); break;
            case DType.F16: pool.Run(&FloatProduct<PackedF16>.Pack, &job, floatPanels); break;
            case DType.BF16: pool.Run(&FloatProduct<PackedBF16>.Pack, &job, floatPanels); break;
            case DType.Q8_0: pool.Run(&IntegerProduct<PackedQ8_0>.Pack, &job, panels); break;
            case DType.Q4_0: pool.Run(&IntegerProduct<PackedQ4_0>.Pack, &job, panels); break;
            case DType.Q4_1: pool.Run(&IntegerProduct<PackedQ4_1>.Pack, &job, panels); break;
            case DType.Q5_0: pool.Run(&IntegerProduct<PackedQ5_0>.Pack, &job, panels); break;
            case DType.Q5_1: pool.Run(&IntegerProduct<PackedQ5_1>.Pack, &job, panels); break;
            case DType.IQ4_NL: pool.Run(&IntegerProduct<PackedIQ4_NL>.Pack, &job, panels); break;
            case DType.Q2_K: pool.Run(&IntegerProduct<PackedQ2_K>.Pack, &job, panels); break;
            case DType.Q3_K: pool.Run(&IntegerProduct<PackedQ3_K>.Pack, &job, panels); break;
            case DType.Q4_K: pool.Run(&IntegerProduct<PackedQ4_K>.Pack, &job, panels); break;
            case DType.Q5_K: pool.Run(&IntegerProduct<PackedQ5_K>.Pack, &job, panels); break;
            case DType.Q6_K: pool.Run(&IntegerProduct<PackedQ6_K>.Pack, &job, panels); break;
            case DType.IQ4_XS: pool.Run(&IntegerProduct<PackedIQ4_XS>.Pack, &job, panels); break;
        }
    }

    /// <summary>The task that multiplies by it.</summary>
    internal delegate*<in PackedPart, int, float*, void> Kernel => Type switch
    {
        DType.F32 => &FloatProduct<PackedF32>.Multiply,
        DType.F16 => &FloatProduct<PackedF16>.Multiply,
        DType.BF16 => &FloatProduct<PackedBF16>.Multiply,
        DType.Q8_0 => &IntegerProduct<PackedQ8_0>.Multiply,
        DType.Q4_0 => &IntegerProduct<PackedQ4_0>.Multiply,
        DType.Q4_1 => &IntegerProduct<PackedQ4_1>.Multiply,
        DType.Q5_0 => &IntegerProduct<PackedQ5_0>.Multiply,
        DType.Q5_1 => &IntegerProduct<PackedQ5_1>.Multiply,
        DType.IQ4_NL => &IntegerProduct<PackedIQ4_NL>.Multiply,
        DType.Q2_K => &IntegerProduct<PackedQ2_K>.Multiply,
        DType.Q3_K => &IntegerProduct<PackedQ3_K>.Multiply,
        DType.Q4_K => &IntegerProduct<PackedQ4_K>.Multiply,
        DType.Q5_K => &IntegerProduct<PackedQ5_K>.Multiply,
        DType.Q6_K => &IntegerProduct<PackedQ6_K>.Multiply,
        _ => &IntegerProduct<PackedIQ4_XS>.Multiply,
    };

    public void Dispose() => _memory.Dispose();
}

internal unsafe struct PackJob
{
    public byte* To, From;
    public long RowBytes;
    public int Rows, Columns;
}
