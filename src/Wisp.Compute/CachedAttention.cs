using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// Consecutive rows of a batch that continue one sequence: row i stands at position Past + i and sees the positions up
/// to its own, whose keys and values are in the blocks listed from FirstBlock on.
/// </summary>
public readonly record struct AttentionRun(int Row, int Rows, int Past, int FirstBlock);

/// <summary>What all rows of an attention share.</summary>
/// <param name="Window">Positions a row sees, its own among them; 0 means all.</param>
/// <param name="Scale">Factor on the scores q·k.</param>
/// <param name="Softcap">c in c·tanh(score/c), Gemma 2's bound on scores (arXiv:2408.00118); 0 means none.</param>
/// <param name="BothWays">Whether a row sees the rows after it too, to the end of its run: an encoder's rule, which
/// has no window.</param>
public readonly record struct AttentionRule(int H, int Window, float Scale, float Softcap, bool BothWays = false);

/// <summary>
/// Attention of new rows over keys and values in a <see cref="KvStore"/>, for any number of sequences at once, causal
/// unless the rule says otherwise: softmax(scale·q·kᵀ)·v, Vaswani et al. 2017, eq. 1, with query heads sharing kv heads
/// (Ainslie et al. 2023).
/// </summary>
/// <remarks>
/// Shapes: q and y are (N, H, D), k and v are (N, K, D). Keys are taken 64 at a time, and what was mixed so far is
/// rescaled when a larger score comes (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
/// arXiv:2205.14135), so that no row of scores is ever kept. The 64 begin at multiples of 64 of the position: a query's
/// result depends on its own row and sequence alone, bit for bit, and neither on the rest of the batch nor on threads.
/// </remarks>
public static unsafe class CachedAttention
{
    // Queries of a task: decoding keys and values of 8 or 16 bits, once a task, stays small beside the products.
    private const int QueriesPerTask = 64;

    private const int BlockTokens = KvStore.BlockTokens, Keys = AttentionTile.Keys;

    /// <summary>Writes keys and values of new rows into their blocks.</summary>
    public static void Store(
        WorkerPool pool, KvStore store, int layer, ReadOnlySpan<float> k, ReadOnlySpan<float> v,
        ReadOnlySpan<AttentionRun> runs, ReadOnlySpan<int> blocks)
    {
        Check(store, k.Length, v.Length, runs, blocks, store.KvHeads * store.HeadDim);
        fixed (float* pk = k, pv = v)
        fixed (AttentionRun* pRuns = runs)
        {
            var job = new StoreJob
            {
                K = pk, V = pv, Runs = pRuns, Heads = store.KvHeads, Layout = store.Layout,
                Addresses = Addresses(store, layer, blocks, pool.Scratch(checked(2 * blocks.Length))),
            };
            var tasks = 0;
            foreach (var run in runs)
                tasks += Partition.Tasks(run.Rows, BlockTokens);
            if (tasks == 1)
                StoreTask(&job, 0, 0);
            else
                pool.Run(&StoreTask, &job, tasks);
        }
    }

    private struct StoreJob
    {
        public float* K, V;
        public AttentionRun* Runs;
        public byte** Addresses;
        public KvLayout Layout;
        public int Heads;
    }

    // Where the first head of the layer is in each block; the other heads follow. A pointer takes the room of two
    // floats.
    private static byte** Addresses(KvStore store, int layer, ReadOnlySpan<int> blocks, float* scratch)
    {
        var addresses = (byte**)scratch;
        for (var i = 0; i < blocks.Length; i++)
            addresses[i] = store.Head(blocks[i], layer, 0);
        return addresses;
    }

    private static void StoreTask(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(StoreJob*)argument;
        var layout = job.Layout;
        var run = job.Runs;
        for (; task >= Partition.Tasks(run->Rows, BlockTokens); run++)
            task -= Partition.Tasks(run->Rows, BlockTokens);
        var (from, end) = Partition.Range(task, BlockTokens, run->Rows);
        for (var i = from; i < end; i++)
        {
            var position = run->Past + i;
            var block = job.Addresses[run->FirstBlock + (position / BlockTokens)];
            for (var head = 0; head < job.Heads; head++)
            {
                var at = (((nint)(run->Row + i) * job.Heads) + head) * layout.D;
                layout.Store(block + ((nint)head * layout.Bytes), position % BlockTokens, job.K + at, job.V + at);
            }
        }
    }

