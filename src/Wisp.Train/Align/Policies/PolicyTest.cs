using Wisp.Run;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Policies;

/// <summary>How a policy answers what it never learned from, with its likeliest tokens.</summary>
internal sealed class PolicyTest(PolicyGoal goal, Rollouts rollouts, PolicyPlan plan)
{
    /// <summary>The figure that tells how many held-out problems of a task were answered right.</summary>
    public const string RightHeldOut = "right answers: held out";

    /// <summary>How often the data was right from which the model had learned before.</summary>
    public const string RightOfData = "right answers: data it began with";

    private const int Samples = 4;

    private IReadOnlyList<Problem> HeldOut => goal.Book.HeldOut;

    public IEnumerable<LogRecord> Look(int step, CancellationToken cancel)
    {
        var answers = Answers(cancel);
        if (goal.Book.Task is { } task)
            yield return new FigureRecord(step, RightHeldOut, Right(task, answers).Share);
        if (plan.Data is { } data)
            yield return new FigureRecord(step, RightOfData, data.Share);
        yield return new FigureRecord(step, "held-out reward", Mean(goal.Reward, answers));
        yield return new FigureRecord(step, "held-out judge", Mean(goal.Judge, answers));
        for (var i = 0; i < Math.Min(Samples, answers.Length); i++)
            yield return new SampleRecord(
                step, HeldOut[i].Shown + "\n", answers[i].Text + (answers[i].Ended ? "" : " ..."));
    }

    public IReadOnlyList<Setting> Facts(CancellationToken cancel)
    {
        var answers = Answers(cancel);
        List<Setting> facts =
        [
            new("held-out reward", $"{Mean(goal.Reward, answers):0.0000} ({goal.Reward.Name})"),
            new("held-out judge", $"{Mean(goal.Judge, answers):0.0000} ({goal.Judge.Name})"),
            new("answers that end", $"{new Proportion(answers.Count(a => a.Ended), answers.Length)}"),
        ];
        if (goal.Book.Task is not { } task)
            return facts;
        var now = Right(task, answers);
        facts.Insert(0, new Setting("right answers", $"{now}"));
        if (plan.Data is { } data)
            facts.Insert(1, new Setting("data it began with", $"right in {data}; " + (
                now.Interval.Low > data.Interval.High ? "passed, and the intervals do not touch"
                : now.Share > data.Share ? "passed, within chance" : "not passed")));
        return facts;
    }

    private Rollout[] Answers(CancellationToken cancel) => rollouts.Sample(
        [.. HeldOut.Select(goal.Book.Prompt)], new RolloutOrder(1, plan.MaxTokens, Sampling.Greedy, Seed: 0),
        new HashSet<int> { goal.Book.EndOfTurn }, cancel);

    private Proportion Right(VerifiableTask task, Rollout[] answers) => new(
        answers.Where((answer, i) => AnswerScore.Right(task).Score(HeldOut[i], answer) == 1).Count(), answers.Length);

    private double Mean(AnswerScore score, Rollout[] answers) =>
        answers.Select((answer, i) => score.Score(HeldOut[i], answer)).Average();
}
