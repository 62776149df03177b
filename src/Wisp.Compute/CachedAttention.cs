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
/// Shapes: q and y are (N, H, D), k and v are (N, K, D). A query's result depends on its own row and sequence alone,
/// bit
/// for bit: neither the rest of the batch nor the threads change the order of its sums.
/// </remarks>
public static unsafe class CachedAttention
{
    // Queries of one kv head that go over its keys together: each needs a chain of sums and one broadcast a key
    // element.
    private const int QueriesAtOnce = 4;

    // Rows of a run a task takes.
    private const int RowsPerTask = 16;

    private const int BlockTokens = KvStore.BlockTokens;

    /// <summary>Writes keys and values of new rows into their blocks.</summary>
    public static void Store(
        KvStore store, int layer, ReadOnlySpan<float> k, ReadOnlySpan<float> v, ReadOnlySpan<AttentionRun> runs,
        ReadOnlySpan<int> blocks)
    {
        int K = store.KvHeads, D = store.HeadDim;
        Check(store, k.Length, v.Length, runs, blocks, K * D);
        fixed (float* pk = k, pv = v)
        {
            foreach (var run in runs)
            {
                for (var i = 0; i < run.Rows; i++)
                {
                    var position = run.Past + i;
                    var block = blocks[run.FirstBlock + (position / BlockTokens)];
                    var lane = position % BlockTokens;
                    var row = (nint)(run.Row + i) * K * D;
                    for (var head = 0; head < K; head++)
                    {
                        float* keys = store.Head(block, layer, head) + lane, from = pk + row + ((nint)head * D);
                        for (var d = 0; d < D; d++)
                            keys[d * BlockTokens] = from[d];
                        var values = store.Head(block, layer, head) + (D * BlockTokens) + (lane * store.ValueStride);
                        new ReadOnlySpan<float>(pv + row + ((nint)head * D), D).CopyTo(new Span<float>(values, D));
                    }
                }
            }
        }
    }