    /// <param name="mass">
    /// Where it is not empty, entry i receives what the block listed at i got: the probabilities of all rows and heads
    /// on its keys are added. That takes a sum and a number of scratch for every query and block, and a pass over
    /// those at the end.
    /// </param>
    public static void Forward(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> q, KvStore store, int layer,
        ReadOnlySpan<AttentionRun> runs, ReadOnlySpan<int> blocks, in AttentionRule rule, Span<float> mass = default)
    {
        int H = rule.H, K = store.KvHeads, D = store.HeadDim;
        if (H < 1 || H % K != 0)
            throw new ArgumentException($"{H} query heads cannot share {K} kv heads evenly.");
        if (rule.BothWays && rule.Window > 0)
            throw new ArgumentException($"A window of {rule.Window} looks back; attention both ways has none.");
        if (!mass.IsEmpty && mass.Length != blocks.Length)
            throw new ArgumentException($"{mass.Length} masses for {blocks.Length} blocks.");
        Check(store, y.Length, q.Length, runs, blocks, H * D);

        int longest = 0, tasks = 0, rowsPerTask = Math.Max(1, QueriesPerTask / (H / K));
        foreach (var run in runs)
        {
            longest = Math.Max(longest, (run.Past + run.Rows + Keys - 1) / Keys);
            tasks += Partition.Tasks(run.Rows, rowsPerTask) * K;
        }

        var layout = store.Layout;
        var queries = rowsPerTask * (H / K);
        fixed (float* py = y, pq = q)
        fixed (AttentionRun* pRuns = runs)
        {
            var shares = mass.IsEmpty ? 0 : longest * AttentionTile.Blocks;
            var scratch = pool.Scratch(checked((2 * blocks.Length) + (tasks * shares)));
            var job = new Job
            {
                Y = py, Q = pq, Runs = pRuns, H = H, K = K, RowsPerTask = rowsPerTask, Queries = queries,
                Window = rule.Window <= 0 ? int.MaxValue : rule.Window, Scale = rule.Scale, Softcap = rule.Softcap,
                BothWays = rule.BothWays, Layout = layout, Shares = shares,
                Addresses = Addresses(store, layer, blocks, scratch),
                Mass = mass.IsEmpty ? null : scratch + (2 * blocks.Length),
            };
            job.Scratch = pool.WorkerScratch(TaskMemory.Floats(job));
            pool.Run(&Task, &job, tasks);
            if (job.Mass != null)
                AddMass(mass, job, runs);
        }
    }

    // Tasks left what they found; it is added up in their order, whoever ran them.
    private static void AddMass(Span<float> mass, in Job job, ReadOnlySpan<AttentionRun> runs)
    {
        var task = job.Mass;
        foreach (var run in runs)
        {
            var used = (run.Past + run.Rows + BlockTokens - 1) / BlockTokens;
            for (var t = Partition.Tasks(run.Rows, job.RowsPerTask) * job.K; t > 0; t--, task += job.Shares)
                for (var b = 0; b < used; b++)
                    mass[run.FirstBlock + b] += task[b];
        }
    }

    private static void Check(
        KvStore store, int a, int b, ReadOnlySpan<AttentionRun> runs, ReadOnlySpan<int> blocks, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a, b);
        var rows = a / width;
        foreach (var run in runs)
        {
            if (run.Row < 0 || run.Rows < 1 || run.Row > rows - run.Rows || run.Past < 0 || run.FirstBlock < 0)
                throw new ArgumentException($"{run} does not fit {rows} rows.");
            var used = (run.Past + run.Rows + BlockTokens - 1) / BlockTokens;
            if (run.FirstBlock > blocks.Length - used)
                throw new ArgumentException($"{run} needs {used} blocks.");
        }

