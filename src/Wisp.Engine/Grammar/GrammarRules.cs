namespace Wisp.Grammar;

/// <summary>Rules while they are being read; rule 0 is where a text begins.</summary>
internal sealed class GrammarRules
{
    /// <summary>
    /// Terms that all rules may have together. The grammars in use have some hundreds, that of the C language 2,000; at
    /// the limit a grammar takes some 20 MB.
    /// </summary>
    public const int MaxTerms = 100_000;

    /// <summary>Levels of groups and repetitions in one rule. A level takes about 200 bytes of stack to walk.</summary>
    public const int MaxDepth = 300;

    private readonly List<string> _names = [];
    private readonly List<Term?> _bodies = [];
    private long _size;

    public int Count => _names.Count;

    public int Add(string name)
    {
        _names.Add(name);
        _bodies.Add(null);
        return _names.Count - 1;
    }

    public string NameOf(int rule) => _names[rule];

    public bool IsDefined(int rule) => _bodies[rule] is not null;

    public Term BodyOf(int rule) => _bodies[rule]!;

    /// <exception cref="InvalidDataException">The rules have become too large or too deep.</exception>
    public void Define(int rule, Term body)
    {
        _size += body.Size;
        CheckSize(_size);
        if (body.Depth > MaxDepth)
        {
            throw new InvalidDataException(
                $"rule '{_names[rule]}' nests {body.Depth} levels of groups and repetitions; at most {MaxDepth} are " +
                "taken. Split it into several rules.");
        }

        _bodies[rule] = body;
    }

    public static void CheckSize(long terms)
    {
        if (terms > MaxTerms)
        {
            throw new InvalidDataException(
                $"the grammar has more than {MaxTerms} terms (characters, classes, groups and references), the most " +
                "that is taken. Simplify it.");
        }
    }
}
