using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// Self-improvement where a program knows what is right: in every round answer new problems, several times each, keep
/// different answers that are right, learn from them, and go on with the better model. What it can reach is not bounded
/// by the answers it once imitated. Anthony et al. 2017, "Expert Iteration", arXiv:1705.08439; Singh et al. 2023,
/// arXiv:2312.06585.
/// </summary>
/// <remarks>
/// A round is one step of the run and a function of weights, seed and number: its problems are drawn anew, so nothing
/// of earlier rounds has to be kept but the weights.
/// </remarks>
public sealed class Improve : ITuning
{
    // Of one problem: more would only repeat what the easy ones teach.
    private const int MostKept = 2;

    private readonly PolicyPlan _policy;
    private readonly PolicyGoal _goal;
    private readonly Transformer _transformer;
    private readonly Rollouts _rollouts;
    private readonly PolicyTest _test;
    private readonly PackedBatches.Page _page;
    private readonly HashSet<int> _end;

    /// <param name="start">The weights to begin with; owned from now on.</param>
    /// <param name="goal">Of a task; its reward and judge are what is right.</param>
    public Improve(TuningPlan plan, Parameters start, PolicyGoal goal, WorkerPool pool)
    {
        (Plan, _policy, _goal) = (plan, plan.Policy!, goal);
        Tuner = new Tuner(plan, start, pool);
        var rows = Math.Max(1, BatchTokens / plan.Context);
        _transformer = new Transformer(start.Map, pool, rows * plan.Context, train: true);
        _page = new PackedBatches.Page(rows, plan.Context);
        _rollouts = new Rollouts(Tuner.Weights, goal.Book.Tokenizer, pool);
        _test = new PolicyTest(goal, _rollouts, _policy);
        _end = [goal.Book.EndOfTurn];
    }

    // Places of an update: small, so that some thousand short answers make updates enough.
    private const int BatchTokens = 4096;

    public TuningPlan Plan { get; }

    public Tuner Tuner { get; }

    /// <summary>Rounds done.</summary>
    public int Step { get; set; }

    private VerifiableTask Task => _goal.Book.Task!;

    public TuningStep Advance()
    {
        var problems = _goal.Book.Draw(Step, Plan.Rows);
        var answers = _rollouts.Sample(
            [.. problems.Select(_goal.Book.Prompt)],
            new RolloutOrder(_policy.Group, _policy.MaxTokens, RolloutOrder.Policy,
                Shuffle.Key(Plan.Seed, stream: 13, (ulong)Step)), _end);
        var right = AnswerScore.Right(Task);
        var (kept, solved, hits) = (new List<Example>(), 0, 0);
        for (var p = 0; p < problems.Count; p++)
        {
            Rollout[] good = [.. answers.AsSpan(p * _policy.Group, _policy.Group).ToArray()
                .Where(answer => right.Score(problems[p], answer) == 1)];
            (hits, solved) = (hits + good.Length, solved + (good.Length > 0 ? 1 : 0));
            kept.AddRange(good.DistinctBy(answer => answer.Text.Trim()).Take(MostKept)
                .Select(answer => answer.Example));
        }

        var (loss, norm, tokens) = kept.Count == 0 ? (0.0, 0.0, 0) : Learn(kept);
        Step++;
        return new TuningStep(loss, norm, tokens)
        {
            Watched =
            [
                ("right answers: sampled", (double)hits / answers.Length),
                ("problems solved", (double)solved / problems.Count),
                ("answers kept", kept.Count),
                ("length", answers.Average(answer => (double)answer.Ids.Length)),
                ("repetition", answers.Average(answer => answer.Repetition)),
            ],
        };
    }

    // Supervised, on the answers alone, in a new random order each round.
    private (double Loss, double Norm, int Tokens) Learn(List<Example> kept)
    {
        var batches = new PackedBatches(
            kept, _page.Batch.B, Plan.Context, Shuffle.Key(Plan.Seed, stream: 14, (ulong)Step),
            Math.Max(0, _goal.Book.Tokenizer.EndOfText));
        var (loss, norm) = (0.0, 0.0);
        for (var update = 0; update < _policy.Updates; update++)
        {
            Tuner.ClearGradients();
            var counted = _page.Fill(batches, update);
            loss += _transformer.ForwardBackward(Tuner.Weights, Tuner.Gradients, _page.Batch, 1f / counted)
                / counted / _policy.Updates;
            norm = Tuner.Step(Step, update);
        }

        return (loss, norm, _policy.Updates * _page.Batch.Rows);
    }

    public IEnumerable<LogRecord> Look(CancellationToken cancel) => _test.Look(Step, cancel);

    public (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel) => (
        new TextCount((long)Plan.Steps * Plan.Rows, 0, 0), new TextCount(_goal.Book.HeldOut.Count, 0, 0),
        _test.Facts(cancel));

    public void Dispose()
    {
        Tuner.Dispose();
        _transformer.Dispose();
    }
}
