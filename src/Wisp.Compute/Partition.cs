namespace Wisp.Compute;

/// <summary>
/// Cuts work into tasks by its size alone, never by the number of workers: sums over tasks then have one order, and
/// results are the same bits on any number of threads.
/// </summary>
internal static class Partition
{
    // 64 KB of float32 a task: some microseconds of work against about 0.1 µs to claim it, and it fits a core's L2.
    private const int FloatsPerTask = 16_384;

    // Every task of a reduction leaves one partial result behind; 32 keep many cores busy and are cheap to add up.
    private const int MaxPartials = 32;

    /// <summary>Rows a task takes when tasks only write outputs of their own.</summary>
    public static int Rows(int width) => Math.Max(1, FloatsPerTask / Math.Max(1, width));

    /// <summary>Rows a task takes when every task leaves a partial result to be added up.</summary>
    public static int RowsOfReduction(int rows, int width) =>
        Math.Max(Rows(width), (int)(((long)rows + MaxPartials - 1) / MaxPartials));

    /// <summary>The rows [From, End) of a task.</summary>
    public static (int From, int End) Range(int task, int rowsPerTask, int rows) =>
        (task * rowsPerTask, (int)Math.Min(rows, (task + 1L) * rowsPerTask));

    public static int Tasks(int rows, int rowsPerTask) => (int)(((long)rows + rowsPerTask - 1) / rowsPerTask);
}
