namespace Wisp.Model;

/// <summary>
/// The expression of DeepSeek-V3, in which a sign may begin a word and numbers have been cut out before:
/// <code>
/// [!-/:-@[-`{-~][A-Za-z]+ | [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ |  ?[\p{P}\p{S}]+[\r\n]* | \s*[\r\n]+
/// | \s+(?!\S) | \s+
/// </code>
/// </summary>
/// <param name="newlines">Whether line ends stay with what they follow; else each is a piece of its own.</param>
internal sealed class SignWordCut(bool newlines) : Cut
{
    private const CharacterClass Word = CharacterClass.Letter | CharacterClass.Mark;
    private const CharacterClass Sign = CharacterClass.Punctuation | CharacterClass.Symbol;

    public override int Match(ReadOnlySpan<byte> text, int at)
    {
        var first = Utf8Scan.ClassAt(text, at, out var width);
        var second = Utf8Scan.ClassAt(text, at + width, out _);
        if ((first & Sign) != 0 && text[at] < 0x80 && at + 1 < text.Length && char.IsAsciiLetter((char)text[at + 1]))
        {
            for (at++; at < text.Length && char.IsAsciiLetter((char)text[at]);)
                at++;
            return at;
        }

        if ((first & Word) != 0)
            return EndOfRun(text, at, Word);
        if ((first & Sign) == 0 && !UnicodeClasses.IsNewline(text[at]) && (second & Word) != 0)
            return EndOfRun(text, at + width, Word);
        if ((first & Sign) != 0 || (text[at] == ' ' && (second & Sign) != 0))
        {
            var end = EndOfRun(text, at + width, Sign);
            return newlines ? EndOfNewlines(text, end) : end;
        }

        if (first != CharacterClass.Space)
            return -1;
        return !newlines && UnicodeClasses.IsNewline(text[at]) ? at + 1 : EndOfSpaces(text, at, newlines);
    }
}
