using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Losses;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// Direct preference optimisation: the policy itself learns from pairs, held near a reference whose log-probabilities
/// are computed once, before the first step, and kept in the checkpoint. Rafailov et al. 2023, arXiv:2305.18290.
/// </summary>
public sealed class Dpo : ITuning
{
    private readonly PairText _text;
    private readonly Parameters? _otherReference;
    private readonly PairBatches _train, _heldOut;
    private readonly Transformer _transformer;
    private readonly FloatBuffer _reference; // chosen and rejected of each pair, those to train on first

    /// <param name="start">The weights to begin with; owned from now on.</param>
    /// <param name="reference">What the policy is held near; null means the weights it begins with.</param>
    public Dpo(TuningPlan plan, Parameters start, PairText text, WorkerPool pool, Parameters? reference = null)
    {
        (Plan, _text, _otherReference) = (plan, text, reference);
        Tuner = new Tuner(plan, start, pool);
        _train = new PairBatches(text.Train, plan.Rows, plan.Context, plan.Seed);
        _heldOut = new PairBatches(text.HeldOut, plan.Rows, plan.Context, seed: 0);
        _transformer = new Transformer(
            start.Map, pool, ExamplePage.RowsOf(plan.Context) * plan.Context, train: true);
        _reference = new FloatBuffer(2 * (text.Train.Count + text.HeldOut.Count));
    }

    public TuningPlan Plan { get; }

    public Tuner Tuner { get; }

    public int Step { get; set; }

    public IEnumerable<(string Name, FloatBuffer Values)> State => [("reference", _reference)];

    public void Begin()
    {
        if (_otherReference is null)
        {
            Score(_transformer, Tuner.Weights);
            return;
        }

        using var transformer = new Transformer(
            _otherReference.Map, Tuner.Pool, ExamplePage.RowsOf(Plan.Context) * Plan.Context, train: false);
        Score(transformer, _otherReference);
    }

    // ln π₀ of every answer.
    private void Score(Transformer transformer, Parameters weights)
    {
        foreach (var (batches, offset) in ((PairBatches, int)[])[(_train, 0), (_heldOut, _text.Train.Count)])
            foreach (var (page, pairs) in batches.All())
            {
                var losses = new float[page.Batch.Rows];
                transformer.Losses(weights, page.Batch, losses);
                for (var n = 0; n < pairs.Count; n++)
                {
                    _reference.Span[2 * (offset + pairs[n])] = (float)LogOf(losses, page[2 * n]);
                    _reference.Span[(2 * (offset + pairs[n])) + 1] = (float)LogOf(losses, page[(2 * n) + 1]);
                }
            }
    }

    public TuningStep Advance()
    {
        Tuner.ClearGradients();
        var (loss, tokens) = (0.0, 0);
        foreach (var (page, pairs) in _train.Step(Step))
        {
            var share = (double)pairs.Count / _train.PairsPerStep; // a page's mean becomes its share of the step's
            _transformer.ForwardBackward(Tuner.Weights, Tuner.Gradients, page.Batch, (losses, counts) =>
            {
                float[] h = new float[pairs.Count], own = new float[pairs.Count], dh = new float[pairs.Count];
                Margins(h, losses, page, pairs, offset: 0);
                loss += share * (Plan.Loss == PairLoss.Ipo ? DirectPreference.Ipo(own, dh, h, Plan.Beta)
                    : DirectPreference.Dpo(own, dh, h, Plan.Beta));
                for (var n = 0; n < pairs.Count; n++)
                {
                    // ∂h/∂nll is −1 for every token of the chosen answer and 1 for the rejected one's.
                    counts[page[2 * n]].Fill((float)(-share * dh[n]));
                    counts[page[(2 * n) + 1]].Fill((float)(share * dh[n]));
                }
            });
            tokens += page.Batch.Rows;
        }

        var norm = Tuner.Step(Step);
        Step++;
        return new TuningStep(loss, norm, tokens);
    }

    private void Margins(
        Span<float> h, ReadOnlySpan<float> losses, ExamplePage page, IReadOnlyList<int> pairs, int offset)
    {
        for (var n = 0; n < pairs.Count; n++)
        {
            var reference = _reference.Slice(2 * (offset + pairs[n]), 2);
            h[n] = (float)(LogOf(losses, page[2 * n]) - reference[0]
                - (LogOf(losses, page[(2 * n) + 1]) - reference[1]));
        }
    }

    private static double LogOf(ReadOnlySpan<float> losses, Range place)
    {
        var sum = 0.0;
        foreach (var loss in losses[place])
            sum -= loss;
        return sum;
    }

    /// <summary>
    /// Figures over the held-out pairs; a margin is β·h, the difference of the rewards that the policy implies.
    /// </summary>
    public PairFigures Evaluate(CancellationToken cancel = default)
    {
        var margins = new float[_text.HeldOut.Count];
        foreach (var (page, pairs) in _heldOut.All())
        {
            cancel.ThrowIfCancellationRequested();
            float[] losses = new float[page.Batch.Rows], h = new float[pairs.Count];
            _transformer.Losses(Tuner.Weights, page.Batch, losses);
            Margins(h, losses, page, pairs, _text.Train.Count);
            for (var n = 0; n < pairs.Count; n++)
                margins[pairs[n]] = (float)(Plan.Beta * h[n]);
        }

        return PairFigures.Of(margins);
    }

    public IEnumerable<LogRecord> Look(CancellationToken cancel)
    {
        var figures = Evaluate(cancel);
        return
        [
            new FigureRecord(Step, "held-out accuracy", figures.Accuracy.Share),
            new FigureRecord(Step, "held-out margin", figures.MeanMargin),
        ];
    }

    public (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel)
    {
        var figures = Evaluate(cancel);
        return (_text.CountOf(_text.Train), _text.CountOf(_text.HeldOut),
            [
                .. _text.Facts,
                new("held-out accuracy", figures.Accuracy.ToString()),
                new("held-out margin", $"{figures.MeanMargin:0.0000} (beta times h)"),
            ]);
    }

    public void Dispose()
    {
        Tuner.Dispose();
        _transformer.Dispose();
        _reference.Dispose();
    }
}
