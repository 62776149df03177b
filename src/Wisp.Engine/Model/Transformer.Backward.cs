using Wisp.Compute;
using static Wisp.Model.Activations;

namespace Wisp.Model;

public sealed partial class Transformer
{
    /// <summary>Gradients of activations: one layer's worth, used again by every layer.</summary>
    private sealed class Scratch(ModelConfig config, int rows) : IDisposable
    {
        private readonly FloatBuffer _memory = new(checked(
            rows * ((2 * config.Width)
                + Math.Max(config.FeedForward, 3 * (config.Heads + config.KvHeads) * config.HeadDim))));

        public FloatBuffer PackedHeadTransposed { get; } = new(Gemm.PackedLength(config.Width, config.Vocabulary));

        public long Bytes => _memory.Bytes + PackedHeadTransposed.Bytes;

        public Cut Begin() => new(_memory.Span);

        public void Dispose()
        {
            _memory.Dispose();
            PackedHeadTransposed.Dispose();
        }

        public ref struct Cut(Span<float> rest)
        {
            private Span<float> _rest = rest;

            public Span<float> Take(int length)
            {
                var taken = _rest[..length];
                _rest = _rest[length..];
                return taken;
            }
        }
    }

    /// <summary>
    /// Forward and backward: adds ∂(scale·Σ nll)/∂w into the gradients and returns Σ nll in nats. Positions with target
    /// −1 contribute neither loss nor gradient; scale is usually 1 : counted targets of the whole step.
    /// </summary>
    public double ForwardBackward(Parameters weights, Parameters gradients, in TokenBatch batch, float scale)
    {
        var back = _back ?? throw new InvalidOperationException("This transformer was made without a backward pass.");
        Forward(weights, batch);

        var dFinal = back.Begin().Take(batch.Rows * _config.Width);
        var loss = Head(weights, gradients, batch, scale, dFinal);
        Blocks(weights, gradients, batch);
        return loss;
    }

    // From the gradient of the normed stream, which stands first in the scratch, to those of all weights below.
    private void Blocks(Parameters weights, Parameters gradients, in TokenBatch batch)
    {
        int n = batch.Rows, C = _config.Width;
        var cut = _back!.Begin();
        Span<float> dNormed = cut.Take(n * C), dx = cut.Take(n * C);
        RmsNorm.Backward(
            _pool, dx, gradients.Of(_map.OutputNorm), dNormed, _acts.X(_config.Layers, n * C),
            weights.Of(_map.OutputNorm), _finalScale.Slice(0, n), C, accumulate: false);
        for (var l = _config.Layers - 1; l >= 0; l--)
            LayerBackward(weights, gradients, batch, l, dx, dNormed, cut);
        Embedding.Backward(_pool, gradients.Of(_map.Embedding), dx, batch.Tokens, C);
    }

    // Loss, dFinal = ∂/∂(normed stream), and the head's gradient, LossRows rows of logits at a time.
    private double Head(Parameters weights, Parameters gradients, in TokenBatch batch, float scale, Span<float> dFinal)
    {
        int C = _config.Width, V = _config.Vocabulary;
        Span<float> forward = _packedHead.Span, backward = _back!.PackedHeadTransposed.Span;
        Gemm.PackB(_pool, forward, weights.Of(_map.Head), V, C, transposed: true);
        Gemm.PackB(_pool, backward, weights.Of(_map.Head), C, V, transposed: false);
        for (var row = 0; row < batch.Rows; row += LossRows)
        {
            var n = Math.Min(LossRows, batch.Rows - row);
            Span<float> logits = _logits.Slice(0, n * V), x = _final.Slice(row * C, n * C);
            Gemm.MultiplyPacked(_pool, logits, x, forward, n, V, C, transposeA: false, accumulate: false);
            CrossEntropy.LossAndGradient(
                // Logits are gradients now.
                _pool, _losses.Slice(row, n), logits, batch.Targets.Slice(row, n), V, scale);
            Gemm.MultiplyPacked(
                _pool, dFinal.Slice(row * C, n * C), logits, backward, n, C, V, transposeA: false, accumulate: false);
            Gemm.Multiply(
                _pool, gradients.Of(_map.Head), logits, x, V, C, n, transposeA: true, transposeB: false,
                accumulate: true);
        }

        return Sum(_losses.Slice(0, batch.Rows));
    }

