namespace Wisp.Model;

/// <summary><c>[^\n]+|\n+</c>: lines, and what lies between them.</summary>
internal sealed class LineCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var rest = text[at..];
        var length = rest[0] == '\n' ? rest.IndexOfAnyExcept((byte)'\n') : rest.IndexOf((byte)'\n');
        return length < 0 ? text.Length : at + length;
    }
}

/// <summary><c>\s+$</c>: the white space that ends a text.</summary>
internal sealed class TrailingSpaceCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at) => Start(text, at) == at ? text.Length : -1;

    // Looking at each place of a long run of spaces for its end would be quadratic.
    public override int End(ReadOnlySpan<byte> text, int at) =>
        Start(text, at) is var start && start > at ? start : text.Length;

    // Not before the piece: all that stands there has been cut already.
    private static int Start(ReadOnlySpan<byte> text, int from)
    {
        var start = text.Length;
        while (start > from && Utf8Scan.ClassBefore(text, start) == CharacterClass.Space)
        {
            do
                start--;
            while ((text[start] & 0xC0) == 0x80);
        }

        return start;
    }
}

/// <summary>
/// <c>\s{512}|\s{256}|\s{128}|\s{64}|\s{32}|\s{16}|\s{8}|\s{4}|\s{1,2}</c> of what an earlier cut has left as nothing
/// but white space without a line end; any other piece stays whole.
/// </summary>
internal sealed class SpaceGroupCut : Cut
{
    private const int Longest = 512;

    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var count = 0;
        var end = at;
        while (count < Longest && Utf8Scan.ClassAt(text, end, out var width) == CharacterClass.Space
            && !UnicodeClasses.IsNewline(text[end]))
        {
            end += width;
            count++;
        }

        if (count < Longest && end < text.Length)
            return text.Length;
        var wanted = Longest;
        while (wanted > count)
            wanted /= 2;
        for (; count > wanted; count--)
        {
            do
                end--;
            while ((text[end] & 0xC0) == 0x80);
        }

        return end;
    }
}

/// <summary>
/// Numbers in groups of three, counted from the right end of their run; what stands before a run stays with its first
/// group. So llama.cpp reads <c>\d{1,3}(?=(?:\d{3})*\b)</c>.
/// </summary>
internal sealed class ThousandsCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at) => End(text, at);

    public override int End(ReadOnlySpan<byte> text, int at)
    {
        // Inside a run this is where it was cut, so three times n digits are left.
        if (Utf8Scan.ClassAt(text, at, out _) == CharacterClass.Number
            && Utf8Scan.ClassBefore(text, at) == CharacterClass.Number)
            return Skip(text, at, 3);

        CharacterClass kind;
        while ((kind = Utf8Scan.ClassAt(text, at, out var width)) != CharacterClass.Number && kind != default)
            at += width;
        var count = 0;
        for (var end = at; Utf8Scan.ClassAt(text, end, out var width) == CharacterClass.Number; end += width)
            count++;
        return Skip(text, at, count > 0 && count % 3 == 0 ? 3 : count % 3);
    }

    private static int Skip(ReadOnlySpan<byte> text, int at, int characters)
    {
        for (; characters > 0; characters--)
        {
            Utf8Scan.ClassAt(text, at, out var width);
            at += width;
        }

        return at;
    }
}

/// <summary>
/// <c>(?=(\d{3})+(?!\d))</c>, which matches nothing but a place: before three, six, nine ... digits that end their run.
/// </summary>
internal sealed class ThousandsBorderCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at) => End(text, at);

    public override int End(ReadOnlySpan<byte> text, int at)
    {
        for (var place = at; place < text.Length;)
        {
            if (!IsDigit(text, place))
            {
                place++;
                continue;
            }

            // Inside a run this is where it was cut, so three times n digits are left.
            if (place == at && at > 0 && IsDigit(text, at - 1))
            {
                place += 3;
                if (IsDigit(text, place))
                    return place;
                continue;
            }

            var end = place;
            while (IsDigit(text, end))
                end++;
            var head = (end - place) % 3;
            var cut = head > 0 ? place + head : place > at ? place : place + 3;
            if (cut < end)
                return cut;
            place = end;
        }

        return text.Length;
    }

    private static bool IsDigit(ReadOnlySpan<byte> text, int at) =>
        at < text.Length && char.IsAsciiDigit((char)text[at]);
}
