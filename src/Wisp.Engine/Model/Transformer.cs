using Wisp.Compute;
using static Wisp.Model.Activations;

namespace Wisp.Model;

/// <summary>
/// The decoder in training, forward and backward; <see cref="Decoder"/> is the one that runs. Vaswani et al. 2017 with
/// pre-norm RMSNorm, rotary positions, grouped queries and SwiGLU:
///   m = x + Wo·attention(rope(norm(Wq·n)), rope(norm(Wk·n)), Wv·n),  n = norm(x)
///   y = m + Wdown·(silu(Wgate·f) ⊙ Wup·f),                           f = norm(m)
/// and logits = Whead·norm(x_L), of which only <see cref="LossRows"/> rows exist at a time.
/// </summary>
/// <remarks>
/// Weights are (out, in) row-major. All memory is taken by the constructor; a step allocates nothing.
/// </remarks>
public sealed partial class Transformer : IDisposable
{
    /// <summary>
    /// Rows of logits in memory at once: 512 x V floats stay in a 32 MB L3 up to V = 16 k, and the products are still
    /// tall enough to run at full speed.
    /// </summary>
    public const int LossRows = 512;

    private readonly WorkerPool _pool;
    private readonly ParameterMap _map;
    private readonly ModelConfig _config;
    private readonly int _maxRows;
    private readonly Activations _acts;
    private readonly RopeTable _rope;
    private readonly FloatBuffer _final, _finalScale, _logits, _losses, _packedHead;
    private readonly Scratch? _back;

    /// <param name="maxRows">The largest N = B·T of a batch.</param>
    /// <param name="train">Whether backward passes will be asked for: activations of all layers are then kept.</param>
    public Transformer(ParameterMap map, WorkerPool pool, int maxRows, bool train)
    {
        (_map, _config, _pool, _maxRows) = (map, map.Config, pool, maxRows);
        _acts = new Activations(_config, maxRows, keep: train);
        _rope = new RopeTable(_config.Context, _config.HeadDim, _config.RopeTheta);
        _final = new FloatBuffer(checked(maxRows * _config.Width));
        _finalScale = new FloatBuffer(maxRows);
        _logits = new FloatBuffer(checked(Math.Min(LossRows, maxRows) * _config.Vocabulary));
        _losses = new FloatBuffer(maxRows);
        _packedHead = new FloatBuffer(Gemm.PackedLength(_config.Vocabulary, _config.Width));
        _back = train ? new Scratch(_config, maxRows) : null;
    }

    /// <summary>Bytes of activations and work space, for the memory account of a report.</summary>
    public long Bytes => _acts.Bytes + _final.Bytes + _finalScale.Bytes + _logits.Bytes + _losses.Bytes
        + _packedHead.Bytes + (_back?.Bytes ?? 0);

    /// <summary>Logits of every position, (N, V).</summary>
    public void Logits(Parameters weights, in TokenBatch batch, Span<float> logits)
    {
        Forward(weights, batch);
        var n = batch.Rows;
        Gemm.Multiply(
            _pool, logits, _final.Slice(0, n * _config.Width), weights.Of(_map.Head), n, _config.Vocabulary,
            _config.Width, transposeA: false, transposeB: true, accumulate: false);
    }

    /// <summary>The summed negative log-likelihood of all counted targets, in nats.</summary>
    public double Loss(Parameters weights, in TokenBatch batch)
    {
        Forward(weights, batch);
        int C = _config.Width, V = _config.Vocabulary;
        Gemm.PackB(_pool, _packedHead.Span, weights.Of(_map.Head), V, C, transposed: true);
        for (var row = 0; row < batch.Rows; row += LossRows)
        {
            var n = Math.Min(LossRows, batch.Rows - row);
            var logits = _logits.Slice(0, n * V);
            Gemm.MultiplyPacked(
                _pool, logits, _final.Slice(row * C, n * C), _packedHead.Span, n, V, C, transposeA: false,
                accumulate: false);
            CrossEntropy.Loss(_pool, _losses.Slice(row, n), logits, batch.Targets.Slice(row, n), V);
        }

        return Sum(_losses.Slice(0, batch.Rows));
    }

    private static double Sum(ReadOnlySpan<float> x)
    {
        var sum = 0.0;
        foreach (var value in x)
            sum += value;
        return sum;
    }

