namespace Wisp.Memory;

/// <summary>Cuts a text into short pieces, at ends of paragraphs, lines or words where there are any.</summary>
internal static class TextPieces
{
    /// <param name="first">Tokens of the first piece at most.</param>
    /// <param name="others">Tokens of any other.</param>
    /// <param name="tokensOf">Tokens that a piece comes to.</param>
    public static List<string> Of(string text, int first, int others, Func<string, int> tokensOf)
    {
        var pieces = new List<string>();
        var most = first;
        for (var at = 0; at < text.Length || pieces.Count == 0; most = others)
        {
            // A token is one character or more, mostly; a piece that turns out too long is halved until it fits.
            var length = Math.Min(text.Length - at, Math.Max(1, most) * 6);
            while (length > 1 && tokensOf(text.Substring(at, length)) > most)
                length = Math.Max(1, length * 3 / 4);
            length = at + length < text.Length ? CutBefore(text, at, length) : length;
            pieces.Add(text.Substring(at, length));
            at += Math.Max(1, length);
        }

        return pieces;
    }

    private static int CutBefore(string text, int at, int length)
    {
        var piece = text.AsSpan(at, length);
        foreach (var end in (ReadOnlySpan<string>)["\n\n", "\n", ". ", " "])
            if (piece.LastIndexOf(end) is var cut && cut > length / 2)
                return cut + end.Length;
        return length > 1 && char.IsHighSurrogate(piece[^1]) ? length - 1 : length;
    }
}
