namespace Wisp.Compute;

/// <summary>
/// Dense products of row-major matrices on all workers: C(M, N) = or += op(A)(M, K) · op(B)(K, N). The three products
/// of a linear layer y = x·Wᵀ are NT (forward), NN (gradient of x) and TN (gradient of W).
/// </summary>
/// <remarks>
/// B is packed once for all; tiles of C are the tasks, each packing its own rows of A in the L2 cache. Every element of
/// C sums over k in one fixed order, so the result has the same bits for any number of workers.
/// </remarks>
public static unsafe class Gemm
{
    // A block of A, BlockRows x BlockK floats = 192 KB, shares the 1 MB L2 with one panel of B. A depth of 512 measures
    // the same (LAB 2026-11-23).
    private const int BlockK = 384;
    internal const int BlockRows = 128;

    /// <summary>The length in floats of op(B) packed by <see cref="PackB"/>.</summary>
    public static int PackedLength(int N, int K) => checked(GemmTile.RoundToColumns(N) * K);

    /// <summary>Packs op(B)(K, N); b is (K, N), or (N, K) where transposed.</summary>
    public static void PackB(WorkerPool pool, Span<float> packed, ReadOnlySpan<float> b, int N, int K, bool transposed)
    {
        Require(b.Length >= (long)N * K, nameof(b));
        Require(packed.Length >= PackedLength(N, K), nameof(packed));
        fixed (float* pp = packed, pb = b)
        {
            var job = new PackJob { Packed = pp, B = pb, N = N, K = K, Transposed = transposed };
            pool.Run(&PackPanel, &job, (N + GemmTile.Columns - 1) / GemmTile.Columns);
        }
    }

    /// <summary>C = or += op(A) · B with B packed before: for a B that is used more than once.</summary>
    /// <param name="a">(M, K), or (K, M) where transposed.</param>
    public static void MultiplyPacked(
        WorkerPool pool, Span<float> c, ReadOnlySpan<float> a, ReadOnlySpan<float> packedB,
        int M, int N, int K, bool transposeA, bool accumulate)
    {
        Require(c.Length >= (long)M * N, nameof(c));
        Require(a.Length >= (long)M * K, nameof(a));
        Require(packedB.Length >= PackedLength(N, K), nameof(packedB));
        fixed (float* pc = c, pa = a, pb = packedB)
            Multiply(pool, pc, pa, pb, M, N, K, transposeA, accumulate);
    }

    /// <summary>C = or += op(A) · op(B).</summary>
    /// <param name="a">(M, K), or (K, M) where transposed.</param>
    /// <param name="b">(K, N), or (N, K) where transposed.</param>
    public static void Multiply(
        WorkerPool pool, Span<float> c, ReadOnlySpan<float> a, ReadOnlySpan<float> b,
        int M, int N, int K, bool transposeA, bool transposeB, bool accumulate)
    {
        Require(c.Length >= (long)M * N, nameof(c));
        Require(a.Length >= (long)M * K, nameof(a));
        var packed = new Span<float>(pool.Scratch(PackedLength(N, K)), PackedLength(N, K));
        PackB(pool, packed, b, N, K, transposeB);
        MultiplyPacked(pool, c, a, packed, M, N, K, transposeA, accumulate);
    }

    private static void Require(bool fits, string name)
    {
        if (!fits)
            throw new ArgumentException("The matrix is shorter than its sizes say.", name);
    }

    private static void Multiply(
        WorkerPool pool, float* c, float* a, float* packedB, int M, int N, int K, bool transposeA, bool accumulate)
    {
        var rowTile = RowTile(M, pool.Count);
        var rowTiles = (M + rowTile - 1) / rowTile;
        var panels = (N + GemmTile.Columns - 1) / GemmTile.Columns;
        var columnTiles = Math.Clamp((4 * pool.Count + rowTiles - 1) / rowTiles, 1, panels);
        var columnTile = (panels + columnTiles - 1) / columnTiles * GemmTile.Columns;
        columnTiles = (N + columnTile - 1) / columnTile;

        var job = new TileJob
        {
            C = c, A = a, PackedB = packedB, M = M, N = N, K = K, RowTile = rowTile, ColumnTile = columnTile,
            ColumnTiles = columnTiles, TransposeA = transposeA, Accumulate = accumulate,
            Scratch = pool.WorkerScratch(BlockRows * BlockK),
        };
        pool.Run(&MultiplyTile, &job, rowTiles * columnTiles);
    }

    // Enough tiles that a worker held up by the operating system delays the others by little: 4 a worker. Whole rows
    // of the micro-kernel, and never more than a block of A holds: 6 does not divide 128.
    internal static int RowTile(int M, int workers)
    {
        var rows = BlockRows;
        while (rows > 32 && (M + rows - 1) / rows < 4 * workers)
            rows /= 2;
        return rows / GemmTile.Rows * GemmTile.Rows;
    }

    private struct PackJob
    {
        public float* Packed, B;
        public int N, K;
        public bool Transposed;
    }

    private static void PackPanel(void* job, int panel, int worker)
    {
        var j = (PackJob*)job;
        var column = panel * GemmTile.Columns;
        var columns = Math.Min(GemmTile.Columns, j->N - column);
        var to = j->Packed + (nint)column * j->K;
        if (j->Transposed)
            GemmTile.Pack(to, j->B + (nint)column * j->K, j->K, 1, columns, j->K, GemmTile.Columns);
        else
            GemmTile.Pack(to, j->B + column, 1, j->N, columns, j->K, GemmTile.Columns);
    }

    private struct TileJob
    {
        public float* C, A, PackedB;
        public int M, N, K, RowTile, ColumnTile, ColumnTiles;
        public bool TransposeA, Accumulate;
        public float** Scratch;
    }

    private static void MultiplyTile(void* job, int task, int worker)
    {
        var j = (TileJob*)job;
        int row = task / j->ColumnTiles * j->RowTile, column = task % j->ColumnTiles * j->ColumnTile;
        int m = Math.Min(j->RowTile, j->M - row), n = Math.Min(j->ColumnTile, j->N - column);
        var packedA = j->Scratch[worker];
        for (var k = 0; k < j->K; k += BlockK)
        {
            var depth = Math.Min(BlockK, j->K - k);
            if (j->TransposeA)
                GemmTile.Pack(packedA, j->A + (nint)k * j->M + row, 1, j->M, m, depth, GemmTile.Rows);
            else
                GemmTile.Pack(packedA, j->A + (nint)row * j->K + k, j->K, 1, m, depth, GemmTile.Rows);
            GemmTile.Multiply(
                j->C + (nint)row * j->N + column, j->N,
                packedA, (nint)GemmTile.Rows * depth,
                j->PackedB + (nint)column * j->K + (nint)k * GemmTile.Columns, (nint)GemmTile.Columns * j->K,
                m, n, depth, j->Accumulate || k > 0);
        }
    }
}
