using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// The sizes of one attention call: B rows of Tq queries and Tk ≥ Tq keys, H query heads on K kv heads, width D.
/// </summary>
/// <remarks>Query r of a row stands at position Tk − Tq + r: with Tq &lt; Tk the queries continue a cache.</remarks>
public readonly record struct AttentionShape(int B, int Tq, int Tk, int H, int K, int D)
{
    public AttentionShape(int B, int T, int H, int K, int D)
        : this(B, T, T, H, K, D)
    {
    }

    internal int Group => H / K;
    internal float Scale => 1f / MathF.Sqrt(D);
}

/// <summary>
/// Causal grouped-query attention within documents: oᵢ = Σⱼ pᵢⱼ·vⱼ with pᵢ = softmax(qᵢ·kⱼ/√D) over the keys j of the
/// same document with j ≤ i. Dao et al. 2022, "FlashAttention", arXiv:2205.14135, for the shape of the computation and
/// its backward pass; Ainslie et al. 2023, arXiv:2305.13245, for grouped queries: head h reads kv head ⌊h·K/H⌋.
/// </summary>
/// <remarks>
/// Shapes: q, o, do, dq are (B, Tq, H, D); k, v, dk, dv are (B, Tk, K, D); lse is (B, H, Tq), natural log.
/// One task is one kv head of one row. It works on blocks of queries as wide as the register tile and keeps scores
/// transposed, (keys, queries): softmax then runs down columns, one lane a query, with no horizontal sums, and the
/// block of probabilities already has the packed layout that the next product wants. Scratch is (Tk, 48) a worker; the
/// T x T matrix never exists.
/// </remarks>
public static unsafe class Attention
{
    /// <param name="documentStarts">(B, Tk): for each position the first position of its document; empty means
    /// 0.</param>
    public static void Forward(
        WorkerPool pool, Span<float> o, Span<float> lse, ReadOnlySpan<float> q, ReadOnlySpan<float> k,
        ReadOnlySpan<float> v, ReadOnlySpan<int> documentStarts, AttentionShape shape)
    {
        Require(shape, q.Length, k.Length, v.Length, o.Length, lse.Length, documentStarts.Length);
        fixed (float* po = o, pl = lse, pq = q, pk = k, pv = v)
        fixed (int* ps = documentStarts)
        {
            var job = new Job
            {
                O = po, Lse = pl, Q = pq, K = pk, V = pv, Starts = ps, Shape = shape,
                Scratch = pool.WorkerScratch(ForwardFloats(shape)),
            };
            pool.Run(shape.Tq == 1 ? &OneQueryTask : &ForwardTask, &job, shape.B * shape.K);
        }
    }

    /// <summary>Assigns dq, dk and dv.</summary>
    public static void Backward(
        WorkerPool pool, Span<float> dq, Span<float> dk, Span<float> dv, ReadOnlySpan<float> dO, ReadOnlySpan<float> o,
        ReadOnlySpan<float> lse, ReadOnlySpan<float> q, ReadOnlySpan<float> k, ReadOnlySpan<float> v,
        ReadOnlySpan<int> documentStarts, AttentionShape shape)
    {
        Require(shape, q.Length, k.Length, v.Length, o.Length, lse.Length, documentStarts.Length);
        Require(shape, dq.Length, dk.Length, dv.Length, dO.Length, lse.Length, documentStarts.Length);
        fixed (float* pdq = dq, pdk = dk, pdv = dv, pdo = dO, po = o, pl = lse, pq = q, pk = k, pv = v)
        fixed (int* ps = documentStarts)
        {
            var job = new Job
            {
                Dq = pdq, Dk = pdk, Dv = pdv, Do = pdo, O = po, Lse = pl, Q = pq, K = pk, V = pv, Starts = ps,
                Shape = shape, Scratch = pool.WorkerScratch(BackwardFloats(shape)),
            };
            pool.Run(&BackwardTask, &job, shape.B * shape.K);
        }
    }

