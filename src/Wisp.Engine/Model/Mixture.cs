using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A mixture of experts: each row goes through the few networks that the router scores highest, weighted by the softmax
/// of the scores over those few. Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024 (Mixtral), section 2.1.
/// </summary>
/// <remarks>
/// Rows are sorted by expert, so each expert's matrices are read once a pass. A row adds up its experts in the order of
/// their numbers, whatever the other rows chose.
/// </remarks>
internal sealed class Mixture : IDisposable
{
    /// <summary>y = network(x) for some rows.</summary>
    public delegate void Network(Span<float> y, ReadOnlySpan<float> x, FeedForwardWeights weights);

    private readonly ModelConfig _config;
    private readonly Network _network;
    private readonly FloatBuffer _scores, _gathered, _made;
    private readonly float[] _share; // (N, E): the weight of an expert for a row, 0 where it is not used
    private readonly int[] _rows; // the rows of one expert
    private readonly int[] _order;

    public Mixture(ModelConfig config, int maxRows, Network network)
    {
        (_config, _network) = (config, network);
        _scores = new FloatBuffer(checked(maxRows * config.Experts));
        _gathered = new FloatBuffer(checked(maxRows * config.Width));
        _made = new FloatBuffer(checked(maxRows * config.Width));
        _share = new float[maxRows * config.Experts];
        _rows = new int[maxRows];
        _order = new int[config.Experts];
    }

    public void Forward(WorkerPool pool, Span<float> y, ReadOnlySpan<float> x, BlockWeights w)
    {
        int C = _config.Width, E = _config.Experts, n = x.Length / C;
        var scores = _scores.Slice(0, n * E);
        Linear.Multiply(pool, scores, E, x, w.Router!.Weight, w.Router.Bias is null ? default : w.Router.Bias.Floats);
        for (var row = 0; row < n; row++)
            Choose(scores.Slice(row * E, E), _share.AsSpan(row * E, E));

        VectorOps.Clear(pool, y);
        for (var e = 0; e < E; e++)
        {
            var count = 0;
            for (var row = 0; row < n; row++)
                if (_share[(row * E) + e] > 0)
                    _rows[count++] = row;
            if (count == 0)
                continue;
            Span<float> gathered = _gathered.Slice(0, count * C), made = _made.Slice(0, count * C);
            for (var i = 0; i < count; i++)
                x.Slice(_rows[i] * C, C).CopyTo(gathered[(i * C)..]);
            _network(made, gathered, w.Ffn[e]);
            for (var i = 0; i < count; i++)
                VectorOps.Axpy(pool, y.Slice(_rows[i] * C, C), made.Slice(i * C, C), _share[(_rows[i] * E) + e]);
        }
    }

    // Softmax over the largest scores only, which is softmax over all, cut and brought back to a sum of 1.
    private void Choose(ReadOnlySpan<float> scores, Span<float> share)
    {
        share.Clear();
        for (var e = 0; e < scores.Length; e++)
            _order[e] = e;
        var used = _order.AsSpan(0, _config.ExpertsUsed);
        var sum = 0f;
        for (var i = 0; i < used.Length; i++)
        {
            var best = i;
            for (var j = i + 1; j < _order.Length; j++)
                if (scores[_order[j]] > scores[_order[best]])
                    best = j;
            (_order[i], _order[best]) = (_order[best], _order[i]);
            share[used[i]] = MathF.Exp(scores[used[i]] - scores[used[0]]);
            sum += share[used[i]];
        }

        foreach (var e in used)
            share[e] /= sum;
    }

    public void Dispose()
    {
        _scores.Dispose();
        _gathered.Dispose();
        _made.Dispose();
    }
}
