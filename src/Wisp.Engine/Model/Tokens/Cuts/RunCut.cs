namespace Wisp.Model;

/// <summary>A set of characters, as brackets in a regular expression state it.</summary>
/// <param name="classes">Classes that are in it as a whole.</param>
/// <param name="ranges">Pairs of characters, first and last, that are in it besides.</param>
/// <param name="negated">Whether it holds all other characters instead.</param>
internal sealed class CharacterSet(CharacterClass classes, string ranges = "", bool negated = false)
{
    private readonly (int First, int Last)[] _ranges =
        [.. ranges.EnumerateRunes().Chunk(2).Select(pair => (pair[0].Value, pair[1].Value))];

    public bool Contains(int codePoint, CharacterClass kind)
    {
        if (kind == CharacterClass.None)
            return false;
        if ((kind & classes) != 0)
            return !negated;
        // llama.cpp turns wide spaces into a plain one before it looks at ranges.
        if (kind != CharacterClass.Space || codePoint < 0x80)
            foreach (var (first, last) in _ranges)
                if (codePoint >= first && codePoint <= last)
                    return !negated;
        return negated;
    }
}

/// <summary>A run of characters of a set, perhaps with one before it: <c> ?[set]{min,max}</c>.</summary>
internal sealed class RunCut(CharacterSet set, int min = 1, int max = int.MaxValue, CharacterSet? before = null) : Cut
{
    private static readonly CharacterSet s_numbers = new(CharacterClass.Number), s_digits = new(default, "09");

    /// <summary><c>\p{N}{1,max}</c></summary>
    public static RunCut Numbers(int max = int.MaxValue) => new(s_numbers, 1, max);

    /// <summary><c>[0-9][0-9][0-9]</c></summary>
    public static RunCut ThreeDigits { get; } = new(s_digits, 3, 3);

    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        if (before is not null)
        {
            var next = at;
            if (Takes(before, text, ref next) && Run(text, next) is >= 0 and var end)
                return end;
        }

        return Run(text, at);
    }

    private int Run(ReadOnlySpan<byte> text, int at)
    {
        var count = 0;
        while (count < max && Takes(set, text, ref at))
            count++;
        return count >= min ? at : -1;
    }

    private static bool Takes(CharacterSet set, ReadOnlySpan<byte> text, ref int at)
    {
        var codePoint = Utf8Scan.CodePointAt(text, at, out var width);
        if (codePoint < 0 || !set.Contains(codePoint, UnicodeClasses.Of(codePoint)))
            return false;
        at += width;
        return true;
    }
}
