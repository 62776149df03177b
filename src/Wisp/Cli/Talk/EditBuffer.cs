using System.Globalization;

namespace Wisp.Cli.Talk;

/// <summary>A text of one or more lines and the place in it, between whole characters, where typing goes on.</summary>
internal sealed class EditBuffer
{
    private string _killed = "";

    public string Text { get; private set; } = "";

    /// <summary>In UTF-16 units.</summary>
    public int Cursor { get; private set; }

    public bool IsEmpty => Text.Length == 0;

    public void Set(string text, int? cursor = null) => (Text, Cursor) = (text, cursor ?? text.Length);

    public void Insert(string text)
    {
        Text = Text.Insert(Cursor, text);
        Cursor += text.Length;
    }

    public void Left() => Cursor = Before(Cursor);

    public void Right() => Cursor = After(Cursor);

    public void WordLeft() => Cursor = WordBefore();

    public void WordRight()
    {
        while (Cursor < Text.Length && !char.IsLetterOrDigit(Text[Cursor]))
            Cursor = After(Cursor);
        while (Cursor < Text.Length && char.IsLetterOrDigit(Text[Cursor]))
            Cursor = After(Cursor);
    }

    /// <summary>To the beginning of the line.</summary>
    public void Home() => Cursor = LineBegin(Cursor);

    /// <summary>To the end of the line.</summary>
    public void End() => Cursor = LineEnd(Cursor);

    /// <summary>To the same column of the line above.</summary>
    /// <returns>False on the first line.</returns>
    public bool Up()
    {
        var begin = LineBegin(Cursor);
        if (begin == 0)
            return false;
        var above = LineBegin(begin - 1);
        Cursor = Snap(Math.Min(above + Cursor - begin, begin - 1));
        return true;
    }

    /// <inheritdoc cref="Up"/>
    public bool Down()
    {
        var (begin, end) = (LineBegin(Cursor), LineEnd(Cursor));
        if (end == Text.Length)
            return false;
        Cursor = Snap(Math.Min(end + 1 + Cursor - begin, LineEnd(end + 1)));
        return true;
    }

    public void Backspace() => Remove(Before(Cursor), Cursor);

    public void Delete() => Remove(Cursor, After(Cursor));

    public void KillWord() => Kill(WordBefore(), Cursor);

    public void KillToLineBegin() => Kill(LineBegin(Cursor), Cursor);

    /// <summary>To the end of the line, or, where it stands there, the end itself.</summary>
    public void KillToLineEnd()
    {
        var end = LineEnd(Cursor);
        Kill(Cursor, end == Cursor ? After(Cursor) : end);
    }

    /// <summary>Brings back what was killed last.</summary>
    public void Yank() => Insert(_killed);

    private void Kill(int from, int to)
    {
        if (from < to)
            _killed = Text[from..to];
        Remove(from, to);
    }

    private void Remove(int from, int to)
    {
        Text = Text.Remove(from, to - from);
        Cursor = from;
    }

    private int WordBefore()
    {
        var at = Cursor;
        while (at > 0 && !char.IsLetterOrDigit(Text[at - 1]))
            at = Before(at);
        while (at > 0 && char.IsLetterOrDigit(Text[at - 1]))
            at = Before(at);
        return at;
    }

    private int LineBegin(int at) => at == 0 ? 0 : Text.LastIndexOf('\n', at - 1) + 1;

    private int LineEnd(int at) => Text.IndexOf('\n', at) is >= 0 and var end ? end : Text.Length;

    private int After(int at) => at < Text.Length ? at + StringInfo.GetNextTextElementLength(Text, at) : at;

    // Characters can only be counted from the front.
    private int Before(int at)
    {
        var last = at == 0 ? 0 : LineBegin(at - 1);
        for (var next = last; next < at; next = After(next))
            last = next;
        return last;
    }

    private int Snap(int at)
    {
        var snapped = LineBegin(at);
        while (snapped < at && After(snapped) <= at)
            snapped = After(snapped);
        return snapped;
    }
}
