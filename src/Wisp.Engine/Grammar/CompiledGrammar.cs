namespace Wisp.Grammar;

internal enum StepKind
{
    /// <summary>The end of a rule or of the body of a counted repetition: goes on with the frame below.</summary>
    Return,

    /// <summary>Takes one character of the class <see cref="Step.Arg"/>.</summary>
    Char,

    /// <summary>Takes the token <see cref="Step.Arg"/>.</summary>
    Token,

    /// <summary>Takes any token of text but <see cref="Step.Arg"/>.</summary>
    OtherToken,

    /// <summary>Goes on at both <see cref="Step.Next"/> and <see cref="Step.Arg"/>.</summary>
    Split,

    /// <summary>Puts <see cref="Step.Next"/> on the stack and goes on with rule <see cref="Step.Arg"/>.</summary>
    Call,

    /// <summary>
    /// Repeats the body at <see cref="Step.Arg"/> from Min to Max times; the count stands in the frame.
    /// </summary>
    Count,
}

internal readonly record struct Step(StepKind Kind, int Next = 0, int Arg = 0, int Min = 0, int Max = 0);

/// <summary>
/// A grammar ready to run: a pushdown automaton as a list of steps (Thompson 1968, "Regular expression search
/// algorithm", with a call and a return added). Immutable; made by <see cref="Gbnf"/>.
/// </summary>
public sealed class CompiledGrammar
{
    private readonly List<Step> _steps = [new Step(StepKind.Return)];
    private readonly List<CharClass> _classes = [];
    private readonly Dictionary<CharClass, int> _indexOfClass = [];
    private readonly int[] _starts;

    /// <exception cref="InvalidDataException">A rule begins with itself, or no text matches.</exception>
    internal CompiledGrammar(GrammarRules rules, string name)
    {
        var facts = new RuleFacts(rules);
        if (facts.LeftRecursion() is { } circle)
        {
            throw new InvalidDataException(
                $"{name}: left recursion, a rule begins with itself: {circle}. Put what it repeats first and use * " +
                "or + for the rest.");
        }

        if (!facts.IsProductive(rules.BodyOf(0)))
        {
            throw new InvalidDataException(
                $"{name}: no finite text matches '{rules.NameOf(0)}': every way through it needs itself again, or " +
                "something that nothing matches.");
        }

        Name = name;
        _starts = new int[rules.Count];
        for (var rule = 0; rule < rules.Count; rule++)
            if (facts.IsProductive(rules.BodyOf(rule)))
                _starts[rule] = Emit(facts, rules.BodyOf(rule), next: 0);
        for (var at = 0; at < _steps.Count; at++)
            if (_steps[at].Kind == StepKind.Call)
                _steps[at] = _steps[at] with { Arg = _starts[_steps[at].Arg] };
        Steps = [.. _steps];
        (Classes, Boundaries) = ([.. _classes], BoundariesOf(_classes));
        HighestToken = Steps.Where(s => s.Kind is StepKind.Token or StepKind.OtherToken)
            .Select(s => s.Arg).DefaultIfEmpty(-1).Max();
    }

    /// <summary>Where the grammar came from, for messages.</summary>
    public string Name { get; }

    internal Step[] Steps { get; }

    internal CharClass[] Classes { get; }

    /// <summary>
    /// The first code points of the atoms: stretches that no class tells apart. Steps are taken by atom and not by code
    /// point, of which there are 1.1 million.
    /// </summary>
    internal int[] Boundaries { get; }

    internal int Start => _starts[0];

    /// <summary>The largest token id that is named, or -1.</summary>
    internal int HighestToken { get; }

    internal int AtomOf(int codePoint)
    {
        var at = Array.BinarySearch(Boundaries, codePoint);
        return at >= 0 ? at : ~at - 1;
    }

    private static int[] BoundariesOf(List<CharClass> classes)
    {
        var boundaries = new SortedSet<int> { 0 };
        foreach (var characters in classes)
        {
            foreach (var (first, last) in characters.Ranges)
            {
                boundaries.Add(first);
                boundaries.Add(last + 1);
            }
        }

        return [.. boundaries];
    }

    // Steps of a term, from its end to its start, so that each knows what comes after it. Alternatives that can never
    // end are left out: a text that took one could not be finished.
    private int Emit(RuleFacts facts, Term term, int next)
    {
        switch (term)
        {
            case Chars chars:
                return Add(new Step(StepKind.Char, next, ClassOf(chars.Characters)));
            case OneToken token:
                return Add(new Step(token.Negated ? StepKind.OtherToken : StepKind.Token, next, token.Id));
            case Call call:
                return Add(new Step(StepKind.Call, next, call.Rule));
            case Sequence sequence:
                for (var i = sequence.Items.Length - 1; i >= 0; i--)
                    next = Emit(facts, sequence.Items[i], next);
                return next;
            case Choice choice:
                var start = -1;
                foreach (var option in choice.Options.Reverse().Where(facts.IsProductive))
                {
                    var way = Emit(facts, option, next);
                    start = start < 0 ? way : Add(new Step(StepKind.Split, way, start));
                }

                return start;
            case Repeat repeat when facts.IsProductive(repeat.Body):
                return EmitRepeat(facts, repeat, next);
            default:
                return next; // a repetition of what cannot be, zero times
        }
    }

    private int EmitRepeat(RuleFacts facts, Repeat repeat, int next)
    {
        // A body that may be empty fills any minimum with nothing.
        var min = facts.IsNullable(repeat.Body) ? 0 : repeat.Min;
        if ((min, repeat.Max) is (0, 1))
            return Add(new Step(StepKind.Split, Emit(facts, repeat.Body, next), next));

        var loop = Add(default);
        if (repeat.Max == Term.NoEnd && min <= 1)
        {
            var again = Emit(facts, repeat.Body, loop);
            _steps[loop] = new Step(StepKind.Split, again, next);
            return min == 0 ? loop : again;
        }

        _steps[loop] = new Step(StepKind.Count, next, Emit(facts, repeat.Body, next: 0), min, repeat.Max);
        return loop;
    }

    private int Add(Step step)
    {
        _steps.Add(step);
        return _steps.Count - 1;
    }

    private int ClassOf(CharClass characters)
    {
        if (!_indexOfClass.TryGetValue(characters, out var index))
        {
            _indexOfClass.Add(characters, index = _classes.Count);
            _classes.Add(characters);
        }

        return index;
    }
}