    public static void Forward(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> q, KvStore store, int layer,
        ReadOnlySpan<AttentionRun> runs, ReadOnlySpan<int> blocks, in AttentionRule rule)
    {
        int H = rule.H, K = store.KvHeads, D = store.HeadDim;
        if (H < 1 || H % K != 0)
            throw new ArgumentException($"{H} query heads cannot share {K} kv heads evenly.");
        if (rule.BothWays && rule.Window > 0)
            throw new ArgumentException($"A window of {rule.Window} looks back; attention both ways has none.");
        Check(store, y.Length, q.Length, runs, blocks, H * D);

        var longest = 0;
        var tasks = 0;
        foreach (var run in runs)
        {
            longest = Math.Max(longest, run.Past + run.Rows);
            tasks += Partition.Tasks(run.Rows, RowsPerTask) * K;
        }

        var scores = (longest + BlockTokens - 1) / BlockTokens * BlockTokens;
        fixed (float* py = y, pq = q)
        fixed (AttentionRun* pr = runs)
        {
            var job = new Job
            {
                Y = py, Q = pq, Runs = pr, H = H, K = K, D = D,
                ValueStride = store.ValueStride, Window = rule.Window <= 0 ? int.MaxValue : rule.Window,
                Scale = rule.Scale, Softcap = rule.Softcap, BothWays = rule.BothWays, Scores = scores,
                HeadLength = store.HeadLength,
                Scratch = pool.WorkerScratch(checked(QueriesAtOnce * scores)),
                Addresses = (float**)pool.Scratch(checked(2 * blocks.Length)), // a pointer takes two floats' room
            };
            // Block addresses are looked up once for all heads: the first head of the layer, and heads follow.
            for (var i = 0; i < blocks.Length; i++)
                job.Addresses[i] = store.Head(blocks[i], layer, 0);
            pool.Run(&Task, &job, tasks);
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
        public float* Y, Q;
        public AttentionRun* Runs;
        public float** Addresses, Scratch;
        public int H, K, D, HeadLength, ValueStride, Window, Scores;
        public float Scale, Softcap;
        public bool BothWays;
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var run = job.Runs;
        for (; task >= Partition.Tasks(run->Rows, RowsPerTask) * job.K; run++)
            task -= Partition.Tasks(run->Rows, RowsPerTask) * job.K;
        var (from, end) = Partition.Range(task / job.K, RowsPerTask, run->Rows);
        var head = task % job.K;
        var group = job.H / job.K;
        var queries = (end - from) * group;
        for (var at = 0; at < queries; at += QueriesAtOnce)
            Queries(job, *run, head, group, from, at, Math.Min(QueriesAtOnce, queries - at), job.Scratch[worker]);
    }

    // Query number i of a task is head i mod group of row i / group.
    private static void Queries(
        in Job job, in AttentionRun run, int head, int group, int from, int at, int count, float* scores)
    {
        var q = stackalloc float*[QueriesAtOnce];
        var y = stackalloc float*[QueriesAtOnce];
        var last = stackalloc int[QueriesAtOnce];
        var first = stackalloc int[QueriesAtOnce];
        int lowest = int.MaxValue, highest = 0;
        for (var i = 0; i < QueriesAtOnce; i++)
        {
            var number = at + Math.Min(i, count - 1); // the missing ones repeat the last
            var row = from + (number / group);
            var offset = ((((nint)run.Row + row) * job.H) + (head * group) + (number % group)) * job.D;
            q[i] = job.Q + offset;
            y[i] = job.Y + offset;
            last[i] = run.Past + (job.BothWays ? run.Rows - 1 : row);
            first[i] = Math.Max(0, last[i] - job.Window + 1);
            (lowest, highest) = (Math.Min(lowest, first[i]), Math.Max(highest, last[i]));
        }

        var addresses = job.Addresses + run.FirstBlock;
        var offsetOfHead = (nint)head * job.HeadLength;
        var scale = Vector512.Create(job.Scale);
        for (var block = lowest / BlockTokens; block <= highest / BlockTokens; block++)
        {
            var keys = addresses[block] + offsetOfHead;
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            if (count == 1)
            {
                for (var d = 0; d < job.D; d++)
                    s0 = Fma(Vector512.Load(keys + (d * W)), Vector512.Create(q[0][d]), s0);
            }
            else
            {
                for (var d = 0; d < job.D; d++)
                {
                    var key = Vector512.Load(keys + (d * W));
                    s0 = Fma(key, Vector512.Create(q[0][d]), s0);
                    s1 = Fma(key, Vector512.Create(q[1][d]), s1);
                    s2 = Fma(key, Vector512.Create(q[2][d]), s2);
                    s3 = Fma(key, Vector512.Create(q[3][d]), s3);
                }
            }

            var to = scores + (block * W);
            Score(job, s0 * scale).Store(to);
            Score(job, s1 * scale).Store(to + job.Scores);
            Score(job, s2 * scale).Store(to + (2 * job.Scores));
            Score(job, s3 * scale).Store(to + (3 * job.Scores));
        }

        for (var i = 0; i < count; i++)
        {
            var s = scores + (i * job.Scores);
            var sum = Softmax(s, first[i], last[i]);
            Mix(job, y[i], s, addresses, offsetOfHead, first[i], last[i], 1f / sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Score(in Job job, Vector512<float> s)
    {
        if (job.Softcap == 0)
            return s;
        // c·tanh(s/c), with tanh(u) = 1 − 2/(e²ᵘ + 1)
        var one = Vector512<float>.One;
        var e = FastMath.Exp(s * Vector512.Create(2f / job.Softcap));
        return Vector512.Create(job.Softcap) * (one - (Vector512.Create(2f) / (e + one)));
    }

    // Scores become e^(s − max); what lies outside [first, last] becomes 0. Returns the sum.
    private static float Softmax(float* s, int first, int last)
    {
        int from = first / W * W, end = (last / W * W) + W;
        for (var i = from; i < first; i++)
            s[i] = float.NegativeInfinity;
        for (var i = last + 1; i < end; i++)
            s[i] = float.NegativeInfinity;
        var max = Vector512.Create(float.NegativeInfinity);
        for (var i = from; i < end; i += W)
            max = Vector512.Max(max, Vector512.Load(s + i));
        var top = Vector512.Create(Simd.Max(max));
        var sum = Vector512<float>.Zero;
        for (var i = from; i < end; i += W)
        {
            var e = FastMath.Exp(Vector512.Load(s + i) - top);
            e.Store(s + i);
            sum += e;
        }

        for (var i = from; i < first; i++)
            s[i] = 0;
        for (var i = last + 1; i < end; i++)
            s[i] = 0;
        return Sum(sum);
    }

    // y = (Σⱼ pⱼ·vⱼ)·scale, in one chain over j for every element; four vectors of elements at a time.
    private static void Mix(
        in Job job, float* y, float* p, float** addresses, nint offsetOfHead, int first, int last, float scale)
    {
        var values = offsetOfHead + (job.D * BlockTokens);
        var d = 0;
        for (; d + (4 * W) <= job.ValueStride; d += 4 * W)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
            for (var j = first; j <= last; j++)
            {
                var v = addresses[j / BlockTokens] + values + ((j % BlockTokens) * job.ValueStride) + d;
                var weight = Vector512.Create(p[j]);
                a0 = Fma(weight, Vector512.Load(v), a0);
                a1 = Fma(weight, Vector512.Load(v + W), a1);
                a2 = Fma(weight, Vector512.Load(v + (2 * W)), a2);
                a3 = Fma(weight, Vector512.Load(v + (3 * W)), a3);
            }

            var factor = Vector512.Create(scale);
            Write(y, d, job.D, a0 * factor);
            Write(y, d + W, job.D, a1 * factor);
            Write(y, d + (2 * W), job.D, a2 * factor);
            Write(y, d + (3 * W), job.D, a3 * factor);
        }

        for (; d < job.ValueStride; d += W)
        {
            Vector512<float> a = default;
            for (var j = first; j <= last; j++)
            {
                var v = addresses[j / BlockTokens] + values + ((j % BlockTokens) * job.ValueStride) + d;
                a = Fma(Vector512.Create(p[j]), Vector512.Load(v), a);
            }

            Write(y, d, job.D, a * Vector512.Create(scale));
        }
    }

    private static void Write(float* y, int d, int D, Vector512<float> v)
    {
        if (d + W <= D)
            v.Store(y + d);
        else if (d < D)
            StoreFirst(y + d, D - d, v);
    }
}
