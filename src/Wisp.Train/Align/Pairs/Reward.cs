using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Losses;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// A reward model: the score of an answer is w·x, x being the normed last residual stream at the token that ends the
/// answer. It learns from pairs by the loss of Bradley and Terry, which only sees differences, so there is no bias.
/// Ouyang et al. 2022, arXiv:2203.02155, section 3.5, step 2.
/// </summary>
public sealed class Reward : ITuning
{
    private readonly PairText _text;
    private readonly PairBatches _train, _heldOut;
    private readonly Transformer _transformer;
    private readonly float[] _hidden;

    /// <param name="start">The weights to begin with; owned from now on.</param>
    public Reward(TuningPlan plan, Parameters start, PairText text, WorkerPool pool)
    {
        (Plan, _text) = (plan, text);
        var config = start.Map.Config;
        Tuner = new Tuner(plan, start, pool, config.Width);
        _train = new PairBatches(text.Train, plan.Rows, plan.Context, plan.Seed);
        _heldOut = new PairBatches(text.HeldOut, plan.Rows, plan.Context, seed: 0);
        var rows = ExamplePage.RowsOf(plan.Context) * plan.Context;
        _transformer = new Transformer(start.Map, pool, rows, train: true);
        _hidden = new float[rows * config.Width];
    }

    public TuningPlan Plan { get; }

    public Tuner Tuner { get; }

    public int Step { get; set; }

    public TuningStep Advance()
    {
        Tuner.ClearGradients();
        var (loss, tokens) = (0.0, 0);
        foreach (var (page, pairs) in _train.Step(Step))
        {
            // A page's mean becomes its share of the step's.
            var share = (double)pairs.Count / _train.PairsPerStep;
            _transformer.ForwardBackwardHead(Tuner.Weights, Tuner.Gradients, page.Batch,
                (hidden, dHidden) => loss += share * Head(page, hidden, dHidden, share));
            tokens += page.Batch.Rows;
        }

        var norm = Tuner.Step(Step);
        Step++;
        return new TuningStep(loss, norm, tokens);
    }

    private double Head(ExamplePage page, ReadOnlySpan<float> hidden, Span<float> dHidden, double share)
    {
        var C = Tuner.Head.Length;
        var pairs = page.Count / 2;
        float[] chosen = new float[pairs], rejected = new float[pairs], losses = new float[pairs],
            dChosen = new float[pairs], dRejected = new float[pairs];
        Scores(page, hidden, chosen, rejected);
        var loss = BradleyTerry.Loss(losses, dChosen, dRejected, chosen, rejected);
        for (var n = 0; n < pairs; n++)
        {
            Back(page[2 * n], (float)(share * dChosen[n]), hidden, dHidden);
            Back(page[(2 * n) + 1], (float)(share * dRejected[n]), hidden, dHidden);
        }

        return loss;

        void Back(Range place, float d, ReadOnlySpan<float> hidden, Span<float> dHidden)
        {
            var from = (place.End.Value - 1) * C;
            for (var c = 0; c < C; c++)
            {
                dHidden[from + c] = d * Tuner.Head.Span[c];
                Tuner.HeadGradient.Span[c] += d * hidden[from + c];
            }
        }
    }

    private void Scores(ExamplePage page, ReadOnlySpan<float> hidden, Span<float> chosen, Span<float> rejected)
    {
        var C = Tuner.Head.Length;
        for (var n = 0; n < chosen.Length; n++)
        {
            chosen[n] = Score(Tuner.Head.Span, hidden.Slice((page[2 * n].End.Value - 1) * C, C));
            rejected[n] = Score(Tuner.Head.Span, hidden.Slice((page[(2 * n) + 1].End.Value - 1) * C, C));
        }
    }

    internal static float Score(ReadOnlySpan<float> head, ReadOnlySpan<float> hidden)
    {
        var sum = 0.0;
        for (var c = 0; c < head.Length; c++)
            sum += (double)head[c] * hidden[c];
        return (float)sum;
    }

    /// <summary>Figures over the pairs that were held out.</summary>
    public PairFigures Evaluate(CancellationToken cancel = default)
    {
        var margins = new float[_text.HeldOut.Count];
        foreach (var (page, pairs) in _heldOut.All())
        {
            cancel.ThrowIfCancellationRequested();
            var hidden = _hidden.AsSpan(0, page.Batch.Rows * Tuner.Head.Length);
            _transformer.Hidden(Tuner.Weights, page.Batch, hidden);
            float[] chosen = new float[pairs.Count], rejected = new float[pairs.Count];
            Scores(page, hidden, chosen, rejected);
            for (var n = 0; n < pairs.Count; n++)
                margins[pairs[n]] = chosen[n] - rejected[n];
        }

        return PairFigures.Of(margins);
    }

    public IEnumerable<LogRecord> Look(CancellationToken cancel)
    {
        var figures = Evaluate(cancel);
        return
        [
            new FigureRecord(Step, "held-out accuracy", figures.Accuracy.Share),
            new FigureRecord(Step, "held-out loss", figures.Loss),
        ];
    }

    public void Describe(GgufWriter writer) => writer.AddFloats(RewardModel.HeadKey, Tuner.Head.Span.ToArray());

    public (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel)
    {
        var figures = Evaluate(cancel);
        return (_text.CountOf(_text.Train), _text.CountOf(_text.HeldOut),
            [
                .. _text.Facts,
                new("held-out accuracy", figures.Accuracy.ToString()),
                new("held-out loss", $"{figures.Loss:0.0000} nats, {Math.Log(2):0.0000} for one who guesses"),
                new("calibration error", $"{figures.CalibrationError:p1}"),
            ]);
    }

    public void Dispose()
    {
        Tuner.Dispose();
        _transformer.Dispose();
    }
}
