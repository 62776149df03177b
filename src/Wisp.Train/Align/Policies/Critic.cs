using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Losses;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// Says at every token of an answer what reward is still to come: a model of its own, V = w·x, x being the normed last
/// residual stream where the token is predicted. It begins as the policy does, with w = 0. A model of its own costs as
/// much as the policy again, and its errors never pull at the policy's weights.
/// </summary>
internal sealed class Critic : IDisposable
{
    private readonly Tuner _tuner;
    private readonly Transformer _transformer;
    private readonly PolicyPlan _plan;
    private readonly float[] _hidden;

    /// <param name="start">The weights to begin with; owned from now on.</param>
    public Critic(TuningPlan plan, Parameters start, WorkerPool pool)
    {
        var C = start.Map.Config.Width;
        _plan = plan.Policy!;
        _tuner = new Tuner(plan with { LoraRank = 0, Rate = _plan.CriticRate }, start, pool, C);
        var rows = ExamplePage.RowsOf(plan.Context) * plan.Context;
        _transformer = new Transformer(start.Map, pool, rows, train: true);
        _hidden = new float[rows * C];
    }

    public Parameters Weights => _tuner.Weights;

    public IEnumerable<(string Name, FloatBuffer Values)> State =>
        [("critic", _tuner.Weights.Buffer), .. _tuner.State.Select(state => ("critic." + state.Name, state.Values))];

    public void Values(AnswerBatch batch, Span<float> values)
    {
        foreach (var (page, answers) in batch.Pages())
        {
            var hidden = _hidden.AsSpan(0, page.Batch.Rows * _tuner.Head.Length);
            _transformer.Hidden(_tuner.Weights, page.Batch, hidden);
            Read(batch, page, answers, hidden, values, all: true);
        }
    }

    /// <summary>One update towards the returns, held near the values from before; returns the loss.</summary>
    public double Update(
        AnswerBatch batch, ReadOnlySpan<float> before, ReadOnlySpan<float> returns, int step, int update)
    {
        _tuner.ClearGradients();
        float[] old = before.ToArray(), wanted = returns.ToArray();
        var loss = 0.0;
        foreach (var (page, answers) in batch.Pages())
            _transformer.ForwardBackwardHead(_tuner.Weights, _tuner.Gradients, page.Batch,
                (hidden, dHidden) => loss += Back(batch, page, answers, old, wanted, hidden, dHidden));
        _tuner.Step(step, update);
        return loss;
    }

    private double Back(
        AnswerBatch batch, ExamplePage page, IReadOnlyList<int> answers, float[] old, float[] wanted,
        ReadOnlySpan<float> hidden, Span<float> dHidden)
    {
        int C = _tuner.Head.Length, T = batch.T;
        int[] lengths = [.. answers.Select(answer => batch.Lengths[answer])];
        float[] values = new float[answers.Count * T], dValues = new float[values.Length];
        Read(batch, page, answers, hidden, values, all: false);
        var share = (double)lengths.Sum() / batch.Count; // a page's mean becomes its share of the step's
        var loss = share * Ppo.Value(
            dValues, values, batch.Take(old, answers), batch.Take(wanted, answers), lengths, T, _plan.Clip);
        for (var n = 0; n < answers.Count; n++)
        {
            var from = batch.Place(page, n, answers[n]).Start.Value;
            for (var t = 0; t < lengths[n]; t++)
            {
                var d = (float)(share * dValues[(n * T) + t]);
                for (var c = 0; c < C; c++)
                {
                    dHidden[((from + t) * C) + c] = d * _tuner.Head.Span[c];
                    _tuner.HeadGradient.Span[c] += d * hidden[((from + t) * C) + c];
                }
            }
        }

        return loss;
    }

    // Values of the answers on a page, into rows of their own or of all answers.
    private void Read(
        AnswerBatch batch, ExamplePage page, IReadOnlyList<int> answers, ReadOnlySpan<float> hidden,
        Span<float> values, bool all)
    {
        var C = _tuner.Head.Length;
        for (var n = 0; n < answers.Count; n++)
        {
            var from = batch.Place(page, n, answers[n]).Start.Value;
            for (var t = 0; t < batch.Lengths[answers[n]]; t++)
                values[((all ? answers[n] : n) * batch.T) + t] =
                    Pairs.Reward.Score(_tuner.Head.Span, hidden.Slice((from + t) * C, C));
        }
    }

    public void Dispose()
    {
        _tuner.Dispose();
        _transformer.Dispose();
    }
}
