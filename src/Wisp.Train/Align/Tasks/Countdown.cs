using System.Globalization;
using Wisp.Ai.Arithmetic;
using Wisp.Train.Align.Lessons;

namespace Wisp.Train.Align.Tasks;

/// <summary>
/// The numbers game: make a target from some numbers with + − × ÷ and brackets, each number at most once.
/// </summary>
public static class Countdown
{
    // Small enough for a model of some million parameters: about 10,000 different problems.
    private const int Numbers = 3, MostNumber = 12, MostTarget = 60;

    public static VerifiableTask Task { get; } = new("countdown", Draw, Wrong, Judge, ReadQuestion);

    private static Problem Draw(ulong seed)
    {
        var choose = new Chooser(seed);
        while (true)
        {
            int[] numbers = [.. Enumerable.Range(0, Numbers).Select(_ => choose.From(1, MostNumber))];
            var expression = Random(choose, numbers);
            if (WholeValue(expression) is >= 1 and <= MostTarget and var target)
                return Of(numbers, target, expression);
        }
    }

    /// <summary>A problem with its numbers in the order in which they are shown.</summary>
    internal static Problem Of(IReadOnlyList<int> numbers, long target, string solution) => Problem.Of(
        $"Make {target} from {string.Join(' ', numbers)}.", $"{target}: {string.Join(' ', numbers.Order())}", solution);

    private static Problem? ReadQuestion(string text)
    {
        if (!text.StartsWith("Make ", StringComparison.Ordinal) || !text.EndsWith('.')
            || text[5..^1].Split(" from ") is not [var target, var rest])
            return null;
        int[] numbers = [.. rest.Split(' ').Select(word => int.TryParse(
            word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1)];
        return numbers.Min() >= 0 && long.TryParse(
            target, NumberStyles.None, CultureInfo.InvariantCulture, out var wanted) ? Of(numbers, wanted, "") : null;
    }

    // Uses all numbers in a random order, with two random signs and either grouping.
    private static string Random(Chooser choose, int[] numbers)
    {
        var n = choose.Some(Numbers, numbers);
        char first = choose.Of('+', '-', '*', '/'), second = choose.Of('+', '-', '*', '/');
        return choose.Chance(0.5) ? $"({n[0]} {first} {n[1]}) {second} {n[2]}"
            : $"{n[0]} {first} ({n[1]} {second} {n[2]})";
    }

    private static string Wrong(Problem problem, ulong seed)
    {
        var choose = new Chooser(seed);
        var (_, numbers) = Read(problem);
        while (true)
            if (Random(choose, numbers) is var expression && Judge(problem, expression) == Verdict.Wrong)
                return expression;
    }

    /// <summary>
    /// An expression of the problem's numbers, each at most once. Right where its exact value is the target; it may be
    /// followed by "= target".
    /// </summary>
    public static Verdict Judge(Problem problem, string answer)
    {
        var (target, numbers) = Read(problem);
        var text = answer.AsSpan().Trim();
        if (text.LastIndexOf('=') is >= 0 and var at)
        {
            var claim = text[(at + 1)..].Trim();
            if (!long.TryParse(claim, NumberStyles.None, CultureInfo.InvariantCulture, out var claimed)
                || claimed != target)
                return Verdict.Malformed;
            text = text[..at];
        }

        if (NumbersIn(text) is not { } used)
            return Verdict.Malformed;
        var left = numbers.Select(number => (long)number).ToList();
        return !used.All(left.Remove) ? Verdict.Malformed
            : WholeValue(text.ToString()) == target ? Verdict.Right : Verdict.Wrong;
    }

    /// <summary>
    /// The numbers of an expression of the game: whole ones, the four signs between them, and brackets. Null for all
    /// else, also for what the calculator knows besides, such as powers and signs before a number.
    /// </summary>
    internal static IReadOnlyList<long>? NumbersIn(ReadOnlySpan<char> text)
    {
        var numbers = new List<long>();
        var (depth, before) = (0, '('); // the last sign or the last digit, spaces left out
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == ' ')
                continue;
            var from = i;
            while (i + 1 < text.Length && char.IsAsciiDigit(text[i]) && char.IsAsciiDigit(text[i + 1]))
                i++;
            var isOperand = char.IsAsciiDigit(text[i]) || text[i] == '(';
            var follows = char.IsAsciiDigit(before) || before == ')';
            if (isOperand == follows || !(isOperand || "+-−*×/÷)".Contains(text[i])))
                return null;
            if (char.IsAsciiDigit(text[i]))
            {
                if (!long.TryParse(
                    text[from..(i + 1)], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                    return null;
                numbers.Add(number);
            }

            depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            if (depth < 0)
                return null;
            before = text[i];
        }

        return depth == 0 && (char.IsAsciiDigit(before) || before == ')') ? numbers : null;
    }

    // Null where it is no whole number, or none at all.
    private static long? WholeValue(string expression)
    {
        try
        {
            // A value that had to be rounded is not whole, however it looks.
            return Calculator.Work(expression) is { IsExact: true } sum && long.TryParse(
                sum.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
        }
        catch (FormatException)
        {
            return null; // divided by 0
        }
    }

    // The key says all: "24: 3 5 9".
    private static (long Target, int[] Numbers) Read(Problem problem)
    {
        var parts = problem.Key.Split(": ");
        return (long.Parse(parts[0], CultureInfo.InvariantCulture),
            [.. parts[1].Split(' ').Select(part => int.Parse(part, CultureInfo.InvariantCulture))]);
    }
}
