using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Report;

namespace Wisp.Train.Align;

/// <summary>
/// Supervised fine-tuning: next-token loss on what the assistant wrote, and on nothing else. The loss of a step is the
/// mean over all its counted tokens, so a long answer weighs what it has, not what its row has.
/// Ouyang et al. 2022, arXiv:2203.02155, section 3.5, step 1.
/// </summary>
public sealed class Sft : ITuning
{
    // Tokens of a sample: longer than the answers of a small assistant, so that a missing end shows.
    private const int SampleTokens = 96;

    // Held-out requests that the finished model answers: all of them right bounds the true share at 98 %.
    private const int CheckedAnswers = 200;

    // Places that a look within the run reads: enough for two digits of the loss. The last figure reads all.
    private const int LookTokens = 50_000;

    private readonly SftText _text;
    private readonly WorkerPool _pool;
    private readonly PackedBatches _train, _heldOut;
    private readonly PackedBatches.Page _page;
    private readonly Transformer _transformer;

    /// <param name="start">The weights to begin with; owned from now on.</param>
    public Sft(TuningPlan plan, Parameters start, SftText text, WorkerPool pool)
    {
        (Plan, _text, _pool) = (plan, text, pool);
        Tuner = new Tuner(plan, start, pool);
        _train = Pack(text.Train, plan.Seed);
        _heldOut = Pack(text.HeldOut, seed: 0);
        _page = new PackedBatches.Page(plan.Rows, plan.Context);
        _transformer = new Transformer(start.Map, pool, plan.Rows * plan.Context, train: true);
    }

    public TuningPlan Plan { get; }

    public Tuner Tuner { get; }

    public int Step { get; set; }

    public TuningStep Advance()
    {
        Tuner.ClearGradients();
        var counted = _page.Fill(_train, Step);
        var loss = _transformer.ForwardBackward(Tuner.Weights, Tuner.Gradients, _page.Batch, 1f / counted);
        var norm = Tuner.Step(Step);
        Step++;
        return new TuningStep(loss / counted, norm, Plan.Rows * Plan.Context);
    }

    /// <summary>Steps of so many passes over the data.</summary>
    public static long StepsOf(TuningPlan plan, SftText text, double epochs)
    {
        var batches = new PackedBatches(text.Train, plan.Rows, plan.Context, plan.Seed, padding: 0);
        var whole = (int)epochs;
        return (long)Math.Round(batches.StepsOf(whole)
            + ((epochs - whole) * (batches.StepsOf(whole + 1) - batches.StepsOf(whole))));
    }

    /// <summary>Loss on the assistant's words of held-out conversations, in nats a token and bits a byte.</summary>
    /// <param name="maxTokens">Whole batches are read until there are so many places.</param>
    public (double LossNats, double BitsPerByte) Evaluate(
        long maxTokens = long.MaxValue, CancellationToken cancel = default)
    {
        var (nats, tokens, bytes) = (0.0, 0L, 0L);
        for (var i = 0L; i < _heldOut.StepsOf(1) && i * Plan.Rows * Plan.Context < maxTokens; i++)
        {
            cancel.ThrowIfCancellationRequested();
            tokens += _page.Fill(_heldOut, i);
            nats += _transformer.Loss(Tuner.Weights, _page.Batch);
            foreach (var target in _page.Batch.Targets)
                bytes += target < 0 ? 0 : _text.Tokenizer.BytesOf(target).Length;
        }

        return (nats / tokens, nats / Math.Log(2) / bytes);
    }

    public IEnumerable<LogRecord> Look(CancellationToken cancel)
    {
        var (nats, bitsPerByte) = Evaluate(LookTokens, cancel);
        yield return new EvalRecord(Step, nats, bitsPerByte);
        using var session = new Session(DecoderWeights.Of(Tuner.Weights), _pool);
        foreach (var (prompt, shown) in _text.Prompts)
        {
            session.Clear();
            var sampler = new Sampler(Sampling.Greedy, seed: 1, _text.Tokenizer.VocabularySize);
            var count = Math.Min(SampleTokens, session.Context - prompt.Length);
            int[] ids = count <= 0 ? [] : [.. Generation.Tokens(
                session, sampler, prompt, count, _text.Tokenizer.EndOfGeneration)];
            var end = ids.Length < count ? "" : " ...";
            yield return new SampleRecord(Step, shown + "\n", _text.Tokenizer.DecodeText(ids) + end);
        }
    }

    public (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel)
    {
        var (nats, _) = Evaluate(cancel: cancel);
        var asked = _text.HeldOutConversations.Take(CheckedAnswers).ToList();
        var places = _train.StepsOf(1) * Plan.Rows * Plan.Context;
        return (
            new TextCount(_text.Train.Count, _text.TrainBytes, _text.Train.Sum(e => (long)e.Tokens.Length)),
            new TextCount(_text.HeldOut.Count, _text.HeldOutBytes, _text.HeldOut.Sum(e => (long)e.Tokens.Length)),
            [
                new("learned from", $"{Human.Count(_text.Train.Sum(e => (long)e.Counted))} tokens of the assistant " +
                    $"in {Human.Count(_text.Train.Count)} conversations"),
                new("packing", $"{(double)_text.Train.Sum(e => (long)e.Tokens.Length) / places:p1} of the places"),
                new("left out", $"{_text.Cut} cut to the context, {_text.Empty} without anything to learn, " +
                    $"{_text.Repeated} repeated"),
                new("final loss", $"{nats:0.0000} nats a token of the assistant"),
                .. AnswerCheck.Measure(written, _text.Tokenizer, asked, Sampling.Greedy, _pool, cancel)
                    .Facts("best token"),
                .. AnswerCheck.Measure(written, _text.Tokenizer, asked, new Sampling(), _pool, cancel)
                    .Facts("sampled"),
            ]);
    }

    private PackedBatches Pack(IReadOnlyList<Example> examples, ulong seed) =>
        new(examples, Plan.Rows, Plan.Context, seed, Math.Max(0, _text.Tokenizer.EndOfText));

    public void Dispose()
    {
        Tuner.Dispose();
        _transformer.Dispose();
    }
}
