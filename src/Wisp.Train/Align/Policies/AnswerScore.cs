using Wisp.Model;
using Wisp.Train.Align.Pairs;
using Wisp.Train.Align.Tasks;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// Says how good an answer is: what a policy learns from, or the judge that watches over it. Any function will do;
/// these are the ones that commands know by name.
/// </summary>
/// <param name="Name">As people call it.</param>
/// <param name="Score">Higher is better; the same answer always has the same score.</param>
public sealed record AnswerScore(string Name, Func<Problem, Rollout, double> Score)
{
    // Of a reward model: e⁻¹ of the odds that a person would prefer the answer.
    private const double MissingEnd = 1;

    // Form alone is worth so much: enough that a policy which is never right has something to learn.
    private const double FormOnly = 0.1;

    /// <summary>Names that need nothing else.</summary>
    public static IReadOnlyList<string> Names { get; } = ["format", "repetition", "length"];

    /// <summary>1 where the answer is right and has ended, else 0.</summary>
    public static AnswerScore Right(VerifiableTask task) => new("right", (problem, answer) =>
        answer.Ended && task.Judge(problem, answer.Text) == Verdict.Right ? 1 : 0);

    /// <summary>1 for a right answer, 0.1 for a wrong one of the right form, else 0.</summary>
    public static AnswerScore Shaped(VerifiableTask task) => new("shaped", (problem, answer) => !answer.Ended ? 0
        : task.Judge(problem, answer.Text) switch { Verdict.Right => 1, Verdict.Wrong => FormOnly, _ => 0 });

    /// <summary>
    /// 1 for an answer that says something, ends by itself, holds no stray control token and does not go round in
    /// circles; else 0.
    /// </summary>
    public static AnswerScore Format(Tokenizer tokenizer) => new("format", (_, answer) =>
        answer.Ended && answer.Repetition < 0.5 && !string.IsNullOrWhiteSpace(answer.Text)
        && AnswerCheck.Stray(answer.Ids.AsSpan(0, answer.Ids.Length - 1), tokenizer) is null ? 1 : 0);

    /// <summary>Pays for repetition. It is there to see a meter stop it.</summary>
    public static AnswerScore Repetition { get; } = new("repetition", (_, answer) => answer.Repetition);

    /// <summary>Pays for every token, another thing that nobody should want.</summary>
    public static AnswerScore Length { get; } = new("length", (_, answer) => answer.Ids.Length / 100.0);

    /// <summary>The score of a reward model, less 1 for an answer that was cut off.</summary>
    public static AnswerScore Of(string name, RewardModel model) => new(name, (problem, answer) =>
        model.Score(problem.Answered(answer.Text.Length == 0 ? " " : answer.Text)) - (answer.Ended ? 0 : MissingEnd));
}