    private static void Require(AttentionShape s, long q, long k, long v, long o, long lse, long starts)
    {
        if (s.K < 1 || s.H % s.K != 0 || s.Tk < s.Tq)
            throw new ArgumentException($"{s}: H must be a multiple of K, and Tk at least Tq.");
        long queries = (long)s.B * s.Tq * s.H, keys = (long)s.B * s.Tk * s.K;
        if (q < queries * s.D || o < queries * s.D || lse < queries || k < keys * s.D || v < keys * s.D)
            throw new ArgumentException($"{s}: a tensor is shorter than its shape says.");
        if (starts != 0 && starts < (long)s.B * s.Tk)
            throw new ArgumentException($"{s}: document starts are shorter than (B, Tk).");
    }

    private struct Job
    {
        public float* Dq, Dk, Dv, Do, O, Lse, Q, K, V;
        public int* Starts;
        public AttentionShape Shape;
        public float** Scratch;
    }

    /// <summary>A worker's scratch, cut into the panels that one task needs.</summary>
    private ref struct Panels
    {
        private float* _next;

        public Panels(float* memory) => _next = memory;

        public float* Take(nint floats)
        {
            var at = _next;
            _next += (floats + 15) & ~15; // every panel begins on a cache line
            return at;
        }
    }

    private static int ForwardFloats(AttentionShape s)
    {
        int w = GemmTile.Columns, keys = GemmTile.RoundToRows(s.Tk);
        return checked((keys * s.D) + (GemmTile.RoundToRows(s.D) * s.Tk) + (keys * w) + (2 * w * s.D) + (8 * 16));
    }

    private static void ForwardTask(void* context, int task, int worker)
    {
        var job = (Job*)context;
        var s = job->Shape;
        int b = task / s.K, kv = task % s.K, w = GemmTile.Columns;
        nint kvStride = s.K * s.D, qStride = s.H * s.D;
        var panels = new Panels(job->Scratch[worker]);
        var keys = panels.Take(GemmTile.RoundToRows(s.Tk) * s.D);      // K as A operand: rows are keys, depth is D
        var valuesT = panels.Take(GemmTile.RoundToRows(s.D) * s.Tk);   // Vᵀ as A operand: rows are D, depth is keys
        var scores = panels.Take(GemmTile.RoundToRows(s.Tk) * w);      // (keys, queries)
        var queries = panels.Take(w * s.D);                            // Qᵀ as B operand, scaled
        var outT = panels.Take(w * s.D);                               // (D, queries)

        GemmTile.Pack(keys, job->K + ((nint)b * s.Tk * kvStride) + (kv * s.D), kvStride, 1, s.Tk, s.D, GemmTile.Rows);
        GemmTile.Pack(valuesT, job->V + ((nint)b * s.Tk * kvStride) + (kv * s.D), 1, kvStride, s.D, s.Tk,
            GemmTile.Rows);

        var starts = job->Starts == null ? null : job->Starts + ((nint)b * s.Tk);
        Span<float> max = stackalloc float[w], sum = stackalloc float[w];
        for (var h = kv * s.Group; h < (kv + 1) * s.Group; h++)
        {
            var lse = job->Lse + (((nint)b * s.H) + h) * s.Tq;
            for (var r = 0; r < s.Tq; r += w)
            {
                var n = Math.Min(w, s.Tq - r);
                nint qOffset = (((nint)b * s.Tq) + r) * qStride + (h * s.D);
                var block = Scores(job->Q + qOffset, queries, keys, scores, starts, s, r, n);

                // Softmax down the columns: maximum, then exp and sum.
                SoftmaxColumns(scores, block.Keys, w, max, sum);
                GemmTile.Multiply(
                    outT, w, valuesT + ((nint)block.First * GemmTile.Rows), (nint)GemmTile.Rows * s.Tk,
                    scores, 0, s.D, w, block.Keys, false);
                for (var i = 0; i < n; i++)
                {
                    var scale = 1f / sum[i];
                    var to = job->O + qOffset + (i * qStride);
                    for (var d = 0; d < s.D; d++)
                        to[d] = outT[(d * w) + i] * scale;
                    lse[r + i] = max[i] + MathF.Log(sum[i]);
                }
            }
        }
    }

