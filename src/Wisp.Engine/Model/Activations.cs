using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// What the forward pass leaves for the backward pass: for every layer the input of each operation, in one buffer. With
/// no backward to come (keep = false) all layers share one layer's memory.
/// </summary>
public sealed class Activations : IDisposable
{
    private readonly FloatBuffer _memory;
    private readonly int _layerLength;
    private readonly int[] _offsets;
    private readonly bool _keep;
    private readonly int _layers;
    private readonly int _residual; // floats of one (N, C) matrix

    public Activations(ModelConfig config, int rows, bool keep)
    {
        (_keep, _layers) = (keep, config.Layers);
        int C = config.Width, F = config.FeedForward, H = config.Heads, K = config.KvHeads, D = config.HeadDim;
        var qk = config.Architecture.QkNorm ? 1 : 0;
        long[] lengths =
        [
            1, C, H * D * qk, K * D * qk, H * qk, K * qk, H * D, K * D, K * D, H * D, H, C, 1, C, 2 * F, F,
        ];
        _offsets = new int[lengths.Length];
        long at = 0;
        for (var i = 0; i < lengths.Length; i++)
        {
            _offsets[i] = (int)Math.Min(at, int.MaxValue); // checked below, as part of the sum
            at += ((lengths[i] * rows) + 15) & ~15L;
        }

        var residual = (((long)rows * C) + 15) & ~15L;
        var floats = ((keep ? _layers : 1) * at) + ((keep ? _layers + 1L : 2L) * residual);
        if (floats > int.MaxValue)
            throw new ArgumentException(
                $"The activations of {rows} rows need {floats * sizeof(float):n0} bytes, more than one buffer holds; " +
                "use fewer rows a micro-batch.");
        _memory = new FloatBuffer((int)floats);
        (_layerLength, _residual) = ((int)at, (int)residual);
        Rows = rows;
    }

    public int Rows { get; }

    public long Bytes => _memory.Bytes;

    /// <summary>The residual stream that enters layer l, (N, C); index L is what leaves the last layer.</summary>
    public Span<float> X(int l, int length) =>
        _memory.Slice(((_keep ? _layers : 1) * _layerLength) + ((_keep ? l : l % 2) * _residual), length);

    /// <summary>One tensor of layer l.</summary>
    public Span<float> Of(Slot slot, int l, int length) =>
        _memory.Slice(((_keep ? l : 0) * _layerLength) + _offsets[(int)slot], length);

    public void Dispose() => _memory.Dispose();

    /// <summary>The tensors of a layer, in the order in which the forward pass writes them.</summary>
    public enum Slot
    {
        AttnScale,   // (N): 1/rms of the layer's input
        AttnInput,   // (N, C): the normed input
        RawQ,        // (N, H, D): queries before their norm
        RawK,        // (N, K, D)
        QScale,      // (N, H)
        KScale,      // (N, K)
        Q,           // (N, H, D): after norm and RoPE
        K,           // (N, K, D): after norm and RoPE
        V,           // (N, K, D)
        Mixed,       // (N, H, D): what attention returns
        LogSumExp,   // (B, H, T)
        Mid,         // (N, C): the residual stream between attention and feed-forward
        FfnScale,    // (N)
        FfnInput,    // (N, C)
        GateUp,      // (N, 2F)
        Hidden,      // (N, F): silu(gate) ⊙ up
    }
}
