using Wisp.Compute;

namespace Wisp.Model;

/// <summary>Rows of a batch that continue one sequence: Count tokens after Past others, in these KV blocks.</summary>
/// <param name="Adapter">What changes the weights for these rows; null leaves them as they are.</param>
public readonly record struct DecoderRun(
    int Past, int Count, ReadOnlyMemory<int> Blocks, LoraAdapter? Adapter = null);

/// <summary>
/// The decoder as it runs: any architecture of the table, weights of any type, new tokens of any number of sequences
/// whose past is in a <see cref="KvStore"/>. A layer is
///   m = x + post(O·attention(rope(norm(Q·n)), rope(norm(K·n)), V·n)),  n = norm(x)
///   y = m + post(Down·(f(Gate·h) ⊙ Up·h)),                            h = norm(m)
/// where each norm, the gate and the rotation are there or not as the weights and the architecture say.
/// </summary>
/// <remarks>
/// Training has a forward pass of its own, <see cref="Transformer"/>: it keeps what the backward pass needs and knows
/// neither caches nor stored types. A test holds the two together. A pass allocates nothing.
/// </remarks>
public sealed class Decoder : IDisposable
{
    private const int EmbeddedAtOnce = 16; // rows of the embedding, which may bring 2 MB of the file into memory each

    private readonly DecoderWeights _weights;
    private readonly ModelConfig _config;
    private readonly WorkerPool _pool;
    private readonly RopeAngles? _angles, _localAngles;
    private readonly FloatBuffer _x, _normed, _scale, _q, _k, _v, _mixed, _added, _gateUp, _hidden;
    private readonly Mixture? _mixture;
    private readonly Products _products;
    private readonly int[] _positions;
    private AttentionRun[] _runs = [];
    private int[] _blocks = [];
    private AdaptedRows[] _adapted = [];
    private int _rows, _runCount, _blockCount, _embedded;

    /// <param name="maxRows">The largest number of tokens in a pass.</param>
    /// <param name="context">The longest sequence: decides between short and long RoPE factors.</param>
    public Decoder(DecoderWeights weights, WorkerPool pool, int maxRows, int context)
    {
        (_weights, _config, _pool, MaxRows, Context) = (weights, weights.Config, pool, maxRows, context);
        int C = _config.Width, queries = _config.Heads * _config.HeadDim, keys = _config.KvHeads * _config.HeadDim;
        if (_config.Architecture.Rope is not null)
        {
            var stretched = context > _config.RopeScaling.OriginalContext && weights.RopeFactorsLong is not null;
            var factors = stretched ? weights.RopeFactorsLong : weights.RopeFactors;
            _angles = Angles(_config.RopeScaling, _config.RopeTheta, factors);
            if (_config.Architecture.LocalRopeTheta > 0)
                _localAngles = Angles(RopeScaling.None, _config.Architecture.LocalRopeTheta, null);
        }

        (_x, _normed, _added) = (Rows(C), Rows(Math.Max(C, queries)), Rows(C));
        (_q, _k, _v, _mixed) = (Rows(queries), Rows(keys), Rows(keys), Rows(queries));
        _scale = Rows(_config.Heads);
        (_gateUp, _hidden) = (Rows(2 * _config.FeedForward), Rows(_config.FeedForward));
        _positions = new int[maxRows];
        _products = new Products(pool);
        _mixture = _config.Experts > 0 ? new Mixture(_config, maxRows, Network) : null;

        FloatBuffer Rows(int width) => new(checked(maxRows * width));
        RopeAngles Angles(RopeScaling scaling, float theta, WeightMatrix? factors)
        {
            var (frequencies, magnitude) =
                scaling.Frequencies(theta, _config.RotatedDim, factors is null ? default : factors.Floats);
            return new RopeAngles(frequencies, magnitude, maxRows);
        }
    }

    public ModelConfig Config => _config;

    public int MaxRows { get; }

    public int Context { get; }

    /// <summary>Takes the time of every operation while it is set.</summary>
    internal DecoderTimes? Times { get; set; }