    // One query a head reads every key and value once: packing them would cost more than it saves.
    private static void OneQueryTask(void* context, int task, int worker)
    {
        var job = (Job*)context;
        var s = job->Shape;
        int b = task / s.K, kv = task % s.K;
        nint kvStride = s.K * s.D, kvOffset = ((nint)b * s.Tk * kvStride) + (kv * s.D);
        var first = job->Starts == null ? 0 : job->Starts[((nint)b * s.Tk) + s.Tk - 1];
        var p = new Span<float>(job->Scratch[worker], s.Tk - first);
        for (var h = kv * s.Group; h < (kv + 1) * s.Group; h++)
        {
            var offset = (((nint)b * s.H) + h) * s.D;
            var max = float.NegativeInfinity;
            for (var t = first; t < s.Tk; t++)
            {
                var score = Simd.Dot(job->Q + offset, job->K + kvOffset + (t * kvStride), s.D) * s.Scale;
                p[t - first] = score;
                max = MathF.Max(max, score);
            }

            var sum = 0f;
            foreach (ref var weight in p)
                sum += weight = MathF.Exp(weight - max);
            var o = new Span<float>(job->O + offset, s.D);
            o.Clear();
            for (var t = first; t < s.Tk; t++)
                Simd.AddScaledRow(job->O + offset, job->V + kvOffset + (t * kvStride), s.D, p[t - first] / sum);
            job->Lse[((nint)b * s.H) + h] = max + MathF.Log(sum);
        }
    }

    /// <summary>
    /// Which keys a block of queries can see: Keys of them from First, which is a multiple of the panel height.
    /// </summary>
    private readonly record struct Block(int First, int Keys);

    // Scaled scores of n ≤ w queries from row r on, (keys, w), with −∞ where a key is not visible.
    private static Block Scores(
        float* q, float* queries, float* keys, float* scores, int* starts, AttentionShape s, int r, int n)
    {
        int w = GemmTile.Columns, position = s.Tk - s.Tq + r;
        PackScaled(queries, q, s.H * s.D, n, s.D, s.Scale);
        var first = starts == null ? 0 : starts[position] / GemmTile.Rows * GemmTile.Rows;
        var count = Math.Min(s.Tk, position + n) - first;
        GemmTile.Multiply(
            scores, w, keys + ((nint)first * s.D), (nint)GemmTile.Rows * s.D, queries, 0,
            GemmTile.RoundToRows(count), w, s.D, false);
        Mask(scores, starts, first, count, position, n);
        return new Block(first, count);
    }

    private static void PackScaled(float* to, float* from, nint stride, int n, int depth, float scale)
    {
        GemmTile.Pack(to, from, stride, 1, n, depth, GemmTile.Columns);
        for (var i = 0; i < GemmTile.Columns * depth; i += 16)
            (Vector512.Load(to + i) * scale).Store(to + i);
    }

    private static void Mask(float* scores, int* starts, int first, int count, int position, int n)
    {
        var w = GemmTile.Columns;
        Span<int> from = stackalloc int[w];
        var lastStart = 0;
        for (var i = 0; i < w; i++)
        {
            // Lanes past the last query repeat it, so that they hold finite numbers nobody reads.
            from[i] = starts == null ? 0 : starts[position + Math.Min(i, n - 1)];
            lastStart = Math.Max(lastStart, from[i]);
        }

        var lanes = Vector512<int>.Indices;
        for (var t = first; t < first + count; t++)
        {
            if (t >= lastStart && t <= position)
                continue; // every query of the block sees this key
            for (var x = 0; x < w; x += 16)
            {
                var at = scores + ((nint)(t - first) * w) + x;
                var query = Vector512.Min(lanes + Vector512.Create(position + x), Vector512.Create(position + n - 1));
                var start = Vector512.Create<int>(from.Slice(x, 16));
                var key = Vector512.Create(t);
                var visible = Vector512.LessThanOrEqual(key, query) & Vector512.GreaterThanOrEqual(key, start);
                Vector512.ConditionalSelect(
                    visible.AsSingle(), Vector512.Load(at), Vector512.Create(float.NegativeInfinity)).Store(at);
            }
        }
    }

