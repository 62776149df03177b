namespace Wisp.Grammar;

/// <summary>The right side of a rule as a tree. GBNF and JSON Schema are both read into it.</summary>
internal abstract class Term
{
    /// <summary>A repetition that has no upper bound.</summary>
    public const int NoEnd = int.MaxValue;

    /// <summary>Matches nothing at all, not even the empty text: a choice without alternatives.</summary>
    public static Term Nothing { get; } = new Choice([]);

    public static Term Empty { get; } = new Sequence([]);

    /// <summary>Levels of the tree: those who walk it recurse.</summary>
    public int Depth { get; private init; } = 1;

    /// <summary>Terms in the tree.</summary>
    public long Size { get; private init; } = 1;

    public static Term Chars(CharClass characters) => new Chars(characters);

    public static Term Chars(params (int First, int Last)[] ranges) => new Chars(new CharClass(ranges));

    public static Term Literal(string text)
    {
        var characters = text.EnumerateRunes().Select(r => Chars(CharClass.Of(r.Value))).ToArray();
        return characters.Length == 1 ? characters[0] : Of(characters);
    }

    public static Term Of(params Term[] items) => items.Length == 1 ? items[0] : new Sequence(items)
    {
        Depth = 1 + Deepest(items), Size = 1 + items.Sum(item => item.Size),
    };

    public static Term Either(params Term[] options) => options.Length == 1 ? options[0] : new Choice(options)
    {
        Depth = 1 + Deepest(options), Size = 1 + options.Sum(option => option.Size),
    };

    public static Term Times(Term body, int min, int max = NoEnd) => (min, max) is (1, 1) ? body
        : max == 0 ? Empty
        : new Repeat(body, min, max) { Depth = 1 + body.Depth, Size = 1 + body.Size };

    public static Term Optional(Term body) => Times(body, 0, 1);

    private static int Deepest(Term[] items) => items.Length == 0 ? 0 : items.Max(item => item.Depth);
}

/// <summary>One character.</summary>
internal sealed class Chars(CharClass characters) : Term
{
    public CharClass Characters { get; } = characters;
}

/// <summary>One token whatever its text, or any token of text but this one.</summary>
internal sealed class OneToken(int id, bool negated) : Term
{
    public int Id { get; } = id;

    public bool Negated { get; } = negated;
}

internal sealed class Call(int rule) : Term
{
    public int Rule { get; } = rule;
}

internal sealed class Sequence(Term[] items) : Term
{
    public Term[] Items { get; } = items;
}

internal sealed class Choice(Term[] options) : Term
{
    public Term[] Options { get; } = options;
}

internal sealed class Repeat(Term body, int min, int max) : Term
{
    public Term Body { get; } = body;

    public int Min { get; } = min;

    public int Max { get; } = max;
}
