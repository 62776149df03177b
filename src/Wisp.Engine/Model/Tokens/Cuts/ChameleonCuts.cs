namespace Wisp.Model;

/// <summary><c>&lt;sentinel:[0-9]+&gt;</c></summary>
internal sealed class SentinelCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var start = "<sentinel:"u8;
        if (!text[at..].StartsWith(start))
            return -1;
        var digits = at + start.Length;
        var end = digits;
        while (end < text.Length && char.IsAsciiDigit((char)text[end]))
            end++;
        return end > digits && end < text.Length && text[end] == '>' ? end + 1 : -1;
    }
}

/// <summary><c>IMGIMG[A-I]{1,4}Z</c>, an image token of Chameleon.</summary>
internal sealed class ImageTokenCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var start = "IMGIMG"u8;
        if (!text[at..].StartsWith(start))
            return -1;
        var letters = at + start.Length;
        var end = letters;
        while (end < text.Length && end < letters + 4 && text[end] is >= (byte)'A' and <= (byte)'I')
            end++;
        return end > letters && end < text.Length && text[end] == 'Z' ? end + 1 : -1;
    }
}

/// <summary><c>[\t\n]|    |  </c>: a tab, a line feed, four blanks or two.</summary>
internal sealed class IndentCut : Cut
{
    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var rest = text[at..];
        if (rest[0] is (byte)'\t' or (byte)'\n')
            return at + 1;
        return rest.StartsWith("    "u8) ? at + 4 : rest.StartsWith("  "u8) ? at + 2 : -1;
    }
}
