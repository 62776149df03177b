using System.Buffers;
using System.Text;
using Wisp.Grammar;

namespace Wisp.Tests.Reference;

/// <summary>
/// What a grammar allows, by the definition: all stacks of terms still to come, each character taken by each of them.
/// No sharing, no cache; the text is read again from the start for every question. Ways that no finite text takes are
/// none.
/// </summary>
internal sealed class NaiveGrammar(GrammarRules rules)
{
    // Calls nested twice, as in r ::= "a" r r, double the stacks with every letter; more than these take gigabytes.
    private const int MostStacks = 20_000;

    /// <summary>The definition gives up: so many stacks are open that it cannot list them.</summary>
    internal sealed class TooManyStacksException : Exception;

    private sealed record Stack(Term Top, int Taken, Stack? Below)
    {
        public string Key { get; } =
            $"{System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(Top)}.{Taken} {Below?.Key}";
    }

    /// <summary>The rules in one line, for a test that fails.</summary>
    public override string ToString()
    {
        return string.Join("; ", Enumerable.Range(0, rules.Count)
            .Select(r => $"{rules.NameOf(r)} ::= {Show(rules.BodyOf(r))}"));

        string Show(Term term) => term switch
        {
            Chars c => $"[{(c.Characters.Negated ? "^" : "")}" +
                $"{string.Join(' ', c.Characters.Ranges.ToArray().Select(r => $"{r.First:X}-{r.Last:X}"))}]",
            Call call => rules.NameOf(call.Rule),
            Sequence sequence => $"({string.Join(' ', sequence.Items.Select(Show))})",
            Choice choice => $"({string.Join(" | ", choice.Options.Select(Show))})",
            Repeat repeat => $"{Show(repeat.Body)}{{{repeat.Min},{(repeat.Max == Term.NoEnd ? "" : repeat.Max)}}}",
            _ => term.ToString()!,
        };
    }

    /// <summary>Whether the bytes can be the beginning of a text.</summary>
    public bool Begins(byte[] bytes) => Read(bytes) is { } read
        && (read.Begun.Length == 0
            ? read.Stacks.Count > 0
            : read.Stacks.Any(s => s?.Top is Chars chars && MayBecome(chars.Characters, read.Begun)));

    /// <summary>Whether the bytes are a whole text.</summary>
    public bool Accepts(byte[] bytes) =>
        Read(bytes) is { } read && read.Begun.Length == 0 && read.Stacks.Contains(null);

    private (List<Stack?> Stacks, byte[] Begun)? Read(byte[] bytes)
    {
        var stacks = Open([new Stack(rules.BodyOf(0), 0, null)]);
        var left = bytes.AsSpan();
        while (left.Length > 0)
        {
            switch (Rune.DecodeFromUtf8(left, out var rune, out var width))
            {
                case OperationStatus.Done:
                    stacks = Open(stacks.Where(s => s?.Top is Chars c && c.Characters.Contains(rune.Value))
                        .Select(s => s!.Below));
                    left = left[width..];
                    break;
                case OperationStatus.NeedMoreData:
                    return (stacks, left.ToArray());
                default:
                    return null;
            }
        }

        return (stacks, []);
    }

    // The characters that bytes at the end can still become: a named one must be among them, an excluded one must not.
    private static bool MayBecome(CharClass characters, byte[] begun)
    {
        var length = begun[0] >= 0xF0 ? 4 : begun[0] >= 0xE0 ? 3 : 2;
        var named = characters.Ranges.ToArray();
        var touched = false;
        Try(begun);
        return touched != characters.Negated;

        void Try(byte[] bytes)
        {
            if (touched)
                return;
            if (bytes.Length == length)
            {
                if (Rune.DecodeFromUtf8(bytes, out var rune, out _) == OperationStatus.Done)
                    touched = named.Any(r => r.First <= rune.Value && rune.Value <= r.Last);
                return;
            }

            for (var next = 0x80; next < 0xC0; next++)
                Try([.. bytes, (byte)next]);
        }
    }

    // Whether some finite text matches, with calls nested at most so deep: as many as there are rules are enough.
    private bool CanEnd(Term term, int taken, int calls) => term switch
    {
        Chars c => !c.Characters.IsEmpty,
        Call call => calls > 0 && CanEnd(rules.BodyOf(call.Rule), 0, calls - 1),
        Sequence sequence => sequence.Items.All(item => CanEnd(item, 0, calls)),
        Choice choice => choice.Options.Any(option => CanEnd(option, 0, calls)),
        Repeat repeat => taken >= repeat.Min || CanEnd(repeat.Body, 0, calls),
        _ => true,
    };

    // Expands tops until each is a character or the end, which is null.
    private List<Stack?> Open(IEnumerable<Stack?> stacks)
    {
        var open = new Stack<Stack?>(stacks);
        var met = new HashSet<string>();
        var result = new List<Stack?>();
        while (open.TryPop(out var stack))
        {
            if (!met.Add(stack?.Key ?? "") || stack is not null && !CanEnd(stack.Top, stack.Taken, rules.Count))
                continue;
            switch (stack?.Top)
            {
                case Call call:
                    open.Push(new Stack(rules.BodyOf(call.Rule), 0, stack.Below));
                    break;
                case Sequence sequence:
                    open.Push(sequence.Items.Reverse().Aggregate(
                        stack.Below, (below, item) => new Stack(item, 0, below)));
                    break;
                case Choice choice:
                    foreach (var option in choice.Options)
                        open.Push(new Stack(option, 0, stack.Below));
                    break;
                case Repeat repeat:
                    if (stack.Taken >= repeat.Min)
                        open.Push(stack.Below);
                    if (stack.Taken < repeat.Max && CanEnd(repeat.Body, 0, rules.Count))
                    {
                        var taken = repeat.Max == Term.NoEnd ? Math.Min(stack.Taken + 1, repeat.Min) : stack.Taken + 1;
                        open.Push(new Stack(repeat.Body, 0, new Stack(repeat, taken, stack.Below)));
                    }

                    break;
                default:
                    result.Add(stack);
                    break;
            }

            if (open.Count + result.Count > MostStacks)
                throw new TooManyStacksException();
        }

        return result;
    }
}
