using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train;

/// <summary>
/// The optimizer step of a plan and its state: one float of momentum for every parameter, and AdamW's second moment for
/// what AdamW steps, which the parameter map puts first.
/// </summary>
public sealed class Optimizer : IDisposable
{
    // Momentum is built up while gradients still turn quickly: Jordan et al. start Muon at 0.85 for the first 300
    // steps.
    private const float MomentumFirst = 0.85f, Momentum = 0.95f;
    private const int MomentumSteps = 300;
    private const double Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8;

    private readonly ParameterMap _map;
    private readonly PretrainPlan _plan;
    private readonly Parameters _first;
    private readonly FloatBuffer _second;
    private readonly Muon? _muon;

    public Optimizer(ParameterMap map, PretrainPlan plan)
    {
        (_map, _plan) = (map, plan);
        _first = new Parameters(map);
        _second = new FloatBuffer(plan.Optimizer == OptimizerKind.Muon ? map.BlockMatricesFrom : map.Length);
        if (plan.Optimizer == OptimizerKind.Muon)
            _muon = new Muon(BlockMatrices.Max(t => t.Length), BlockMatrices.Max(t => Math.Min(t.Rows, t.Columns)));
    }

    /// <summary>Momentum of every parameter.</summary>
    public Span<float> FirstMoment => _first.Values;

    /// <summary>Second moment of what AdamW steps.</summary>
    public Span<float> SecondMoment => _second.Span;

    /// <summary>Bytes of state; scratch is <see cref="ScratchBytes"/>.</summary>
    public long Bytes => ((long)FirstMoment.Length + SecondMoment.Length) * sizeof(float);

    public long ScratchBytes => _muon?.Bytes ?? 0;

    private IEnumerable<ParameterTensor> BlockMatrices => _map.All.Where(t => t.Offset >= _map.BlockMatricesFrom);

    /// <summary>
    /// One step with the rates of step number <paramref name="step"/>, from 0. Returns the gradient's norm before
    /// clipping.
    /// </summary>
    public double Step(WorkerPool pool, Parameters weights, Parameters gradients, int step)
    {
        var norm = Math.Sqrt(VectorOps.SumOfSquares(pool, gradients.Values));
        var scale = GradientClip.Coefficient(norm, _plan.ClipNorm);
        var rate = _plan.Schedule.At(step);

        var others = _map.BlockMatricesFrom;
        Adam(pool, weights, gradients, 0, others, rate, step, scale, decay: 0);
        if (_muon is null)
        {
            Adam(pool, weights, gradients, others, _map.Length - others, rate, step, scale, _plan.WeightDecay);
            return norm;
        }

        var momentum = float.Lerp(MomentumFirst, Momentum, Math.Min(1f, (float)step / MomentumSteps));
        for (var l = 0; l < _map.Blocks.Count; l++) // foreach over the interface would allocate its enumerator
        {
            var block = _map.Blocks[l];
            Muon(block.Q);
            Muon(block.K);
            Muon(block.V);
            Muon(block.O);
            Muon(block.Gate);
            Muon(block.Up);
            Muon(block.Down);
        }

        return norm;

        void Muon(ParameterTensor tensor) => _muon.Step(
            pool, weights.Of(tensor), _first.Of(tensor), gradients.Of(tensor), tensor.Rows, tensor.Columns,
            (float)(_plan.MuonRate * rate), momentum, (float)_plan.WeightDecay, (float)scale);
    }

    private void Adam(
        WorkerPool pool, Parameters weights, Parameters gradients, int from, int length, double rate, int step,
        double scale,
        double decay) =>
        AdamW.Step(
            pool, weights.Values.Slice(from, length), FirstMoment.Slice(from, length), SecondMoment.Slice(from, length),
            gradients.Values.Slice(from, length), _plan.AdamRate * rate, Beta1, Beta2, Epsilon, decay, step + 1, scale);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _muon?.Dispose();
    }
}
