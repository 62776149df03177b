namespace Wisp.Compute;

/// <summary>One of the products that share an input: y = or += x·Wᵀ + b, row n at y[n·stride].</summary>
public readonly ref struct PackedProduct(
    Span<float> y, int stride, PackedMatrix w, ReadOnlySpan<float> bias = default, bool accumulate = false)
{
    public Span<float> Y { get; } = y;

    public int Stride { get; } = stride;

    public PackedMatrix W { get; } = w;

    public ReadOnlySpan<float> Bias { get; } = bias;

    public bool Accumulate { get; } = accumulate;
}

/// <summary>
/// y = or += x·Wᵀ + b on packed weights: <see cref="Linear"/> at the speed of the memory for one token and of the
/// multipliers for many. Floats are exact as there; quantised weights meet activations of 8 bits, so a sum is off by up
/// to Σ|wᵢ|·s/2 with s the scales of the activations, max|x|/127 of each 32.
/// </summary>
/// <remarks>
/// Every result starts from bias and what it adds to, and is one chain of float32 sums over the columns, in an order
/// that depends on the matrix alone: a row has the same bits whatever rows are computed with it, on any number of
/// threads, and (for quantised weights) on any processor.
/// </remarks>
public static unsafe class PackedLinear
{
    private const int MaxProducts = 3;

    public static void Multiply(
        WorkerPool pool, Span<float> y, int stride, PackedInput rows, PackedMatrix w,
        ReadOnlySpan<float> bias = default, bool accumulate = false) =>
        Multiply(pool, rows, new PackedProduct(y, stride, w, bias, accumulate), default, default);

    /// <summary>Two products of one input, such as gate and up, in one dispatch.</summary>
    public static void Multiply(WorkerPool pool, PackedInput rows, PackedProduct first, PackedProduct second) =>
        Multiply(pool, rows, first, second, default);

    /// <summary>Three products of one input, such as queries, keys and values, in one dispatch.</summary>
    public static void Multiply(
        WorkerPool pool, PackedInput rows, PackedProduct first, PackedProduct second, PackedProduct third)
    {
        if (rows.N == 0)
            return;
        fixed (float* y0 = first.Y, y1 = second.Y, y2 = third.Y)
        fixed (float* b0 = first.Bias, b1 = second.Bias, b2 = third.Bias)
        {
            var parts = stackalloc PackedPart[MaxProducts];
            parts[0] = new PackedPart(pool, rows, first, y0, b0);
            parts[1] = second.W is null ? default : new PackedPart(pool, rows, second, y1, b1);
            parts[2] = third.W is null ? default : new PackedPart(pool, rows, third, y2, b2);
            var scratch = 0;
            for (var i = 0; i < MaxProducts; i++)
                scratch = Math.Max(scratch, parts[i].ScratchFloats);
            var tasks = parts[0].Tasks + parts[1].Tasks + parts[2].Tasks;
            var job = new Job { Parts = parts, Scratch = pool.WorkerScratch(scratch) };
            if (rows.N > PackedPart.FewTokens)
            {
                pool.Run(&Task, &job, tasks);
            }
            else
            {
                var shares = stackalloc long[pool.Count * TaskShares.Words];
                job.Shares = new TaskShares((nint)shares, pool.Count, tasks);
                pool.Run(&ShareTask, &job, tasks);
            }
        }

        GC.KeepAlive(rows);
        GC.KeepAlive(first.W);
        GC.KeepAlive(second.W);
        GC.KeepAlive(third.W);
    }

    private struct Job
    {
        public PackedPart* Parts;
        public float** Scratch;
        public TaskShares Shares;
    }

    // Few tokens read every weight once, and memory is fastest in one long stream a worker.
    private static void ShareTask(void* argument, int task, int worker) =>
        Task(argument, ((Job*)argument)->Shares.Take(worker), worker);

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var part = job.Parts;
        for (; task >= part->Tasks; part++)
            task -= part->Tasks;
        part->Kernel(*part, task, job.Scratch[worker]);
    }
}
