using System.Runtime.CompilerServices;

namespace Wisp.Model;

/// <summary>
/// One way to cut a text into pieces: where the matches of an expression lie, and what is left between them. A
/// pre-tokenizer is a few of these, each cutting the pieces of the one before.
/// </summary>
internal abstract class Cut
{
    /// <summary>The end of the match that begins here, or -1 where none does. A match is never empty.</summary>
    public abstract int Match(ReadOnlySpan<byte> text, int at);

    /// <summary>Where the piece that begins at <paramref name="at"/> ends, a match or a gap; always past it.</summary>
    public virtual int End(ReadOnlySpan<byte> text, int at)
    {
        var end = Match(text, at);
        if (end >= 0)
            return end;
        do
        {
            Utf8Scan.ClassAt(text, at, out var width);
            at += width;
        }
        while (at < text.Length && Match(text, at) < 0);
        return at;
    }

    /// <summary>The end of a run of characters of these classes.</summary>
    protected static int EndOfRun(ReadOnlySpan<byte> text, int at, CharacterClass classes)
    {
        while ((Utf8Scan.ClassAt(text, at, out var width) & classes) != 0)
            at += width;
        return at;
    }

    protected static int EndOfNewlines(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && UnicodeClasses.IsNewline(text[at]))
            at++;
        return at;
    }

    /// <summary>
    /// <c>\s*[\r\n]+|\s+(?!\S)|\s+</c> at a space: up to the last line end of the run where there is one, else all of
    /// it, less one space where a word follows.
    /// </summary>
    /// <param name="lines">Whether the first alternative is there.</param>
    protected static int EndOfSpaces(ReadOnlySpan<byte> text, int start, bool lines)
    {
        var at = start;
        var last = start;
        var lineEnd = 0;
        while (true)
        {
            var kind = Utf8Scan.ClassAt(text, at, out var width);
            if (kind != CharacterClass.Space)
            {
                if (lineEnd > 0)
                    return lineEnd;
                return kind == CharacterClass.None || last == start ? at : last;
            }

            last = at;
            at += width;
            if (lines && UnicodeClasses.IsNewline(text[last]))
                lineEnd = at;
        }
    }

    /// <summary>
    /// The end of <c>'s|'t|'re|'ve|'m|'ll|'d</c> at a place, or -1 where none of them is.
    /// </summary>
    protected static int EndOfContraction(ReadOnlySpan<byte> text, int at, bool anyCase)
    {
        if (at >= text.Length || text[at] != '\'')
            return -1;
        var first = Letter(text, at + 1);
        if (first is 's' or 't' or 'm' or 'd')
            return at + 2;
        var second = Letter(text, at + 2);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? at + 3 : -1;

        int Letter(ReadOnlySpan<byte> text, int at) =>
            at >= text.Length ? 0 : !anyCase || text[at] is < (byte)'A' or > (byte)'Z' ? text[at] : text[at] | 0x20;
    }
}

/// <summary>The first of several expressions that matches: <c>a|b|c</c>.</summary>
internal sealed class FirstOf(params Cut[] cuts) : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        foreach (var cut in cuts)
            if (cut.Match(text, at) is >= 0 and var end)
                return end;
        return -1;
    }
}

/// <summary>The pieces of a text, one after the other; together they are the text.</summary>
public ref struct Pieces
{
    /// <summary>No pre-tokenizer cuts more often.</summary>
    internal const int MaxCuts = 6;

    private readonly ReadOnlySpan<byte> _text;
    private readonly Cut[] _cuts;
    private Ends _ends;
    private int _start;
    private int _end;

    internal Pieces(ReadOnlySpan<byte> text, Cut[] cuts)
    {
        _text = text;
        _cuts = cuts;
    }

    public readonly ReadOnlySpan<byte> Current => _text[_start.._end];

    public readonly Pieces GetEnumerator() => this;

    public bool MoveNext()
    {
        _start = _end;
        if (_start == _text.Length)
            return false;

        // A cut whose piece is used up makes the next one, within the piece of the cut before it.
        var limit = _text.Length;
        for (var i = 0; i < _cuts.Length; i++)
        {
            if (_ends[i] == _start)
                _ends[i] = _cuts[i].End(_text[..limit], _start);
            limit = _ends[i];
        }

        _end = limit;
        return true;
    }

    [InlineArray(MaxCuts)]
    private struct Ends
    {
        private int _first;
    }
}
