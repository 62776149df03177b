using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train.Align;

/// <summary>
/// What every stage of tuning has: a model's weights, their gradients, and AdamW's state for what is trained, which is
/// the weights themselves or adapters beside them, and a head where the stage has one.
/// </summary>
public sealed class Tuner : IDisposable
{
    private const double Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8;

    private readonly TuningPlan _plan;
    private readonly WorkerPool _pool;
    private readonly Parameters _start;
    private readonly Lora? _lora;
    private readonly FloatBuffer _first, _second;

    /// <param name="start">The weights to begin with; the tuner owns them from now on.</param>
    /// <param name="headLength">Numbers of a head on top of the model; 0 for none.</param>
    public Tuner(TuningPlan plan, Parameters start, WorkerPool pool, int headLength = 0)
    {
        (_plan, _pool, _start) = (plan.Validated(), pool, start);
        if (plan.Context > start.Map.Config.Context)
            throw new ArgumentException(
                $"Rows of {plan.Context} tokens are longer than the {start.Map.Config.Context} that the model was " +
                "trained for.");
        Gradients = new Parameters(start.Map);
        Head = new FloatBuffer(Math.Max(1, headLength));
        HeadGradient = new FloatBuffer(Head.Length);
        if (plan.LoraRank > 0)
        {
            _lora = new Lora(start.Map, plan.LoraRank, plan.LoraAlpha, plan.LoraTargets, plan.Seed);
            Weights = new Parameters(start.Map);
            start.Values.CopyTo(Weights.Values);
        }
        else
        {
            Weights = start;
        }

        var trained = Head.Length + (_lora?.Values.Length ?? start.Map.Length);
        _first = new FloatBuffer(trained);
        _second = new FloatBuffer(trained);
    }

    internal WorkerPool Pool => _pool;

    /// <summary>The model as it is now, adapters merged.</summary>
    public Parameters Weights { get; }

    public Parameters Gradients { get; }

    /// <summary>The head's numbers; a single unused one where the stage has no head.</summary>
    public FloatBuffer Head { get; }

    public FloatBuffer HeadGradient { get; }

    /// <summary>Bytes of gradients and optimizer state.</summary>
    public long Bytes => ((long)Gradients.Map.Length * sizeof(float)) + _first.Bytes + _second.Bytes;

    /// <summary>The weights that a checkpoint keeps: the model's, or the frozen ones beneath the adapters.</summary>
    internal Parameters Kept => _start;

    /// <summary>All else that it keeps, by name.</summary>
    internal IEnumerable<(string Name, FloatBuffer Values)> State =>
        [("first_moment", _first), ("second_moment", _second), ("head", Head),
            .. _lora is null ? [] : new[] { ("adapters", _lora.Buffer) }];

    /// <summary>After a checkpoint was read into <see cref="Kept"/> and <see cref="State"/>.</summary>
    internal void Restored() => _lora?.Merge(_pool, Weights, _start);

    public void ClearGradients()
    {
        VectorOps.Clear(_pool, Gradients.Values);
        VectorOps.Clear(_pool, HeadGradient.Span);
    }

    /// <summary>
    /// One step of AdamW with the rate of step number <paramref name="step"/>, from 0. Returns the norm of what is
    /// trained before clipping.
    /// </summary>
    /// <param name="update">Which of its updates this is, from 0, where a step has several.</param>
    public double Step(int step, int update = 0)
    {
        var t = (step * (_plan.Policy?.Updates ?? 1)) + update + 1;
        _lora?.Backward(_pool, Gradients);
        Span<float> values = _lora is null ? Weights.Values : _lora.Values,
            gradients = _lora is null ? Gradients.Values : _lora.Gradients;
        var norm = Math.Sqrt(VectorOps.SumOfSquares(_pool, gradients)
            + VectorOps.SumOfSquares(_pool, HeadGradient.Span));
        var scale = GradientClip.Coefficient(norm, _plan.ClipNorm);
        var rate = _plan.Rate * _plan.Schedule.At(step);

        // Embedding, norms and head are not pulled to zero, block matrices and what stands for them are.
        var matrices = _lora is null ? Weights.Map.BlockMatricesFrom : 0;
        Adam(values, gradients, 0, 0, matrices, decay: 0);
        Adam(values, gradients, matrices, matrices, values.Length - matrices, _plan.WeightDecay);
        Adam(Head.Span, HeadGradient.Span, 0, values.Length, Head.Length, decay: 0);
        _lora?.Merge(_pool, Weights, _start);
        return norm;

        void Adam(Span<float> p, Span<float> g, int from, int state, int length, double decay)
        {
            if (length > 0)
                AdamW.Step(
                    _pool, p.Slice(from, length), _first.Slice(state, length), _second.Slice(state, length),
                    g.Slice(from, length), rate, Beta1, Beta2, Epsilon, decay, t, scale);
        }
    }

    public void Dispose()
    {
        if (!ReferenceEquals(Weights, _start))
            Weights.Dispose();
        _start.Dispose();
        Gradients.Dispose();
        Head.Dispose();
        HeadGradient.Dispose();
        _lora?.Dispose();
        _first.Dispose();
        _second.Dispose();
    }
}
