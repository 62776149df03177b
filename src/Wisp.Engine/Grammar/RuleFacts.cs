namespace Wisp.Grammar;

/// <summary>
/// What must be known of rules before they can run: which match the empty text, which match any finite text at all,
/// and whether one begins with itself.
/// </summary>
internal sealed class RuleFacts
{
    private readonly GrammarRules _rules;
    private readonly bool[] _nullable, _productive;

    public RuleFacts(GrammarRules rules)
    {
        _rules = rules;
        _nullable = new bool[rules.Count];
        _productive = new bool[rules.Count];
        var calls = Enumerable.Range(0, rules.Count).Select(r => Calls(rules.BodyOf(r))).ToArray();
        var order = CalleesFirst(calls);
        Settle(order, _nullable, CanBeEmpty);
        Settle(order, _productive, CanEnd);
    }

    public bool IsNullable(Term term) => CanBeEmpty(term);

    public bool IsProductive(Term term) => CanEnd(term);

    /// <summary>The names of rules that begin with one another in a circle, or null.</summary>
    public string? LeftRecursion()
    {
        // Rules that begin with no other rule are taken away until none is left, or each that is left begins with
        // another one that is.
        var starts = Enumerable.Range(0, _rules.Count).Select(r => Starts(_rules.BodyOf(r))).ToArray();
        var callers = new List<int>[_rules.Count];
        for (var rule = 0; rule < starts.Length; rule++)
            foreach (var callee in starts[rule])
                (callers[callee] ??= []).Add(rule);

        var open = starts.Select(s => s.Count).ToArray();
        var free = new Stack<int>(Enumerable.Range(0, open.Length).Where(r => open[r] == 0));
        while (free.TryPop(out var rule))
            foreach (var caller in callers[rule] ?? [])
                if (--open[caller] == 0)
                    free.Push(caller);

        var at = Array.FindIndex(open, left => left > 0);
        if (at < 0)
            return null;
        var path = new List<int>();
        var placeOf = new Dictionary<int, int>();
        while (placeOf.TryAdd(at, path.Count))
        {
            path.Add(at);
            at = starts[at].First(callee => open[callee] > 0);
        }

        var circle = path.Skip(placeOf[at]).Append(at).Select(_rules.NameOf).ToList();
        return circle.Count <= 12
            ? string.Join(" -> ", circle)
            : $"{string.Join(" -> ", circle.Take(10))} -> ... ({circle.Count - 1} rules)";
    }

    private bool CanBeEmpty(Term term) => term switch
    {
        Call call => _nullable[call.Rule],
        Sequence sequence => sequence.Items.All(CanBeEmpty),
        Choice choice => choice.Options.Any(CanBeEmpty),
        Repeat repeat => repeat.Min == 0 || CanBeEmpty(repeat.Body),
        _ => false,
    };

    private bool CanEnd(Term term) => term switch
    {
        Chars chars => !chars.Characters.IsEmpty,
        Call call => _productive[call.Rule],
        Sequence sequence => sequence.Items.All(CanEnd),
        Choice choice => choice.Options.Any(CanEnd),
        Repeat repeat => repeat.Min == 0 || CanEnd(repeat.Body),
        _ => true,
    };

    // The least fixed point. With callees first, rules without recursion are settled by the first round.
    private void Settle(List<int> order, bool[] facts, Func<Term, bool> holds)
    {
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var rule in order)
                if (!facts[rule] && holds(_rules.BodyOf(rule)))
                    changed = facts[rule] = true;
        }
    }

    private static List<int> CalleesFirst(List<int>[] calls)
    {
        var order = new List<int>(calls.Length);
        var met = new bool[calls.Length];
        var path = new Stack<(int Rule, int Next)>();
        for (var root = 0; root < calls.Length; root++)
        {
            if (met[root])
                continue;
            met[root] = true;
            path.Push((root, 0));
            while (path.TryPop(out var at))
            {
                if (at.Next == calls[at.Rule].Count)
                {
                    order.Add(at.Rule);
                    continue;
                }

                path.Push((at.Rule, at.Next + 1));
                var callee = calls[at.Rule][at.Next];
                if (met[callee])
                    continue;
                met[callee] = true;
                path.Push((callee, 0));
            }
        }

        return order;
    }

    private static List<int> Calls(Term term) => Calls(term, static _ => true);

    // The rules that a text of the term may begin with.
    private List<int> Starts(Term term) => Calls(term, CanBeEmpty);

    /// <param name="goesOn">Whether what follows a term in a sequence counts too.</param>
    private static List<int> Calls(Term term, Func<Term, bool> goesOn)
    {
        var calls = new List<int>();
        Collect(term);
        return calls;

        void Collect(Term at)
        {
            switch (at)
            {
                case Call call:
                    calls.Add(call.Rule);
                    break;
                case Sequence sequence:
                    foreach (var item in sequence.Items)
                    {
                        Collect(item);
                        if (!goesOn(item))
                            break;
                    }

                    break;
                case Choice choice:
                    Array.ForEach(choice.Options, Collect);
                    break;
                case Repeat repeat:
                    Collect(repeat.Body);
                    break;
            }
        }
    }
}
