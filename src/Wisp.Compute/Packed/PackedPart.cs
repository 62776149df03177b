namespace Wisp.Compute;

/// <summary>A product on its way through the pool: where everything lies, and how it is cut into tasks.</summary>
internal readonly unsafe struct PackedPart
{
    // Weights a task reads for one token, or two panels where these are more, a stream each: a long way for the
    // hardware's prefetching, which starts anew with every task. And tasks of a worker, at least: the last ones even
    // out who has waited for memory.
    private const int BytesPerTask = 512 * 1024, TasksPerWorker = 8;

    /// <summary>Up to so many tokens reading the weights takes longer than, or as long as, multiplying them.</summary>
    public const int FewTokens = 16;

    // Tokens a task has at least, so that unpacking the weights, done once a task, stays a few per cent; and at most,
    // so that their sums stay in the L2 cache.
    private const int TokensPerTask = 96, MostTokens = 528;

    public readonly float* Y, Bias;
    public readonly byte* W;
    public readonly InputBlock* Blocks;
    public readonly float* Panels;
    public readonly nint InputStride;
    public readonly int Stride, N, Rows, Columns, RowsPerTask, RowTasks, TokensPer, Tasks, ScratchFloats;
    public readonly bool Accumulate;
    public readonly TileKind Tile;
    public readonly delegate*<in PackedPart, int, float*, void> Kernel;

    public PackedPart(WorkerPool pool, PackedInput input, PackedProduct product, float* y, float* bias)
    {
        var w = product.W;
        Check(input, product);
        Y = y;
        Bias = product.Bias.IsEmpty ? null : bias;
        W = w.Data;
        Kernel = w.Kernels.Multiply;
        Tile = w.Tile;
        Blocks = input.Blocks;
        Panels = input.Panels;
        InputStride = input.Stride;
        (Stride, N, Rows, Columns, Accumulate) = (product.Stride, input.N, w.Rows, w.Columns, product.Accumulate);

        // Whole panels, at least one; several where many tokens come, so that they are read less often.
        var panels = w.Panels;
        var bytesPerPanel = w.Bytes / panels;
        var perTask = N == 1
            ? (int)Math.Clamp(
                Math.Min(Math.Max(2, BytesPerTask / bytesPerPanel), panels / (TasksPerWorker * pool.Count)), 1, panels)
            : Math.Min(w.IsFloat ? 4 : N <= FewTokens ? 1 : 2, panels);
        RowsPerTask = perTask * w.Kernels.PanelRows;
        RowTasks = (panels + perTask - 1) / perTask;

        // Few rows and many tokens: the tokens are cut too.
        var wanted = Math.Clamp((4 * pool.Count + RowTasks - 1) / RowTasks, 1, Math.Max(1, N / TokensPerTask));
        var tokens = (N + wanted - 1) / wanted;
        TokensPer = Math.Min(MostTokens, (tokens + 23) / 24 * 24); // whole tiles of tokens, of any kernel
        Tasks = RowTasks * ((N + TokensPer - 1) / TokensPer);
        ScratchFloats = (N == 1 ? 1 : perTask) * w.Kernels.ScratchFloats;
        if (!w.IsFloat)
            ScratchFloats += RowsPerTask * Math.Min(N, TokensPer); // sums
    }

    public bool IsFew => N <= FewTokens;

    /// <summary>Whether results are the products alone.</summary>
    public bool StartsAtZero => !Accumulate && Bias == null;

    /// <summary>The rows and tokens of a task.</summary>
    public void Range(int task, out int row, out int endRow, out int token, out int endToken)
    {
        (row, endRow) = Partition.Range(task % RowTasks, RowsPerTask, Rows);
        (token, endToken) = Partition.Range(task / RowTasks, TokensPer, N);
    }

    /// <summary>Sets results to what they start from.</summary>
    public void Start(int row, int endRow, int token, int endToken)
    {
        if (Accumulate && Bias == null)
            return;
        var count = endRow - row;
        for (var n = token; n < endToken; n++)
        {
            var y = new Span<float>(Y + (nint)n * Stride + row, count);
            if (Bias == null)
                y.Clear();
            else if (!Accumulate)
                new Span<float>(Bias + row, count).CopyTo(y);
            else
                Simd.AddRow(Y + (nint)n * Stride + row, Bias + row, count);
        }
    }

    private static void Check(PackedInput input, PackedProduct product)
    {
        var w = product.W;
        int n = input.N, R = w.Rows;
        if (w.Columns != input.Columns)
            throw new ArgumentException($"A matrix of {w.Columns} columns does not meet rows of {input.Columns}.");
        if (w.IsFloat ? input.Panels == null : input.Blocks == null)
            throw new ArgumentException($"The input was not made for a matrix of {w.Type.Name()}.");
        if (product.Stride < R || product.Y.Length < ((long)(n - 1) * product.Stride) + R)
            throw new ArgumentException(
                $"({n}, {R}) results with a stride of {product.Stride} do not fit {product.Y.Length} floats.");
        if (!product.Bias.IsEmpty && product.Bias.Length != R)
            throw new ArgumentException($"A bias of {product.Bias.Length} does not fit {R} rows.");
    }
}