    // dx enters as the gradient of what leaves layer l and returns as that of what enters it.
    private void LayerBackward(
        Parameters weights, Parameters gradients, in TokenBatch batch, int l, Span<float> dx, Span<float> dNormed,
        Scratch.Cut cut)
    {
        var block = _map.Blocks[l];
        int n = batch.Rows, C = _config.Width, F = _config.FeedForward, H = _config.Heads, K = _config.KvHeads,
            D = _config.HeadDim;

        // Feed-forward: y = mid + Wdown·h. The gradients of gate and up replace them.
        Span<float> gateUp = _acts.Of(Slot.GateUp, l, n * 2 * F), hidden = _acts.Of(Slot.Hidden, l, n * F),
            ffn = _acts.Of(Slot.FfnInput, l, n * C);
        var inner = cut; // attention's gradients use the same memory after these are done with
        var dHidden = inner.Take(n * F);
        LinearBackward(dHidden, gradients, dx, hidden, weights, block.Down, n, accumulate: false);
        SwiGlu.Backward(_pool, gateUp, dHidden, gateUp, F);
        LinearBackward(dNormed, gradients, gateUp, ffn, weights, block.GateUp, n, accumulate: false);
        RmsNorm.Backward(
            _pool, dx, gradients.Of(block.FfnNorm), dNormed, _acts.Of(Slot.Mid, l, n * C), weights.Of(block.FfnNorm),
            _acts.Of(Slot.FfnScale, l, n), C, accumulate: true);

        // Attention: mid = x + Wo·mixed.
        Span<float> dMixed = cut.Take(n * H * D), dq = cut.Take(n * H * D), dk = cut.Take(n * K * D),
            dv = cut.Take(n * K * D);
        Span<float> q = _acts.Of(Slot.Q, l, n * H * D), k = _acts.Of(Slot.K, l, n * K * D),
            v = _acts.Of(Slot.V, l, n * K * D), mixed = _acts.Of(Slot.Mixed, l, n * H * D),
            input = _acts.Of(Slot.AttnInput, l, n * C);
        LinearBackward(dMixed, gradients, dx, mixed, weights, block.O, n, accumulate: false);
        Attention.Backward(
            _pool, dq, dk, dv, dMixed, mixed, _acts.Of(Slot.LogSumExp, l, n * H), q, k, v, batch.DocumentStarts,
            new AttentionShape(batch.B, batch.T, H, K, D));
        Rope.Backward(_pool, dq, batch.Positions, _rope, H, _config.Architecture.Rope!.Value);
        Rope.Backward(_pool, dk, batch.Positions, _rope, K, _config.Architecture.Rope!.Value);
        if (block.QNorm is { } qNorm && block.KNorm is { } kNorm)
        {
            Span<float> dRawQ = cut.Take(n * H * D), dRawK = cut.Take(n * K * D);
            RmsNorm.Backward(
                _pool, dRawQ, gradients.Of(qNorm), dq, _acts.Of(Slot.RawQ, l, n * H * D), weights.Of(qNorm),
                _acts.Of(Slot.QScale, l, n * H), D, accumulate: false);
            RmsNorm.Backward(
                _pool, dRawK, gradients.Of(kNorm), dk, _acts.Of(Slot.RawK, l, n * K * D), weights.Of(kNorm),
                _acts.Of(Slot.KScale, l, n * K), D, accumulate: false);
            dq = dRawQ;
            dk = dRawK;
        }

        LinearBackward(dNormed, gradients, dq, input, weights, block.Q, n, accumulate: false);
        LinearBackward(dNormed, gradients, dk, input, weights, block.K, n, accumulate: true);
        LinearBackward(dNormed, gradients, dv, input, weights, block.V, n, accumulate: true);
        RmsNorm.Backward(
            _pool, dx, gradients.Of(block.AttnNorm), dNormed, _acts.X(l, n * C), weights.Of(block.AttnNorm),
            _acts.Of(Slot.AttnScale, l, n), C, accumulate: true);
    }

    // dx = or += dy·W and dW += dyᵀ·x, for y = x·Wᵀ.
    private void LinearBackward(
        Span<float> dx, Parameters gradients, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, Parameters weights,
        ParameterTensor w, int n, bool accumulate)
    {
        Gemm.Multiply(
            _pool, dx, dy, weights.Of(w), n, w.Columns, w.Rows, transposeA: false, transposeB: false, accumulate);
        Gemm.Multiply(
            _pool, gradients.Of(w), dy, x, w.Rows, w.Columns, n, transposeA: true, transposeB: false, accumulate: true);
    }
}