    /// <summary>Bytes of activations and tables.</summary>
    public long Bytes => _x.Bytes + _normed.Bytes + _scale.Bytes + _q.Bytes + _k.Bytes + _v.Bytes + _mixed.Bytes
        + _added.Bytes + _gateUp.Bytes + _hidden.Bytes + (_angles?.Bytes ?? 0) + (_localAngles?.Bytes ?? 0)
        + _products.Bytes;

    /// <summary>
    /// Takes the tokens of all runs, one run after the other, through all layers; their keys and values are stored.
    /// </summary>
    /// <param name="mass">
    /// Where it is not empty, it receives for every block of the runs, one run's after the other's, how much attention
    /// was paid to it: the probabilities on its keys, summed over rows, heads and layers. The logits are the same.
    /// </param>
    /// <exception cref="ArgumentException">Tokens outside the vocabulary, too many rows, or beyond the
    /// context.</exception>
    public void Forward(
        ReadOnlySpan<int> tokens, ReadOnlySpan<DecoderRun> runs, KvStore store, Span<float> mass = default)
    {
        Place(tokens, runs);
        mass.Clear();
        Times?.Start();
        var x = _x.Slice(0, _rows * _config.Width);
        Embed(x, tokens);
        _angles?.Set(_positions.AsSpan(0, _rows));
        _localAngles?.Set(_positions.AsSpan(0, _rows));
        Times?.Lap(DecoderOperation.Embedding);
        for (var l = 0; l < _config.Layers; l++)
            Layer(x, _weights.Blocks[l], store, l, mass);
    }

    /// <summary>The logits, (V), that follow one row of the last pass.</summary>
    public void Logits(Span<float> logits, int row) => Logits(logits, row, 1);

    /// <summary>The logits of consecutive rows of the last pass, (rows, V).</summary>
    public void Logits(Span<float> logits, int row, int rows)
    {
        CheckRow(row);
        CheckRow(row + rows - 1);
        var C = _config.Width;
        Head(logits, _x.Slice(row * C, rows * C));
    }

    /// <summary>The logits of some rows of the last pass, (rows, V): the head is read once for all.</summary>
    public void Logits(Span<float> logits, ReadOnlySpan<int> rows)
    {
        var C = _config.Width;
        var gathered = _added.Slice(0, rows.Length * C);
        for (var i = 0; i < rows.Length; i++)
        {
            CheckRow(rows[i]);
            _x.Slice(rows[i] * C, C).CopyTo(gathered[(i * C)..]);
        }

        Head(logits, gathered);
    }

    /// <summary>Consecutive rows of the last pass after the last norm, (rows, C): what the head reads.</summary>
    public void Normed(Span<float> y, int row, int rows)
    {
        CheckRow(row);
        CheckRow(row + rows - 1);
        var C = _config.Width;
        Apply(y[..(rows * C)], _x.Slice(row * C, rows * C), _weights.OutputNorm, C);
    }

