using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Says how much each position counts, knowing the negative log-likelihoods of all of them; both are (N). The weights
/// are constants to the gradient: whoever wants ∂f/∂θ of an f of the log-probabilities gives −∂f/∂(ln p).
/// </summary>
public delegate void PositionWeights(ReadOnlySpan<float> losses, Span<float> weights);

/// <summary>
/// A head on top of the model: reads the normed last residual stream, (N, C), and writes its gradient, zeroed before.
/// </summary>
public delegate void HiddenGradient(ReadOnlySpan<float> hidden, Span<float> dHidden);

public sealed partial class Transformer
{
    /// <summary>The negative log-likelihood of each target, (N), in nats; 0 where none counts.</summary>
    public void Losses(Parameters weights, in TokenBatch batch, Span<float> losses)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(losses.Length, batch.Rows);
        Loss(weights, batch);
        _losses.Slice(0, batch.Rows).CopyTo(losses);
    }

    /// <summary>The normed last residual stream, (N, C): what the output head reads, and any other head.</summary>
    public void Hidden(Parameters weights, in TokenBatch batch, Span<float> hidden)
    {
        Forward(weights, batch);
        _final.Slice(0, batch.Rows * _config.Width).CopyTo(hidden);
    }

    /// <summary>
    /// Forward, then what each position counts, then backward: adds ∂(Σ wᵢ·nllᵢ)/∂w into the gradients. The logits of a
    /// row are made twice, since all losses have to be known before the first weight is.
    /// </summary>
    public void ForwardBackward(
        Parameters weights, Parameters gradients, in TokenBatch batch, PositionWeights weigh)
    {
        var back = _back ?? throw new InvalidOperationException("This transformer was made without a backward pass.");
        Loss(weights, batch);
        int C = _config.Width, V = _config.Vocabulary;
        var counts = new float[batch.Rows];
        weigh(_losses.Slice(0, batch.Rows), counts);

        // As in Head, with a scale for each row.
        var dFinal = back.Begin().Take(batch.Rows * C);
        Gemm.PackB(
            _pool, back.PackedHeadTransposed.Span, weights.Of(_map.Head), C, V, transposed: false);
        for (var row = 0; row < batch.Rows; row += LossRows)
        {
            var n = Math.Min(LossRows, batch.Rows - row);
            Span<float> logits = _logits.Slice(0, n * V), x = _final.Slice(row * C, n * C);
            Gemm.MultiplyPacked(_pool, logits, x, _packedHead.Span, n, V, C, transposeA: false, accumulate: false);
            CrossEntropy.LossAndGradient(
                _pool, _losses.Slice(row, n), logits, batch.Targets.Slice(row, n), V, scale: 1);
            for (var i = 0; i < n; i++)
                if (batch.Targets[row + i] >= 0)
                    VectorOps.Scale(_pool, logits.Slice(i * V, V), counts[row + i]);
            Gemm.MultiplyPacked(
                _pool, dFinal.Slice(row * C, n * C), logits, back.PackedHeadTransposed.Span, n, C, V,
                transposeA: false, accumulate: false);
            Gemm.Multiply(
                _pool, gradients.Of(_map.Head), logits, x, V, C, n, transposeA: true, transposeB: false,
                accumulate: true);
        }

        Blocks(weights, gradients, batch);
    }

    /// <summary>Forward, a head of someone else's, and backward through all but the output head.</summary>
    public void ForwardBackwardHead(
        Parameters weights, Parameters gradients, in TokenBatch batch, HiddenGradient head)
    {
        var back = _back ?? throw new InvalidOperationException("This transformer was made without a backward pass.");
        Forward(weights, batch);
        var length = batch.Rows * _config.Width;
        var dFinal = back.Begin().Take(length);
        dFinal.Clear();
        head(_final.Slice(0, length), dFinal);
        Blocks(weights, gradients, batch);
    }
}