        foreach (var block in blocks)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)store.Blocks, nameof(blocks));
    }

    private struct Job
    {
        public float* Y, Q, Mass;
        public AttentionRun* Runs;
        public byte** Addresses;
        public float** Scratch;
        public KvLayout Layout;
        public int H, K, Window, RowsPerTask, Queries, Shares;
        public float Scale, Softcap;
        public bool BothWays;
    }

    // What a task keeps: for each query what is mixed so far, the largest score and the sum of e^(score − largest);
    // for a tile its scores; decoded keys and values; and where the mass is asked for, that of each query and block.
    private readonly struct TaskMemory(in Job job, float* p)
    {
        public readonly float* Mixed = p;
        public readonly float* Largest = p + ((job.Queries + 1) * job.Layout.Width);
        public readonly float* Sum = p + ((job.Queries + 1) * job.Layout.Width) + job.Queries;
        public readonly float* Scores = p + Head(job);
        public readonly float* Keys = p + Head(job) + (AttentionTile.Queries * AttentionTile.Keys);
        public readonly float* Values = p + Head(job) + (AttentionTile.Queries * AttentionTile.Keys)
            + (AttentionTile.Keys * job.Layout.D);

        public readonly float* Shares = p + Head(job) + (AttentionTile.Queries * AttentionTile.Keys)
            + (AttentionTile.Keys * (job.Layout.D + job.Layout.Width));

        // One row more is for the queries that a tile lacks.
        private static int Head(in Job job) =>
            (((job.Queries + 1) * job.Layout.Width) + (2 * job.Queries) + W - 1) / W * W;

        public static int Floats(in Job job) => checked(
            Head(job) + (AttentionTile.Queries * AttentionTile.Keys)
            + (AttentionTile.Keys * (job.Layout.D + job.Layout.Width))
            + (job.Shares * job.Queries) + (job.Shares / AttentionTile.Blocks * job.Queries));
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var share = job.Mass + ((nint)task * job.Shares);
        var run = job.Runs;
        for (; task >= Partition.Tasks(run->Rows, job.RowsPerTask) * job.K; run++)
            task -= Partition.Tasks(run->Rows, job.RowsPerTask) * job.K;
        var (from, end) = Partition.Range(task / job.K, job.RowsPerTask, run->Rows);
        int head = task % job.K, group = job.H / job.K, queries = (end - from) * group;
        var layout = job.Layout;
        var memory = new TaskMemory(job, job.Scratch[worker]);
        new Span<float>(memory.Mixed, queries * layout.Width).Clear();
        new Span<float>(memory.Largest, queries).Fill(float.NegativeInfinity);
        new Span<float>(memory.Sum, queries).Clear();
        if (job.Mass != null)
            new Span<float>(memory.Shares, job.Shares * job.Queries).Clear();

        var keys = stackalloc float*[AttentionTile.Blocks];
        var values = stackalloc float*[AttentionTile.Blocks];
        int first = Math.Max(0, run->Past + from - job.Window + 1), last = LastSeen(job, *run, end - 1);
        var stored = queries > 1 && queries <= AttentionTile.Queries && layout.Type == KvType.F16 &&
            AttentionTile.TakesHalves;
        for (var chunk = first / Keys; chunk <= last / Keys; chunk++)
        {
            for (var b = 0; b < AttentionTile.Blocks; b++)
            {
                // Blocks that are not there repeat the last one; their scores are masked.
                var block = Math.Min((chunk * AttentionTile.Blocks) + b, last / BlockTokens);
                var address = job.Addresses[run->FirstBlock + block] + ((nint)head * layout.Bytes);
                keys[b] = stored ? (float*)address : layout.Keys(address, memory.Keys + (b * BlockTokens * layout.D));
                values[b] = stored ? (float*)(address + layout.Values)
                    : layout.ValuesOf(address, memory.Values + (b * BlockTokens * layout.Width));
            }

            for (var at = 0; at < queries; at += AttentionTile.Queries)
                Tile(job, *run, memory, keys, values, stored, head, from, at,
                    Math.Min(AttentionTile.Queries, queries - at), chunk);
        }

        Finish(job, *run, memory, head, from, queries);
        if (job.Mass != null)
            Share(job, memory, queries, share);
    }

    // The last position that a row sees.
    private static int LastSeen(in Job job, in AttentionRun run, int row) =>
        run.Past + (job.BothWays ? run.Rows - 1 : row);

    // Query number i of a task is head i mod group of row i / group. Keys and values are halves where they are as
    // stored.
    private static void Tile(
        in Job job, in AttentionRun run, in TaskMemory memory, float** keys, float** values, bool stored, int head,
        int from, int at, int count, int chunk)
    {
        var group = job.H / job.K;
        var start = chunk * Keys;
        var q = stackalloc float*[AttentionTile.Queries];
        var mixed = stackalloc float*[AttentionTile.Queries];
        for (var i = 0; i < AttentionTile.Queries; i++)
        {
            var number = at + Math.Min(i, count - 1); // the missing ones repeat the last
            q[i] = QueryAt(job, job.Q, run, head, from + (number / group), number % group);
            mixed[i] = memory.Mixed + ((nint)(i < count ? number : job.Queries) * job.Layout.Width);
        }

        // Positions that the first query sees at least, and the last at most, counted from the chunk.
        var first = Math.Max(0, run.Past + from + (at / group) - job.Window + 1) - start;
        var last = LastSeen(job, run, from + ((at + count - 1) / group)) - start;
        if (last < 0 || first >= Keys)
            return;
        if (count == 1)
            AttentionTile.Score(memory.Scores, q[0], keys, job.Layout.D);
        else if (stored)
            AttentionTile.ScoreHalves(memory.Scores, q, (byte**)keys, job.Layout.D);
        else
            AttentionTile.Score(memory.Scores, q, keys, job.Layout.D);
        for (var i = 0; i < count; i++)
        {
            var position = run.Past + from + ((at + i) / group);
            Weigh(job, memory, at + i, memory.Scores + (i * Keys), chunk,
                Math.Max(0, position - job.Window + 1) - start,
                LastSeen(job, run, from + ((at + i) / group)) - start);
        }

        first = Math.Max(first, 0);
        last = Math.Min(last, Keys - 1);
        if (count == 1)
        {
            AttentionTile.Mix(mixed[0], memory.Scores, values, job.Layout.Width, first, last);
            return;
        }

        if (count < AttentionTile.Queries)
            new Span<float>(memory.Scores + (count * Keys), (AttentionTile.Queries - count) * Keys).Clear();
        if (stored)
            AttentionTile.MixHalves(mixed, memory.Scores, (byte**)values, job.Layout.Width, first, last);
        else
            AttentionTile.Mix(mixed, memory.Scores, values, job.Layout.Width, first, last);
    }

    private static float* QueryAt(in Job job, float* of, in AttentionRun run, int head, int row, int inGroup) =>
        of + (((((nint)run.Row + row) * job.H) + (head * (job.H / job.K)) + inGroup) * job.Layout.D);

    // Scores of 64 keys become e^(score − largest so far); what came before is rescaled to the new largest. The scores
    // stay in memory: in registers, code for 64 exponentials would be more than the JIT puts in line.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(
        in Job job, in TaskMemory memory, int query, float* s, int chunk, int first, int last)
    {
        if (job.Softcap == 0)
            ScaleRow(s, Keys, job.Scale);
        else
            Cap(s, job.Scale, job.Softcap);
        if (first > 0)
            new Span<float>(s, Math.Min(first, Keys)).Fill(float.NegativeInfinity);
        if (last < Keys - 1)
            new Span<float>(s + Math.Max(last + 1, 0), Keys - Math.Max(last + 1, 0)).Fill(float.NegativeInfinity);

        AttentionTile.Load(s, out var s0, out var s1, out var s2, out var s3);
        var before = memory.Largest[query];
        var largest = float.MaxNative(before, Max(
            Vector512.MaxNative(Vector512.MaxNative(s0, s1), Vector512.MaxNative(s2, s3))));
        if (float.IsNegativeInfinity(largest)) // nothing to see here
        {
            new Span<float>(s, Keys).Clear();
            return;
        }

        if (largest > before)
        {
            memory.Largest[query] = largest;
            var factor = float.IsNegativeInfinity(before) ? 0 : FastMath.Exp(before - largest);
            memory.Sum[query] *= factor;
            ScaleRow(memory.Mixed + ((nint)query * job.Layout.Width), job.Layout.Width, factor);
        }

        FastMath.ExpLess(s, Keys, largest);
        AttentionTile.Load(s, out s0, out s1, out s2, out s3);
        memory.Sum[query] += Sum((s0 + s1) + (s2 + s3));
        if (job.Mass == null)
            return;
        var to = memory.Shares + ((nint)query * job.Shares) + (chunk * AttentionTile.Blocks);
        (to[0], to[1], to[2], to[3]) = (Sum(s0), Sum(s1), Sum(s2), Sum(s3));
        LargestAt(job, memory, query)[chunk] = largest;
    }

    // The largest score when a chunk was summed, for each chunk.
    private static float* LargestAt(in Job job, in TaskMemory memory, int query) =>
        memory.Shares + ((nint)job.Shares * job.Queries) + ((nint)query * (job.Shares / AttentionTile.Blocks));

    // c·tanh(scale·s/c), with tanh(u) = 1 − 2/(e²ᵘ + 1)
    private static void Cap(float* s, float scale, float cap)
    {
        var one = Vector512<float>.One;
        for (var i = 0; i < Keys; i += W)
        {
            var e = FastMath.Exp(Vector512.Load(s + i) * Vector512.Create(scale) * Vector512.Create(2f / cap));
            (Vector512.Create(cap) * (one - (Vector512.Create(2f) / (e + one)))).Store(s + i);
        }
    }

    private static void Finish(
        in Job job, in AttentionRun run, in TaskMemory memory, int head, int from, int queries)
    {
        var group = job.H / job.K;
        for (var query = 0; query < queries; query++)
        {
            var mixed = memory.Mixed + ((nint)query * job.Layout.Width);
            ScaleRow(mixed, job.Layout.Width, 1f / memory.Sum[query]);
            var y = QueryAt(job, job.Y, run, head, from + (query / group), query % group);
            new ReadOnlySpan<float>(mixed, job.Layout.D).CopyTo(new Span<float>(y, job.Layout.D));
        }
    }

    // Σ over queries of the probabilities on each block.
    private static void Share(in Job job, in TaskMemory memory, int queries, float* to)
    {
        new Span<float>(to, job.Shares).Clear();
        for (var query = 0; query < queries; query++)
        {
            var at = LargestAt(job, memory, query);
            for (var b = 0; b < job.Shares; b++)
                if (memory.Shares[((nint)query * job.Shares) + b] is > 0 and var sum)
                    to[b] += sum * MathF.Exp(at[b / AttentionTile.Blocks] - memory.Largest[query])
                        / memory.Sum[query];
        }
    }
}
