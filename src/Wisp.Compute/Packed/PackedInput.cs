using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// Activations, (N, C), as packed products read them: quantised to 8 bits with a scale for every 32 values, or in
/// float32 panels, or both. Made once and used by every matrix that takes the same input.
/// </summary>
/// <remarks>Its memory is kept from call to call, and grows when a larger input comes.</remarks>
public sealed unsafe class PackedInput : IDisposable
{
    // Blocks a task quantises: about a microsecond of work.
    private const int BlocksPerTask = 64;

    private FloatBuffer? _blocks, _panels;

    /// <summary>Rows of the input.</summary>
    public int N { get; private set; }

    public int Columns { get; private set; }

    public long Bytes => (_blocks?.Bytes ?? 0) + (_panels?.Bytes ?? 0);

    /// <summary>
    /// Blocks of a row and one more: rows a power of two apart would meet in the same few sets of a cache.
    /// </summary>
    internal nint Stride => (Columns / InputBlock.Length) + 1;

    internal InputBlock* Blocks { get; private set; }

    /// <summary>
    /// Panels of <see cref="GemmTile.Rows"/> rows, column by column; a single row is as it was given.
    /// </summary>
    internal float* Panels { get; private set; }

    /// <summary>Takes x, (N, C), in the forms that the matrices multiply.</summary>
    public void Set(WorkerPool pool, ReadOnlySpan<float> x, params ReadOnlySpan<PackedMatrix> matrices)
    {
        if (matrices.IsEmpty)
            throw new ArgumentException("An input is made for at least one matrix.", nameof(matrices));
        Columns = matrices[0].Columns;
        bool integer = false, real = false;
        foreach (var matrix in matrices)
        {
            if (matrix.Columns != Columns)
                throw new ArgumentException(
                    $"Matrices of {Columns} and of {matrix.Columns} columns do not share an input.", nameof(matrices));
            (integer, real) = (integer | !matrix.IsFloat, real | matrix.IsFloat);
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length % Columns, 0);
        N = x.Length / Columns;
        Blocks = null;
        Panels = null;
        if (N == 0)
            return;
        fixed (float* px = x)
        {
            var job = new Job { X = px, N = N, Columns = Columns };
            if (integer)
            {
                var floats = checked((int)(N * Stride * (InputBlock.Bytes / sizeof(float))));
                Blocks = (InputBlock*)Grow(ref _blocks, floats);
                job.Blocks = Blocks;
                job.Stride = Stride;
                var tasks = Partition.Tasks(checked(N * (Columns / InputBlock.Length)), BlocksPerTask);
                if (tasks == 1)
                    Quantise(&job, 0, 0);
                else
                    pool.Run(&Quantise, &job, tasks);
            }

            if (real)
            {
                Panels = Grow(ref _panels, checked(GemmTile.RoundToRows(N) * Columns));
                job.Panels = Panels;
                if (N == 1)
                    x.CopyTo(new Span<float>(Panels, Columns));
                else
                    pool.Run(&PackPanel, &job, (N + GemmTile.Rows - 1) / GemmTile.Rows);
            }
        }
    }

    private struct Job
    {
        public float* X, Panels;
        public InputBlock* Blocks;
        public nint Stride;
        public int N, Columns;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantise(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var inRow = job.Columns / InputBlock.Length;
        var (from, end) = Partition.Range(task, BlocksPerTask, job.N * inRow);
        for (var i = from; i < end; i++)
            InputBlock.Encode(job.Blocks + i / inRow * job.Stride + i % inRow, job.X + (nint)i * InputBlock.Length);
    }

    private static void PackPanel(void* argument, int panel, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var row = panel * GemmTile.Rows;
        GemmTile.Pack(job.Panels + (nint)row * job.Columns, job.X + (nint)row * job.Columns, job.Columns, 1,
            Math.Min(GemmTile.Rows, job.N - row), job.Columns, GemmTile.Rows);
    }

    private static float* Grow(ref FloatBuffer? buffer, int floats)
    {
        if (buffer is null || buffer.Length < floats)
        {
            buffer?.Dispose();
            buffer = new FloatBuffer(floats);
        }

        fixed (float* p = buffer.Span) // native memory: the address stays good after the block
            return p;
    }

    public void Dispose()
    {
        _blocks?.Dispose();
        _panels?.Dispose();
    }
}
