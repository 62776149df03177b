using System.Text;

namespace Wisp.Mounts;

/// <summary>
/// Cuts a document into spans that a search can give back: at ends of paragraphs where there are any, else of lines,
/// sentences or words, never inside a character. Together they are the whole document, each byte once.
/// </summary>
internal static class Chunks
{
    /// <summary>Bytes of the longest: some 350 tokens.</summary>
    public const int Most = 1600;

    public static List<(int From, int To)> Of(ReadOnlySpan<byte> text)
    {
        var spans = new List<(int, int)>();
        for (var at = 0; at < text.Length;)
        {
            var end = text.Length - at <= Most ? text.Length : at + CutBefore(text.Slice(at, Most));
            spans.Add((at, end));
            at = end;
        }

        return spans;
    }

    private static int CutBefore(ReadOnlySpan<byte> piece)
    {
        foreach (var mark in (ReadOnlySpan<string>)["\n\n", "\n", ". ", " "])
            if (piece.LastIndexOf(Encoding.UTF8.GetBytes(mark)) is var cut && cut > piece.Length / 3)
                return cut + mark.Length;
        var end = piece.Length;
        while (end > piece.Length - 3 && (piece[end - 1] & 0xC0) == 0x80)
            end--;
        return (piece[end - 1] & 0xC0) == 0xC0 ? end - 1 : piece.Length;
    }
}
