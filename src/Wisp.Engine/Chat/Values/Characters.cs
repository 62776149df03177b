using System.Globalization;
using System.Text;

namespace Wisp.Chat.Values;

/// <summary>
/// Strings as Python sees them: sequences of code points, its white space and its letter cases. Indexes count code
/// points; without surrogates, which is nearly always, they are those of UTF-16.
/// </summary>
internal static class Characters
{
    /// <summary>As str.isspace has it: Unicode's white space and the four separators of ASCII.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>True where there is at least one character and all are white space.</summary>
    public static bool IsSpace(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            if (!IsSpace(c))
                return false;
        return text.Length > 0;
    }

    /// <summary>Letters, digits and the underscore.</summary>
    public static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);

    public static ReadOnlySpan<char> TrimEnd(ReadOnlySpan<char> text)
    {
        while (text.Length > 0 && IsSpace(text[^1]))
            text = text[..^1];
        return text;
    }

    public static string Trim(string text)
    {
        var start = 0;
        while (start < text.Length && IsSpace(text[start]))
            start++;
        return TrimEnd(text.AsSpan(start)).ToString();
    }

    /// <summary>Takes characters of a set, or white space, off the ends.</summary>
    public static string Strip(string text, string? set, bool left, bool right)
    {
        if (HasPairs(text) || set is not null && HasPairs(set))
        {
            var points = Points(text);
            var among = set is null ? null : Points(set).ToHashSet();
            bool Goes(int point) => among is null ? point < 0x10000 && IsSpace((char)point) : among.Contains(point);
            int first = 0, last = points.Length;
            while (left && first < last && Goes(points[first]))
                first++;
            while (right && last > first && Goes(points[last - 1]))
                last--;
            return Join(points.AsSpan(first..last));
        }

        int start = 0, end = text.Length;
        while (left && start < end && (set is null ? IsSpace(text[start]) : set.Contains(text[start])))
            start++;
        while (right && end > start && (set is null ? IsSpace(text[end - 1]) : set.Contains(text[end - 1])))
            end--;
        return text[start..end];
    }

    /// <summary>Whether an index of code points is not one of UTF-16.</summary>
    public static bool HasPairs(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF');

    public static int Length(string text)
    {
        if (!HasPairs(text))
            return text.Length;
        var length = 0;
        for (var i = 0; i < text.Length; i += PointLength(text, i))
            length++;
        return length;
    }

    /// <summary>The code points; half a pair stands for itself.</summary>
    public static int[] Points(string text)
    {
        var points = new int[Length(text)];
        for (int i = 0, n = 0; i < text.Length; i += PointLength(text, i))
            points[n++] = PointLength(text, i) == 2 ? char.ConvertToUtf32(text[i], text[i + 1]) : text[i];
        return points;
    }

    public static string Join(ReadOnlySpan<int> points)
    {
        var text = new StringBuilder(points.Length);
        foreach (var point in points)
            Append(text, point);
        return text.ToString();
    }

    public static void Append(StringBuilder text, int point)
    {
        if (point < 0x10000)
            text.Append((char)point);
        else
            text.Append(char.ConvertFromUtf32(point));
    }

    /// <summary>Characters as strings of one code point each.</summary>
    public static IEnumerable<string> Each(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var length = PointLength(text, i);
            yield return text.Substring(i, length);
            i += length;
        }
    }

    /// <summary>Where the code point of an index begins in UTF-16; the end where there are not so many.</summary>
    public static int Offset(string text, int index)
    {
        if (!HasPairs(text))
            return Math.Min(index, text.Length);
        var at = 0;
        for (; index > 0 && at < text.Length; index--)
            at += PointLength(text, at);
        return at;
    }

    /// <summary>The reverse of <see cref="Offset"/>.</summary>
    public static int Index(string text, int offset) => Length(text[..offset]);

    private static int PointLength(string text, int at) =>
        char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;

    // Where one letter becomes several. Greek letters with a iota below stay as they are.
    private static string? Upper(char c) => c switch
    {
        'ß' => "SS",
        'ŉ' => "ʼN",
        'ǰ' => "J\u030C",
        'ﬀ' => "FF",
        'ﬁ' => "FI",
        'ﬂ' => "FL",
        'ﬃ' => "FFI",
        'ﬄ' => "FFL",
        'ﬅ' or 'ﬆ' => "ST",
        _ => null,
    };

    public static string Upper(string text)
    {
        var upper = text.ToUpperInvariant();
        if (!upper.AsSpan().ContainsAny(s_longer))
            return upper;
        var result = new StringBuilder(upper.Length + 8);
        foreach (var c in upper)
            result.Append(Upper(c) ?? c.ToString());
        return result.ToString();
    }

    public static string Lower(string text)
    {
        var lower = text.ToLowerInvariant();
        if (!text.AsSpan().ContainsAny('Σ', 'İ'))
            return lower;
        var result = new StringBuilder(lower.Length + 8);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == 'İ')
                result.Append("i\u0307");
            else
                // A sigma that ends a word has a shape of its own.
                result.Append(text[i] == 'Σ' && Cased(text, i, -1) && !Cased(text, i, 1) ? 'ς' : lower[i]);
        }

        return result.ToString();
    }

    // Whether a letter with case stands beside, past marks that belong to letters.
    private static bool Cased(string text, int at, int step)
    {
        for (at += step; at >= 0 && at < text.Length; at += step)
        {
            if (char.IsUpper(text[at]) || char.IsLower(text[at]))
                return true;
            if (char.GetUnicodeCategory(text[at]) is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.Format or
                UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol) &&
                text[at] is not ('\'' or '.' or ':' or '·' or '’'))
                return false;
        }

        return false;
    }

    public static string CaseFold(string text) => Lower(Upper(text)).Replace('ς', 'σ');

    /// <summary>The first character of a word: like upper case, but for digraphs and ligatures.</summary>
    private static string TitleFirst(string point) => point.Length > 1 ? point.ToUpperInvariant() : point[0] switch
    {
        'Ǆ' or 'ǅ' or 'ǆ' => "ǅ",
        'Ǉ' or 'ǈ' or 'ǉ' => "ǈ",
        'Ǌ' or 'ǋ' or 'ǌ' => "ǋ",
        'Ǳ' or 'ǲ' or 'ǳ' => "ǲ",
        >= 'ა' and <= 'ჿ' => point, // Georgian has no title case
        var c when Upper(c) is { } several => several[..1] + several[1..].ToLowerInvariant(),
        _ => point.ToUpperInvariant(),
    };

    /// <summary>First character upper, all others lower case.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
            return text;
        var first = PointLength(text, 0);
        return TitleFirst(text[..first]) + Lower(text)[Lower(text[..first]).Length..];
    }

    /// <summary>As str.title: a word begins at every letter that follows none.</summary>
    public static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var lower = Lower(text);
        var inWord = false;
        if (lower.Length != text.Length)
            text = lower; // the few letters whose lower case is longer
        for (var i = 0; i < text.Length;)
        {
            var length = PointLength(text, i);
            var point = text.Substring(i, length);
            result.Append(inWord ? lower.Substring(i, length) : TitleFirst(point));
            inWord = Rune.TryGetRuneAt(text, i, out var rune) && IsCased(rune);
            i += length;
        }

        return result.ToString();
    }

    public static string SwapCase(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var point in Each(text))
            result.Append(
                Rune.TryGetRuneAt(point, 0, out var rune) && Rune.IsUpper(rune) ? Lower(point) : Upper(point));
        return result.ToString();
    }

    public static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or
        UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter || rune.Value is 0xAA or 0xBA;

    /// <summary>Whether repr shows the character as it is.</summary>
    public static bool IsPrintable(int point)
    {
        if (point == ' ')
            return true;
        var category = point < 0x10000
            ? char.GetUnicodeCategory((char)point) : CharUnicodeInfo.GetUnicodeCategory(point);
        return category is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or
            UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or
            UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
    }

    /// <summary>At every kind of line end that Python knows; a last empty line is none.</summary>
    public static List<string> Lines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var length = text.AsSpan(start).IndexOfAny(s_lineEnds);
            var end = length < 0 ? text.Length : start + length;
            var next = end == text.Length ? end
                : end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }

        return lines;
    }

    private static readonly System.Buffers.SearchValues<char> s_longer =
        System.Buffers.SearchValues.Create("ßŉǰﬀﬁﬂﬃﬄﬅﬆ");

    private static readonly System.Buffers.SearchValues<char> s_lineEnds =
        System.Buffers.SearchValues.Create("\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029");
}
