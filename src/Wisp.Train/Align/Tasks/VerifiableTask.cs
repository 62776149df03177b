using System.Security.Cryptography;
using System.Text;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Tasks;

/// <summary>What a program finds an answer to be.</summary>
public enum Verdict
{
    /// <summary>Not of the form that was asked for.</summary>
    Malformed,

    /// <summary>Of the right form, and not right.</summary>
    Wrong,

    Right,
}

/// <summary>
/// Problems without end whose answers a program judges. A fifth of all problems there are is held out by a hash of what
/// the problem is, so none is on both sides, whatever seed, wording or count anyone draws with.
/// </summary>
/// <param name="name">As commands call it.</param>
/// <param name="draw">A problem of a seed.</param>
/// <param name="wrong">A wrong answer of the right form, of a seed.</param>
/// <param name="judge">Must not throw, whatever the answer is.</param>
/// <param name="read">The problem that a question asks, without a solution; null where it asks something else.</param>
public sealed class VerifiableTask(
    string name, Func<ulong, Problem> draw, Func<Problem, ulong, string> wrong, Func<Problem, string, Verdict> judge,
    Func<string, Problem?> read)
{
    private const int HeldOutOneIn = 5;

    // A side that a task's generator hits once in five draws is missed so often once in 10⁴⁸ times.
    private const int MaxDraws = 500;

    public static IReadOnlyList<VerifiableTask> All { get; } = [Arithmetic.Task, Countdown.Task];

    public string Name => name;

    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static VerifiableTask Named(string name) => All.FirstOrDefault(task => task.Name == name)
        ?? throw new ArgumentException(
            $"There is no task '{name}'; there are {string.Join(", ", All.Select(task => task.Name))}.");

    /// <summary>Problem number <paramref name="index"/> of a seed on one side of the split.</summary>
    public Problem Draw(ulong seed, ulong index, bool heldOut)
    {
        for (ulong draws = 0; draws < MaxDraws; draws++)
        {
            var problem = draw(Shuffle.Key(Shuffle.Key(seed, stream: 8, index), stream: heldOut ? 1UL : 0, draws));
            if (IsHeldOut(problem) == heldOut)
                return problem;
        }

        throw new InvalidOperationException($"The task {name} has no problems on one side of its split.");
    }

    /// <summary>Different problems that were held out, always the same; fewer where there are not so many.</summary>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        var problems = new List<Problem>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (ulong index = 0; problems.Count < count && index < (ulong)count * 50; index++)
            if (Draw(seed: 0, index, heldOut: true) is var problem && seen.Add(problem.Key))
                problems.Add(problem);
        return problems;
    }

    public Verdict Judge(Problem problem, string answer) => judge(problem, answer);

    /// <summary>
    /// Conversations on the side to train on by a teacher who is right so often and errs in the right form otherwise.
    /// </summary>
    public IEnumerable<Conversation> Demonstrations(int count, double right, ulong seed)
    {
        for (ulong index = 0; index < (ulong)count; index++)
        {
            var problem = Draw(seed, index, heldOut: false);
            var key = Shuffle.Key(seed, stream: 10, index);
            yield return problem.Answered(
                new Chooser(key).Chance(right) ? problem.Solution : wrong(problem, key + 1));
        }
    }

    /// <summary>How often the answers of conversations are right, of those that ask a problem of this task.</summary>
    public Proportion RightIn(IEnumerable<Conversation> conversations)
    {
        var (right, all) = (0, 0);
        foreach (var conversation in conversations)
            if (conversation.Turns is [.., { Role: Role.User } question, { Role: Role.Assistant } answer]
                && read(question.Text.Trim()) is { } problem)
                (right, all) = (right + (judge(problem, answer.Text) == Verdict.Right ? 1 : 0), all + 1);
        return new Proportion(right, all);
    }

    private bool IsHeldOut(Problem problem) =>
        SHA256.HashData(Encoding.UTF8.GetBytes($"{name}/{problem.Key}"))[0] % HeldOutOneIn == 0;
}
