namespace Wisp.Model;

/// <summary>Where a split takes an English contraction such as 'll for a unit.</summary>
internal enum Contractions
{
    None,

    /// <summary>A piece of its own.</summary>
    Alone,

    /// <summary>The end of the word before it.</summary>
    AtWord,
}

/// <summary>What a word is made of.</summary>
internal enum WordLetters
{
    /// <summary><c>\p{L}+</c></summary>
    Letters,

    /// <summary><c>[\p{L}\p{M}]+</c></summary>
    Marked,

    /// <summary>Small letters after capitals, of which only A to Z and a to z have a case here.</summary>
    Cased,

    /// <summary>The same with marks among the letters.</summary>
    CasedMarked,

    /// <summary><c>(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+</c>: words with single blanks between them.</summary>
    Spaced,

    /// <summary>Chinese characters apart from the letters of all other scripts.</summary>
    HanApart,
}

/// <summary>What a run of signs takes with it.</summary>
internal enum SignTail
{
    None,
    Newlines,
    NewlinesAndSlashes,
    OneNewline,
}

/// <summary>
/// The family of expressions that began with GPT-4 and that most vocabularies use, in one scanner by hand:
/// <code>
/// contraction | [^\r\n\p{L}\p{N}]?word+ | \p{N}{1,digits} |  ?[^\s\p{L}\p{N}]+tail | \s*[\r\n]+ | \s+(?!\S) | \s+
/// </code>
/// Every character is in some match, and the time is linear whatever the text.
/// </summary>
internal sealed class WordCut(WordLetters letters, int digits, SignTail tail, Contractions contractions) : Cut
{
    private const CharacterClass Letter = CharacterClass.Letter, Mark = CharacterClass.Mark;

    private readonly CharacterClass _word = letters is WordLetters.Marked or WordLetters.CasedMarked
        ? Letter | Mark : Letter;

    private readonly CharacterClass _sign = CharacterClass.Punctuation | CharacterClass.Symbol |
        CharacterClass.Control | CharacterClass.Other | (letters == WordLetters.Marked && contractions ==
            Contractions.Alone ? default : Mark);

    public override int Match(ReadOnlySpan<byte> text, int at) => End(text, at);

    public override int End(ReadOnlySpan<byte> text, int at)
    {
        if (text[at] == '\'' && contractions == Contractions.Alone
            && EndOfContraction(text, at, anyCase: true) is > 0 and var contracted)
            return contracted;

        if (letters == WordLetters.HanApart && IsHan(text, at, out _))
            return EndOfScript(text, at, lead: 0);
        var first = Utf8Scan.ClassAt(text, at, out var width);
        if (first == CharacterClass.Number)
            return EndOfDigits(text, at + width);

        // One character before a word belongs to it, unless it ends a line.
        var second = Utf8Scan.ClassAt(text, at + width, out _);
        var leads = (first & Letter) == 0 && !UnicodeClasses.IsNewline(text[at]) && (second & _word) != 0;
        if ((first & _word) != 0 || leads)
        {
            var end = EndOfWord(text, at, leads ? width : 0);
            if (end > 0)
                return contractions == Contractions.AtWord && EndOfContraction(text, end, anyCase: true) is > 0 and
                    var joined ? joined : end;
        }

        if ((first & _sign) != 0 || (text[at] == ' ' && (second & _sign) != 0))
            return EndOfTail(text, EndOfRun(text, at + width, _sign));
        return EndOfSpaces(text, at, lines: true);
    }

    // What leads the word, if anything does, is `lead` bytes long.
    private int EndOfWord(ReadOnlySpan<byte> text, int at, int lead)
    {
        switch (letters)
        {
            case WordLetters.Cased:
                return EndOfCased(text, at + lead, Letter, bothOnly: false);
            case WordLetters.CasedMarked:
                // A mark may lead, but not where only capitals follow: then it is a word by itself.
                if (lead > 0 && Utf8Scan.ClassAt(text, at, out _) == Mark)
                    return EndOfCased(text, at + lead, _word, bothOnly: true) is > 0 and var led
                        ? led : EndOfCased(text, at, _word, bothOnly: true);
                return EndOfCased(text, at + lead, _word, bothOnly: false);
            case WordLetters.Spaced:
                return EndOfSpaced(text, at + lead);
            case WordLetters.HanApart:
                return EndOfScript(text, at, lead);
            default:
                return EndOfRun(text, at + lead, _word);
        }
    }

