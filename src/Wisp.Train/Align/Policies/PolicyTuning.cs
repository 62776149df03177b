using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Losses;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// Learning from one's own answers: every step draws prompts, lets the engine answer them with the weights as they are,
/// scores the answers and moves the policy towards the better ones, held near a reference. GRPO compares the answers to
/// one prompt with each other; PPO compares them with what a critic expected.
/// </summary>
/// <remarks>
/// A step is a function of the weights, the seed and its number, and the engine's answers do not depend on threads or
/// neighbours, so a killed run goes on with the same bits.
/// </remarks>
public sealed class PolicyTuning : ITuning
{
    private readonly PolicyPlan _policy;
    private readonly PolicyGoal _goal;
    private readonly Parameters? _otherReference;
    private readonly Parameters _reference;
    private readonly Transformer _transformer;
    private readonly Rollouts _rollouts;
    private readonly ExamplePage _page;
    private readonly Critic? _critic;
    private readonly HackingMeter _meter;
    private readonly HashSet<int> _end;
    private long _read;

    /// <param name="start">The weights to begin with; owned from now on.</param>
    /// <param name="reference">What the policy is held near; null means the weights it begins with.</param>
    public PolicyTuning(
        TuningPlan plan, Parameters start, PolicyGoal goal, WorkerPool pool, Parameters? reference = null)
    {
        (Plan, _policy, _goal, _otherReference) = (plan, plan.Policy!, goal, reference);
        Tuner = new Tuner(plan, start, pool);
        _reference = new Parameters(start.Map);
        _transformer = new Transformer(
            start.Map, pool, ExamplePage.RowsOf(plan.Context) * plan.Context, train: true);
        _rollouts = new Rollouts(Tuner.Weights, goal.Book.Tokenizer, pool);
        _page = ExamplePage.Of(plan.Context);
        if (plan.Stage == TuningStage.Ppo)
            _critic = new Critic(plan, new Parameters(start.Map), pool);
        _meter = new HackingMeter(plan.Steps, _policy.MeterWindow);
        _end = [goal.Book.EndOfTurn];
    }

    public TuningPlan Plan { get; }

    public Tuner Tuner { get; }

    public int Step { get; set; }

    public IEnumerable<(string Name, FloatBuffer Values)> State =>
        [("reference", _reference.Buffer), ("meter", _meter.State), .. _critic?.State ?? []];

    public string? Halt => _meter.Parted(Step) is { } parted
        ? $"{parted}: reward '{_goal.Reward.Name}' and judge '{_goal.Judge.Name}' have parted, so what is learned " +
            "from here on is how to please the reward. Mend the reward, raise --beta, or leave the meter off by " +
            "--meter 0."
        : null;

    public void Begin()
    {
        (_otherReference ?? Tuner.Weights).Values.CopyTo(_reference.Values);
        if (_critic is not null)
            Tuner.Weights.Values.CopyTo(_critic.Weights.Values);
    }

    public TuningStep Advance()
    {
        var problems = _goal.Book.Draw(Step, Plan.Rows);
        var answers = Answer(problems);
        var rewards = Scores(_goal.Reward, problems, answers);
        var judged = Scores(_goal.Judge, problems, answers);
        _meter.Add(Step, rewards.Average(), judged.Average());

        var batch = new AnswerBatch(answers, _policy.MaxTokens, _page);
        batch.Score(_transformer, Tuner.Weights, batch.Old);
        batch.Score(_transformer, _reference, batch.Reference);
        _read = 0;
        var (loss, norm, criticLoss) = (0.0, 0.0, 0.0);
        var figures = Watch(answers, batch, rewards, judged);
        if (_critic is null)
        {
            var advantages = new float[answers.Length];
            Advantage.Grouped(advantages, rewards, _policy.Group);
            for (var update = 0; update < _policy.Updates; update++)
                (loss, norm) = Update(batch, update, Grpo(batch, advantages));
        }
        else
        {
            float[] values = batch.Rows(), paid = batch.Rows(), advantages = batch.Rows(), returns = batch.Rows();
            _critic.Values(batch, values);
            Advantage.Rewards(paid, batch.Old, batch.Reference, rewards, batch.Lengths, batch.T, Plan.Beta);
            Advantage.Gae(
                advantages, returns, paid, values, batch.Lengths, batch.T, _policy.Gamma, _policy.Lambda);
            Advantage.Whiten(advantages, batch.Lengths, batch.T);
            for (var update = 0; update < _policy.Updates; update++)
            {
                (loss, norm) = Update(batch, update, Ppo(batch, advantages));
                criticLoss = _critic.Update(batch, values, returns, Step, update);
            }

            figures.Add(("critic loss", criticLoss));
        }

        Step++;
        return new TuningStep(loss, norm, (int)Math.Min(int.MaxValue, _read)) { Watched = figures };
    }

