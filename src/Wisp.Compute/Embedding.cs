namespace Wisp.Compute;

/// <summary>Look-up of table rows: y[n] = table[ids[n]].</summary>
/// <remarks>Shapes: y, dy are (N, C); table, dTable are (V, C); ids is (N).</remarks>
public static unsafe class Embedding
{
    // The backward pass cuts the columns: 64 floats are four cache lines, long enough a run for a random row.
    private const int ColumnsPerTask = 64;

    public static void Forward(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> table, ReadOnlySpan<int> ids, int C)
    {
        Validate(y.Length, table.Length, ids, C);
        fixed (float* py = y, pt = table)
        fixed (int* pi = ids)
        {
            var rowsPerTask = Partition.Rows(C);
            var job = new Job(py, pt, pi, ids.Length, C, rowsPerTask);
            pool.Run(&ForwardTask, &job, Partition.Tasks(ids.Length, rowsPerTask));
        }
    }

    /// <summary>
    /// Adds dy[n] into dTable[ids[n]]. Every task owns some columns and goes through all tokens in order, so a
    /// repeated id is no race and the order of its sum never changes.
    /// </summary>
    public static void Backward(
        WorkerPool pool, Span<float> dTable, ReadOnlySpan<float> dy, ReadOnlySpan<int> ids, int C)
    {
        Validate(dy.Length, dTable.Length, ids, C);
        fixed (float* pdt = dTable, pdy = dy)
        fixed (int* pi = ids)
        {
            var job = new Job(pdy, pdt, pi, ids.Length, C, 0);
            pool.Run(&BackwardTask, &job, (C + ColumnsPerTask - 1) / ColumnsPerTask);
        }
    }

    private static void Validate(int yLength, int tableLength, ReadOnlySpan<int> ids, int C)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(C);
        ArgumentOutOfRangeException.ThrowIfNotEqual(yLength, (long)ids.Length * C);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tableLength % C, 0);
        var V = tableLength / C;
        foreach (var id in ids)
            if ((uint)id >= (uint)V)
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"The table has rows 0 to {V - 1}.");
    }

    private readonly struct Job(float* y, float* table, int* ids, int rows, int c, int rowsPerTask)
    {
        public readonly float* Y = y, Table = table; // dy and dTable in the backward pass
        public readonly int* Ids = ids;
        public readonly int Rows = rows, C = c, RowsPerTask = rowsPerTask;
    }

    private static void ForwardTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var row = new ReadOnlySpan<float>(job.Table + (nint)job.Ids[n] * job.C, job.C);
            row.CopyTo(new Span<float>(job.Y + (nint)n * job.C, job.C));
        }
    }

    private static void BackwardTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var from = task * ColumnsPerTask;
        var count = Math.Min(ColumnsPerTask, job.C - from);
        for (var n = 0; n < job.Rows; n++)
            Simd.AddRow(job.Table + (nint)job.Ids[n] * job.C + from, job.Y + (nint)n * job.C + from, count);
    }
}
