using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// BERT: every token attends to every other, and norms follow what they norm. With x the norm of token, kind and
/// position embeddings, a layer is
///   m = norm(x + O·attention(Q·x, K·x, V·x))
///   y = norm(m + Down·f(Up·m))
/// Devlin et al. 2019, arXiv:1810.04805; Vaswani et al. 2017, arXiv:1706.03762. Nomic's variant (Nussbaum et al. 2024,
/// arXiv:2402.01613) turns queries and keys by RoPE in place of learned positions, and its network is gated.
/// </summary>
/// <remarks>
/// GELU is its tanh form, as in llama.cpp. All tokens are of the first kind, of a pair of sentences too, as there.
/// Every kernel computes a row in an order of its own, so texts read together have the bits of texts read alone.
/// </remarks>
internal sealed class Encoder : ITextReader
{
    private readonly EncoderWeights _weights;
    private readonly EncoderConfig _config;
    private readonly WorkerPool _pool;
    private readonly float[] _added; // a row to be added to an embedding
    private AttentionRun[] _runs = [];
    private int[] _blocks = [], _positions = [];
    private FloatBuffer[] _buffers = [];
    private KvStore? _store; // one layer of it: what a layer has attended to is of no use to the next
    private RopeAngles? _angles;
    private int _room;

    /// <param name="weights">Kept alive by the caller until the encoder is disposed.</param>
    public Encoder(EncoderWeights weights, WorkerPool pool) =>
        (_weights, _config, _pool, _added) = (weights, weights.Config, pool, new float[weights.Config.Width]);

    public int Vocabulary => _config.Vocabulary;

    public int Context => _config.Context;

    public int Width => _config.Width;

    public void Read(Span<float> rows, IReadOnlyList<int[]> texts, CancellationToken cancel = default)
    {
        if (texts.Count == 0)
            return;
        var n = Place(texts);
        var x = rows[..(n * _config.Width)];
        Embed(x, texts);
        _angles?.Set(_positions.AsSpan(0, n));
        foreach (var layer in _weights.Layers)
        {
            cancel.ThrowIfCancellationRequested();
            Layer(x, n, layer);
        }
    }

    /// <summary>The relevance that a reranker's head sees in the first row of a pair.</summary>
    /// <exception cref="InvalidOperationException">The model has no such head.</exception>
    public float Score(ReadOnlySpan<float> row)
    {
        if (_weights.Rank is not { } head)
            throw new InvalidOperationException("The encoder has no head that ranks.");
        var hidden = new float[_config.Width];
        row[.._config.Width].CopyTo(hidden);
        if (head.Hidden is not null)
        {
            Multiply(hidden, row[.._config.Width], head.Hidden);
            foreach (ref var z in hidden.AsSpan())
                z = MathF.Tanh(z);
        }

        Span<float> score = stackalloc float[1];
        Multiply(score, hidden, head.Output);
        return score[0];
    }

    // Every text is a run with blocks of its own; returns the number of rows.
    private int Place(IReadOnlyList<int[]> texts)
    {
        var (n, blocks) = (0, 0);
        foreach (var text in texts)
        {
            if (text.Length < 1 || text.Length > Context)
                throw new ArgumentException($"A text has {text.Length} tokens; the range is 1 to {Context}.");
            foreach (var token in text)
                if ((uint)token >= (uint)Vocabulary)
                    throw new ArgumentException($"Token {token} is outside the vocabulary of {Vocabulary}.");
            n = checked(n + text.Length);
            blocks += BlocksOf(text.Length);
        }

        MakeRoom(n, blocks);
        _runs = new AttentionRun[texts.Count];
        var (row, block) = (0, 0);
        for (var i = 0; i < texts.Count; i++)
        {
            var count = texts[i].Length;
            _runs[i] = new AttentionRun(row, count, 0, block);
            for (var t = 0; t < count; t++)
                _positions[row++] = t;
            block += BlocksOf(count);
        }

        return n;
    }

    private static int BlocksOf(int tokens) => (tokens + KvStore.BlockTokens - 1) / KvStore.BlockTokens;