    private Rollout[] Answer(IReadOnlyList<Tasks.Problem> problems) => _rollouts.Sample(
        [.. problems.Select(_goal.Book.Prompt)],
        new RolloutOrder(_policy.Group, _policy.MaxTokens, RolloutOrder.Policy,
            Shuffle.Key(Plan.Seed, stream: 13, (ulong)Step)), _end);

    private float[] Scores(AnswerScore score, IReadOnlyList<Tasks.Problem> problems, Rollout[] answers) =>
        [.. answers.Select((answer, i) => (float)score.Score(problems[i / _policy.Group], answer))];

    // Loss of some answers and its gradient by the ln π of their tokens, as a share of the whole batch's.
    private delegate double AnswerLoss(
        Span<float> dLogs, ReadOnlySpan<float> logs, IReadOnlyList<int> answers, int[] lengths);

    private AnswerLoss Grpo(AnswerBatch batch, float[] advantages) => (dLogs, logs, answers, lengths) =>
    {
        // A page's mean over answers, tokens or places becomes its share of the batch's.
        var share = _policy.Aggregation == Aggregation.PerToken
            ? (double)lengths.Sum() / batch.Count : (double)answers.Count / batch.Lengths.Length;
        var (loss, _) = Losses.Grpo.Loss(
            dLogs, logs, batch.Take(batch.Old, answers), batch.Take(batch.Reference, answers),
            [.. answers.Select(answer => advantages[answer])], lengths, batch.T, _policy.Clip, Plan.Beta,
            _policy.Aggregation);
        return Scale(dLogs, share) * loss;
    };

    private AnswerLoss Ppo(AnswerBatch batch, float[] advantages) => (dLogs, logs, answers, lengths) =>
    {
        var loss = Losses.Ppo.Policy(
            dLogs, logs, batch.Take(batch.Old, answers), batch.Take(advantages, answers), lengths, batch.T,
            _policy.Clip);
        return Scale(dLogs, (double)lengths.Sum() / batch.Count) * loss;
    };

    private static double Scale(Span<float> dLogs, double share)
    {
        foreach (ref var d in dLogs)
            d = (float)(share * d);
        return share;
    }

    private (double Loss, double Norm) Update(AnswerBatch batch, int update, AnswerLoss lossOf)
    {
        Tuner.ClearGradients();
        var loss = 0.0;
        foreach (var (page, answers) in batch.Pages())
        {
            _transformer.ForwardBackward(Tuner.Weights, Tuner.Gradients, page.Batch, (losses, counts) =>
            {
                int[] lengths = [.. answers.Select(answer => batch.Lengths[answer])];
                float[] logs = new float[answers.Count * batch.T], dLogs = new float[logs.Length];
                for (var n = 0; n < answers.Count; n++)
                    AnswerBatch.Negated(losses[batch.Place(page, n, answers[n])], logs.AsSpan(n * batch.T));
                loss += lossOf(dLogs, logs, answers, lengths);
                for (var n = 0; n < answers.Count; n++)
                    AnswerBatch.Negated(
                        dLogs.AsSpan(n * batch.T, lengths[n]), counts[batch.Place(page, n, answers[n])]);
            });
            _read += page.Batch.Rows;
        }

        return (loss, Tuner.Step(Step, update));
    }

    private List<(string Name, double Value)> Watch(
        Rollout[] answers, AnswerBatch batch, float[] rewards, float[] judged)
    {
        double divergence = 0, entropy = 0, gap = 0;
        for (var n = 0; n < answers.Length; n++)
            for (var i = n * batch.T; i < (n * batch.T) + batch.Lengths[n]; i++)
            {
                var behind = (double)batch.Reference[i] - batch.Old[i];
                divergence += Math.Exp(behind) - behind - 1;
                entropy -= batch.Old[i]; // answers are draws of π, so −ln π is on average its entropy
                gap = Math.Max(gap, Math.Abs((double)batch.Old[i] - batch.Engine[i]));
            }

        var useful = rewards.Chunk(_policy.Group).Count(group => group.Any(reward => reward != group[0]));
        return
        [
            ("reward", rewards.Average()),
            ("judge", judged.Average()),
            ("divergence", divergence / batch.Count),
            ("entropy", entropy / batch.Count),
            ("length", (double)batch.Count / answers.Length),
            ("repetition", answers.Average(answer => answer.Repetition)),
            ("ended", answers.Average(answer => answer.Ended ? 1.0 : 0)),
            ("groups that teach", (double)useful / Plan.Rows),
            ("engine gap", gap),
        ];
    }

    public IEnumerable<LogRecord> Look(CancellationToken cancel) =>
        new PolicyTest(_goal, _rollouts, _policy).Look(Step, cancel);

    public (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel)
    {
        var facts = new PolicyTest(_goal, _rollouts, _policy).Facts(cancel);
        return (
            new TextCount((long)Plan.Steps * Plan.Rows, 0, 0), new TextCount(_goal.Book.HeldOut.Count, 0, 0), facts);
    }

    public void Dispose()
    {
        Tuner.Dispose();
        _reference.Dispose();
        _transformer.Dispose();
        _critic?.Dispose();
        _meter.Dispose();
    }
}