    private static void SoftmaxColumns(float* scores, int keys, int w, Span<float> max, Span<float> sum)
    {
        for (var x = 0; x < w; x += 16)
        {
            var m = Vector512.Create(float.NegativeInfinity);
            for (var t = 0; t < keys; t++)
                m = Vector512.Max(m, Vector512.Load(scores + ((nint)t * w) + x));
            var total = Vector512<float>.Zero;
            for (var t = 0; t < keys; t++)
            {
                var at = scores + ((nint)t * w) + x;
                var p = FastMath.Exp(Vector512.Load(at) - m);
                p.Store(at);
                total += p;
            }

            m.CopyTo(max[x..]);
            total.CopyTo(sum[x..]);
        }
    }

    private static int BackwardFloats(AttentionShape s)
    {
        int w = GemmTile.Columns, keys = GemmTile.RoundToRows(s.Tk), deep = GemmTile.RoundToRows(s.D);
        var wide = GemmTile.RoundToColumns(s.Tk);
        return checked((2 * keys * s.D) + (deep * s.Tk) + (2 * keys * w) + (3 * w * s.D) + (2 * deep * w)
            + (wide * w) + (2 * s.D * wide) + (16 * 16));
    }

    private static void BackwardTask(void* context, int task, int worker)
    {
        var job = (Job*)context;
        var s = job->Shape;
        int b = task / s.K, kv = task % s.K, w = GemmTile.Columns, deep = GemmTile.RoundToRows(s.D);
        nint kvStride = s.K * s.D, qStride = s.H * s.D, kvOffset = ((nint)b * s.Tk * kvStride) + (kv * s.D);
        var keyRows = GemmTile.RoundToRows(s.Tk);
        var wide = GemmTile.RoundToColumns(s.Tk);
        var panels = new Panels(job->Scratch[worker]);
        var keys = panels.Take(keyRows * s.D);          // K, rows are keys
        var values = panels.Take(keyRows * s.D);        // V, rows are keys
        var keysT = panels.Take(deep * s.Tk);           // Kᵀ, rows are D
        var p = panels.Take(keyRows * w);               // probabilities (keys, queries)
        var ds = panels.Take(keyRows * w);              // score gradients (keys, queries)
        var queries = panels.Take(w * s.D);             // Qᵀ as B operand, scaled
        var dOut = panels.Take(w * s.D);                // dOᵀ as B operand
        var dqT = panels.Take(w * s.D);                 // (D, queries)
        var queriesA = panels.Take(deep * w);           // Qᵀ as A operand, scaled
        var dOutA = panels.Take(deep * w);              // dOᵀ as A operand
        var turned = panels.Take(wide * w);             // P or dS as B operand: depth is queries, columns are keys
        var dkT = panels.Take(s.D * wide);              // (D, keys)
        var dvT = panels.Take(s.D * wide);              // (D, keys)

        GemmTile.Pack(keys, job->K + kvOffset, kvStride, 1, s.Tk, s.D, GemmTile.Rows);
        GemmTile.Pack(values, job->V + kvOffset, kvStride, 1, s.Tk, s.D, GemmTile.Rows);
        GemmTile.Pack(keysT, job->K + kvOffset, 1, kvStride, s.D, s.Tk, GemmTile.Rows);
        new Span<float>(dkT, s.D * wide).Clear();
        new Span<float>(dvT, s.D * wide).Clear();

        var starts = job->Starts == null ? null : job->Starts + ((nint)b * s.Tk);
        Span<float> lse = stackalloc float[w], delta = stackalloc float[w];
        for (var h = kv * s.Group; h < (kv + 1) * s.Group; h++)
        {
            for (var r = 0; r < s.Tq; r += w)
            {
                var n = Math.Min(w, s.Tq - r);
                nint qOffset = (((nint)b * s.Tq) + r) * qStride + (h * s.D);
                var block = Scores(job->Q + qOffset, queries, keys, p, starts, s, r, n);

                // Lanes past the last query get lse = +∞, so their probabilities and all that follows are zero.
                lse.Fill(float.PositiveInfinity);
                new Span<float>(job->Lse + ((((nint)b * s.H) + h) * s.Tq) + r, n).CopyTo(lse);
                delta.Clear();
                for (var i = 0; i < n; i++)
                    delta[i] = Simd.Dot(job->Do + qOffset + (i * qStride), job->O + qOffset + (i * qStride), s.D);

                GemmTile.Pack(dOut, job->Do + qOffset, qStride, 1, n, s.D, w);
                GemmTile.Multiply(
                    ds, w, values + ((nint)block.First * s.D), (nint)GemmTile.Rows * s.D, dOut, 0,
                    GemmTile.RoundToRows(block.Keys), w, s.D, false);   // dP
                ScoreGradients(p, ds, block.Keys, w, lse, delta);       // P and dS

                GemmTile.Multiply(
                    dqT, w, keysT + ((nint)block.First * GemmTile.Rows), (nint)GemmTile.Rows * s.Tk, ds, 0,
                    s.D, w, block.Keys, false);
                for (var i = 0; i < n; i++)
                    for (var d = 0; d < s.D; d++)
                        job->Dq[qOffset + (i * qStride) + d] = dqT[(d * w) + i] * s.Scale;

                // dVᵀ += dOᵀ·P and dKᵀ += Qᵀ·dS, over the queries of this block.
                GemmTile.Pack(dOutA, job->Do + qOffset, 1, qStride, s.D, n, GemmTile.Rows);
                GemmTile.Pack(turned, p, w, 1, block.Keys, n, w);
                GemmTile.Multiply(
                    dvT + block.First, wide, dOutA, (nint)GemmTile.Rows * n, turned, (nint)w * n, s.D, block.Keys, n,
                    true);
                GemmTile.Pack(queriesA, job->Q + qOffset, 1, qStride, s.D, n, GemmTile.Rows);
                GemmTile.Pack(turned, ds, w, 1, block.Keys, n, w);
                GemmTile.Multiply(
                    dkT + block.First, wide, queriesA, (nint)GemmTile.Rows * n, turned, (nint)w * n, s.D, block.Keys, n,
                    true);
            }
        }

        for (var t = 0; t < s.Tk; t++)
        {
            float* dk = job->Dk + kvOffset + (t * kvStride), dv = job->Dv + kvOffset + (t * kvStride);
            for (var d = 0; d < s.D; d++)
            {
                dk[d] = dkT[(d * wide) + t] * s.Scale;
                dv[d] = dvT[(d * wide) + t];
            }
        }
    }

    // P = exp(S − lse) and dS = P ⊙ (dP − δ), column by column; δᵢ = dOᵢ·Oᵢ.
    private static void ScoreGradients(float* p, float* ds, int keys, int w, Span<float> lse, Span<float> delta)
    {
        for (var x = 0; x < w; x += 16)
        {
            Vector512<float> l = Vector512.Create<float>(lse.Slice(x, 16)),
                d = Vector512.Create<float>(delta.Slice(x, 16));
            for (nint at = x; at < (nint)keys * w; at += w)
            {
                var pt = FastMath.Exp(Vector512.Load(p + at) - l);
                pt.Store(p + at);
                (pt * (Vector512.Load(ds + at) - d)).Store(ds + at);
            }
        }
    }
}