    /// <summary>From tokens to the normed last residual stream in _final, (N, C).</summary>
    private void Forward(Parameters weights, in TokenBatch batch)
    {
        if (batch.Rows > _maxRows || batch.T > _config.Context)
            throw new ArgumentException(
                $"A batch of {batch.B} x {batch.T} does not fit {_maxRows} rows and a context of {_config.Context}.");
        foreach (var token in batch.Tokens)
            if ((uint)token >= (uint)_config.Vocabulary)
                throw new ArgumentException($"Token {token} is outside the vocabulary of {_config.Vocabulary}.");

        int n = batch.Rows, C = _config.Width;
        Embedding.Forward(_pool, _acts.X(0, n * C), weights.Of(_map.Embedding), batch.Tokens, C);
        for (var l = 0; l < _config.Layers; l++)
            Layer(weights, batch, l);
        RmsNorm.Forward(
            _pool, _final.Slice(0, n * C), _finalScale.Slice(0, n), _acts.X(_config.Layers, n * C),
            weights.Of(_map.OutputNorm), C, _config.NormEpsilon);
    }

    private void Layer(Parameters weights, in TokenBatch batch, int l)
    {
        var block = _map.Blocks[l];
        int n = batch.Rows, C = _config.Width, F = _config.FeedForward, H = _config.Heads, K = _config.KvHeads,
            D = _config.HeadDim;
        var eps = _config.NormEpsilon;
        Span<float> x = _acts.X(l, n * C), y = _acts.X(l + 1, n * C), mid = _acts.Of(Slot.Mid, l, n * C);
        Span<float> q = _acts.Of(Slot.Q, l, n * H * D), k = _acts.Of(Slot.K, l, n * K * D), v = _acts.Of(Slot.V, l,
            n * K * D),
            mixed = _acts.Of(Slot.Mixed, l, n * H * D);

        var input = _acts.Of(Slot.AttnInput, l, n * C);
        RmsNorm.Forward(_pool, input, _acts.Of(Slot.AttnScale, l, n), x, weights.Of(block.AttnNorm), C, eps);
        if (block.QNorm is { } qNorm && block.KNorm is { } kNorm)
        {
            Span<float> rawQ = _acts.Of(Slot.RawQ, l, n * H * D), rawK = _acts.Of(Slot.RawK, l, n * K * D);
            Linear(rawQ, input, weights, block.Q, n);
            Linear(rawK, input, weights, block.K, n);
            RmsNorm.Forward(_pool, q, _acts.Of(Slot.QScale, l, n * H), rawQ, weights.Of(qNorm), D, eps);
            RmsNorm.Forward(_pool, k, _acts.Of(Slot.KScale, l, n * K), rawK, weights.Of(kNorm), D, eps);
        }
        else
        {
            Linear(q, input, weights, block.Q, n);
            Linear(k, input, weights, block.K, n);
        }

        Linear(v, input, weights, block.V, n);
        Rope.Forward(_pool, q, batch.Positions, _rope, H, _config.Architecture.Rope!.Value);
        Rope.Forward(_pool, k, batch.Positions, _rope, K, _config.Architecture.Rope!.Value);
        Attention.Forward(
            _pool, mixed, _acts.Of(Slot.LogSumExp, l, n * H), q, k, v, batch.DocumentStarts,
            new AttentionShape(batch.B, batch.T, H, K, D));
        VectorOps.Copy(_pool, mid, x);
        Linear(mid, mixed, weights, block.O, n, accumulate: true);

        var ffn = _acts.Of(Slot.FfnInput, l, n * C);
        Span<float> gateUp = _acts.Of(Slot.GateUp, l, n * 2 * F), hidden = _acts.Of(Slot.Hidden, l, n * F);
        RmsNorm.Forward(_pool, ffn, _acts.Of(Slot.FfnScale, l, n), mid, weights.Of(block.FfnNorm), C, eps);
        Linear(gateUp, ffn, weights, block.GateUp, n);
        SwiGlu.Forward(_pool, hidden, gateUp, F);
        VectorOps.Copy(_pool, y, mid);
        Linear(y, hidden, weights, block.Down, n, accumulate: true);
    }

    // y = or += x·Wᵀ
    private void Linear(
        Span<float> y, ReadOnlySpan<float> x, Parameters weights, ParameterTensor w, int n, bool accumulate = false)
    {
        Gemm.Multiply(
            _pool, y, x, weights.Of(w), n, w.Rows, w.Columns, transposeA: false, transposeB: true, accumulate);
    }

    public void Dispose()
    {
        _acts.Dispose();
        _final.Dispose();
        _finalScale.Dispose();
        _logits.Dispose();
        _losses.Dispose();
        _packedHead.Dispose();
        _back?.Dispose();
    }
}