    private void CheckRow(int row) =>
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)_rows, nameof(row));

    private void Head(Span<float> logits, ReadOnlySpan<float> x)
    {
        Times?.Start();
        var final = Apply(_normed.Slice(0, x.Length), x, _weights.OutputNorm, _config.Width);
        _products.Multiply(logits[..(x.Length / _config.Width * _config.Vocabulary)], final, _weights.Head);
        if (_config.LogitSoftcap > 0)
            foreach (ref var z in logits[..(x.Length / _config.Width * _config.Vocabulary)])
                z = _config.LogitSoftcap * MathF.Tanh(z / _config.LogitSoftcap);
        Times?.Lap(DecoderOperation.Head);
    }

    private void Layer(Span<float> x, BlockWeights w, KvStore store, int l, Span<float> mass)
    {
        var input = w.AttnNorm is null ? x : Apply(_normed.Slice(0, x.Length), x, w.AttnNorm, _config.Width);
        var attended = Attend(input, w, store, l, mass);
        if (w.Parallel)
        {
            VectorOps.Add(_pool, x, attended);
            VectorOps.Add(_pool, x, FeedForward(input, w));
            Times?.Lap(DecoderOperation.Add);
            return;
        }

        if (w.PostAttnNorm is not null)
            Apply(attended, attended, w.PostAttnNorm, _config.Width);
        VectorOps.Add(_pool, x, attended);
        Times?.Lap(DecoderOperation.Add);

        var middle = w.FfnNorm is null ? x : Apply(_normed.Slice(0, x.Length), x, w.FfnNorm, _config.Width);
        var added = FeedForward(middle, w);
        if (w.PostFfnNorm is not null)
            Apply(added, added, w.PostFfnNorm, _config.Width);
        VectorOps.Add(_pool, x, added);
        Times?.Lap(DecoderOperation.Add);
    }

    private Span<float> Attend(ReadOnlySpan<float> input, BlockWeights w, KvStore store, int l, Span<float> mass)
    {
        int H = _config.Heads, K = _config.KvHeads, D = _config.HeadDim;
        Span<float> q = _q.Slice(0, _rows * H * D), k = _k.Slice(0, _rows * K * D), v = _v.Slice(0, _rows * K * D),
            mixed = _mixed.Slice(0, _rows * H * D), added = _added.Slice(0, _rows * _config.Width);
        _products.Multiply(input, q, w.Q, k, w.K, v, w.V);
        Times?.Lap(DecoderOperation.Qkv);
        if (w.QNorm is not null && w.KNorm is not null)
        {
            Apply(q, q, w.QNorm, w.QNorm.Gain.Rows == H * D && !_config.Architecture.LayerNorm ? H * D : D);
            Apply(k, k, w.KNorm, w.KNorm.Gain.Rows == K * D && !_config.Architecture.LayerNorm ? K * D : D);
        }

        if (_config.Rotates(l))
        {
            var angles = _config.WindowOf(l) > 0 && _localAngles is not null ? _localAngles : _angles!;
            angles.Turn(_pool, q, H, D, _config.Architecture.Rope!.Value);
            angles.Turn(_pool, k, K, D, _config.Architecture.Rope.Value);
            Times?.Lap(DecoderOperation.Rope);
        }

        ReadOnlySpan<AttentionRun> runs = _runs.AsSpan(0, _runCount);
        ReadOnlySpan<int> blocks = _blocks.AsSpan(0, _blockCount);
        CachedAttention.Store(_pool, store, l, k, v, runs, blocks);
        CachedAttention.Forward(_pool, mixed, q, store, l, runs, blocks,
            new AttentionRule(H, _config.WindowOf(l), _config.AttentionScale, _config.AttentionSoftcap),
            mass);
        Times?.Lap(DecoderOperation.Attention);
        _products.Multiply(added, mixed, w.O);
        Times?.Lap(DecoderOperation.Output);
        return added;
    }

    private Span<float> FeedForward(ReadOnlySpan<float> input, BlockWeights w)
    {
        var added = _added.Slice(0, _rows * _config.Width);
        if (w.Router is null)
            Network(added, input, w.Ffn[0]);
        else
            _mixture!.Forward(_pool, added, input, w);
        return added;
    }

    private void Network(Span<float> y, ReadOnlySpan<float> x, FeedForwardWeights w)
    {
        int F = _config.FeedForward, n = x.Length / _config.Width;
        var hidden = _hidden.Slice(0, n * F);
        if (w.Gate is null)
        {
            _products.Multiply(hidden, x, w.Up);
            Times?.Lap(DecoderOperation.GateUp);
            Compute.FeedForward.Plain(_pool, hidden, hidden, F, _config.Architecture.Activation);
        }
        else
        {
            var gateUp = _gateUp.Slice(0, n * 2 * F);
            _products.Multiply(x, gateUp, w.Gate, gateUp[F..], w.Up, 2 * F);
            Times?.Lap(DecoderOperation.GateUp);
            Compute.FeedForward.Gated(_pool, hidden, gateUp, F, _config.Architecture.Activation);
        }

        Times?.Lap(DecoderOperation.Activation);
        _products.Multiply(y, hidden, w.Down);
        Times?.Lap(DecoderOperation.Down);
    }

    private void Place(ReadOnlySpan<int> tokens, ReadOnlySpan<DecoderRun> runs)
    {
        if (tokens.IsEmpty || tokens.Length > MaxRows)
            throw new ArgumentException($"{tokens.Length} tokens at once; the range is 1 to {MaxRows}.");
        foreach (var token in tokens)
            if ((uint)token >= (uint)_config.Vocabulary)
                throw new ArgumentException($"Token {token} is outside the vocabulary of {_config.Vocabulary}.");
        if (_runs.Length < runs.Length)
        {
            _runs = new AttentionRun[2 * runs.Length];
            _adapted = new AdaptedRows[2 * runs.Length];
        }

        var adapted = 0;
        (_rows, _runCount, _blockCount) = (0, 0, 0);
        foreach (var run in runs)
        {
            if (run.Count < 1 || run.Past < 0 || run.Past > Context - run.Count)
                throw new ArgumentException(
                    $"{run.Count} tokens after {run.Past} do not fit a context of {Context}.");
            if (run.Count > tokens.Length - _rows)
                throw new ArgumentException($"The runs hold more than the {tokens.Length} tokens given.");
            if (run.Adapter is { } adapter)
                _adapted[adapted++] = new AdaptedRows(_rows, run.Count, Fitting(adapter));
            _runs[_runCount++] = new AttentionRun(_rows, run.Count, run.Past, _blockCount);
            if (_blocks.Length < _blockCount + run.Blocks.Length)
                Array.Resize(ref _blocks, 2 * (_blockCount + run.Blocks.Length));
            run.Blocks.Span.CopyTo(_blocks.AsSpan(_blockCount));
            _blockCount += run.Blocks.Length;
            for (var i = 0; i < run.Count; i++)
                _positions[_rows++] = run.Past + i;
        }

        if (_rows != tokens.Length)
            throw new ArgumentException($"The runs hold {_rows} rows, not {tokens.Length}.");
        _products.Adapt(_adapted.AsSpan(0, adapted));
    }

    private LoraAdapter Fitting(LoraAdapter adapter) => ReferenceEquals(adapter.Config, _config) ? adapter
        : throw new ArgumentException($"{adapter.Path}: the adapter was opened for another model.");

    private void Embed(Span<float> x, ReadOnlySpan<int> tokens)
    {
        var C = _config.Width;
        for (var n = 0; n < tokens.Length; n++)
        {
            var row = x.Slice(n * C, C);
            _weights.Embedding.ReadRow(row, tokens[n]);
            // A row brings in the pages around it, and rows are everywhere: soon all of the file would be in memory
            // again beside the copies of its matrices.
            if (++_embedded >= EmbeddedAtOnce && _weights.Head.Packed is not null)
            {
                _weights.Embedding.LetGo(_weights.Embedding.Rows);
                _embedded = 0;
            }

            if (_weights.Positions is null)
                continue;
            var learned = _added.Slice(0, C);
            _weights.Positions.ReadRow(learned, _positions[n]);
            for (var c = 0; c < C; c++)
                row[c] += learned[c];
        }

        if (_config.Architecture.ScalesEmbedding)
            VectorOps.Scale(_pool, x, MathF.Sqrt(C));
    }

    // y = norm(x) by rows of a width; returns y.
    private Span<float> Apply(Span<float> y, ReadOnlySpan<float> x, Norm norm, int width)
    {
        if (_config.Architecture.LayerNorm)
            LayerNorm.Forward(_pool, y, x, norm.Gain.Floats, norm.Bias is null ? default : norm.Bias.Floats, width,
                _config.NormEpsilon);
        else
            RmsNorm.Forward(_pool, y, _scale.Slice(0, x.Length / width), x, norm.Gain.Floats, width,
                _config.NormEpsilon);
        Times?.Lap(DecoderOperation.Norm);
        return y;
    }

    public void Dispose()
    {
        foreach (var buffer in (FloatBuffer[])
            [_x, _normed, _scale, _q, _k, _v, _mixed, _added, _gateUp, _hidden])
            buffer.Dispose();
        _angles?.Dispose();
        _localAngles?.Dispose();
        _mixture?.Dispose();
        _products.Dispose();
    }
}