    // [^a-z]*[^A-Z]+ and, failing that, [^a-z]+[^A-Z]*, both of letters. Where no small letter follows the capitals,
    // the first gives back as many of them as it must, up to one that has no case.
    private static int EndOfCased(ReadOnlySpan<byte> text, int start, CharacterClass word, bool bothOnly)
    {
        var at = start;
        var caseless = 0;
        while ((Utf8Scan.ClassAt(text, at, out var width) & word) != 0 && text[at] is < (byte)'a' or > (byte)'z')
        {
            var capital = text[at] is >= (byte)'A' and <= (byte)'Z';
            at += width;
            if (!capital)
                caseless = at;
        }

        var end = at;
        while ((Utf8Scan.ClassAt(text, end, out var width) & word) != 0 && text[end] is < (byte)'A' or > (byte)'Z')
            end += width;
        if (end > at || caseless > 0)
            return end > at ? end : caseless;
        return bothOnly || at == start ? -1 : at;
    }

    private static int EndOfSpaced(ReadOnlySpan<byte> text, int at)
    {
        while (true)
        {
            at = EndOfRun(text, at, Letter | Mark);
            if (at >= text.Length || text[at] != ' ' || Utf8Scan.ClassAt(text, at + 1, out _) != Letter)
                return at;
            at++;
        }
    }

    private static int EndOfScript(ReadOnlySpan<byte> text, int at, int lead)
    {
        var han = IsHan(text, at + lead, out _);
        if (han && lead > 0)
            return -1; // nothing leads Chinese characters
        at += lead;
        while (Utf8Scan.ClassAt(text, at, out _) is var kind && IsHan(text, at, out var width) == han
            && (han || kind == Letter))
            at += width;
        return at;
    }

    // The blocks of Han that llama.cpp names; not all of the script.
    private static bool IsHan(ReadOnlySpan<byte> text, int at, out int width) =>
        Utf8Scan.CodePointAt(text, at, out width) is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
            or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2EBEF)
            or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    private int EndOfDigits(ReadOnlySpan<byte> text, int at)
    {
        for (var count = 1; count < digits; count++)
        {
            if (Utf8Scan.ClassAt(text, at, out var width) != CharacterClass.Number)
                break;
            at += width;
        }

        return at;
    }

    private int EndOfTail(ReadOnlySpan<byte> text, int at)
    {
        if (tail == SignTail.Newlines)
            return EndOfNewlines(text, at);
        if (tail == SignTail.NewlinesAndSlashes)
            while (at < text.Length && (UnicodeClasses.IsNewline(text[at]) || text[at] == '/'))
                at++;
        else if (tail == SignTail.OneNewline && at < text.Length && UnicodeClasses.IsNewline(text[at]))
            at++;
        return at;
    }
}

/// <summary>
/// The expression of GPT-2: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal sealed class Gpt2Cut : Cut
{
    private const CharacterClass Signs = CharacterClass.Mark | CharacterClass.Punctuation | CharacterClass.Symbol |
        CharacterClass.Control | CharacterClass.Other;

    public override int Match(ReadOnlySpan<byte> text, int at) => End(text, at);

    public override int End(ReadOnlySpan<byte> text, int at)
    {
        if (text[at] == '\'' && EndOfContraction(text, at, anyCase: false) is > 0 and var end)
            return end;
        var first = text[at] == ' ' ? at + 1 : at;
        var kind = Utf8Scan.ClassAt(text, first, out var width);
        if ((kind & Signs) != 0)
            return EndOfRun(text, first + width, Signs);
        return kind is CharacterClass.Letter or CharacterClass.Number
            ? EndOfRun(text, first + width, kind)
            : EndOfSpaces(text, at, lines: false);
    }
}