    private void MakeRoom(int rows, int blocks)
    {
        if (rows <= _room && blocks <= _blocks.Length)
            return;
        (rows, blocks) = (Math.Max(rows, _room), Math.Max(blocks, _blocks.Length));
        Free();
        int C = _config.Width, F = _config.FeedForward;
        _buffers = [Rows(C), Rows(C), Rows(C), Rows(C), Rows(_config.Gated ? 2 * F : F), Rows(F)];
        _store = new KvStore(blocks, 1, _config.Heads, _config.HeadDim);
        _blocks = [.. Enumerable.Range(0, blocks)];
        _positions = new int[rows];
        if (_config.RopeTheta > 0)
        {
            var (frequencies, magnitude) = RopeScaling.None.Frequencies(_config.RopeTheta, _config.HeadDim, default);
            _angles = new RopeAngles(frequencies, magnitude, rows);
        }

        _room = rows;

        FloatBuffer Rows(int width) => new(checked(rows * width));
    }

    private void Embed(Span<float> x, IReadOnlyList<int[]> texts)
    {
        var C = _config.Width;
        var row = 0;
        foreach (var text in texts)
        {
            for (var t = 0; t < text.Length; t++)
            {
                var y = x.Slice(row++ * C, C);
                _weights.Embedding.ReadRow(y, text[t]);
                Add(y, _weights.TokenTypes, 0);
                Add(y, _weights.Positions, t);
            }
        }

        Apply(x, _weights.EmbeddingNorm);
    }

    private void Add(Span<float> y, WeightMatrix? table, int row)
    {
        if (table is null)
            return;
        table.ReadRow(_added, row);
        for (var c = 0; c < y.Length; c++)
            y[c] += _added[c];
    }

    private void Layer(Span<float> x, int n, EncoderLayer w)
    {
        int C = _config.Width, H = _config.Heads, D = _config.HeadDim, F = _config.FeedForward;
        Span<float> q = _buffers[0].Slice(0, n * C), k = _buffers[1].Slice(0, n * C), v = _buffers[2].Slice(0, n * C),
            mixed = _buffers[3].Slice(0, n * C);
        Multiply(q, x, w.Q);
        Multiply(k, x, w.K);
        Multiply(v, x, w.V);
        _angles?.Turn(_pool, q, H, D, RopeLayout.Neox);
        _angles?.Turn(_pool, k, H, D, RopeLayout.Neox);
        ReadOnlySpan<int> blocks = _blocks.AsSpan(0, _runs[^1].FirstBlock + BlocksOf(_runs[^1].Rows));
        CachedAttention.Store(_pool, _store!, 0, k, v, _runs, blocks);
        CachedAttention.Forward(_pool, mixed, q, _store!, 0, _runs, blocks,
            new AttentionRule(H, Window: 0, Scale: 1f / MathF.Sqrt(D), Softcap: 0, BothWays: true));
        Multiply(q, mixed, w.O);
        VectorOps.Add(_pool, x, q);
        Apply(x, w.AttnNorm);

        Span<float> up = _buffers[4].Slice(0, n * (_config.Gated ? 2 * F : F)), hidden = _buffers[5].Slice(0, n * F);
        if (w.Ffn.Gate is { } gate)
        {
            Multiply(up, x, gate, 2 * F);
            Multiply(up[F..], x, w.Ffn.Up, 2 * F);
            FeedForward.Gated(_pool, hidden, up, F, _config.Activation);
        }
        else
        {
            Multiply(up, x, w.Ffn.Up);
            FeedForward.Plain(_pool, hidden, up, F, _config.Activation);
        }

        Multiply(q, hidden, w.Ffn.Down);
        VectorOps.Add(_pool, x, q);
        Apply(x, w.FfnNorm);
    }

    private void Apply(Span<float> x, Norm norm) => LayerNorm.Forward(_pool, x, x, norm.Gain.Floats,
        norm.Bias is null ? default : norm.Bias.Floats, _config.Width, _config.NormEpsilon);

    private void Multiply(Span<float> y, ReadOnlySpan<float> x, Projection w, int stride = 0) => Linear.Multiply(
        _pool, y, stride == 0 ? w.Outputs : stride, x, w.Weight, w.Bias is null ? default : w.Bias.Floats);

    private void Free()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
        _store?.Dispose();
        _angles?.Dispose();
        (_buffers, _blocks, _store, _angles, _room) = ([], [], null, null, 0);
    }

    public void Dispose() => Free();
}
