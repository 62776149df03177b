namespace Wisp.Model;

/// <summary>
/// Cuts a text into the pieces inside which byte pairs merge. One scanner by hand for the regular expressions that
/// llama.cpp knows under the names in <see cref="Known"/>, over UTF-8 bytes:
/// <code>
/// llama-bpe  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
/// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ qwen2      the same with \p{N} for \p{N}{1,3}
/// gpt-2      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// </code>
/// </summary>
/// <remarks>
/// A byte that is not part of a well-formed character counts as one character of no class, so such a text is cut where
/// llama.cpp cuts it after putting U+FFFD there. Here the bytes themselves stay. A surrogate in three bytes is one
/// character of no class, as in llama.cpp.
/// </remarks>
public sealed class PreTokenizer
{
    private readonly bool _gpt2;
    private readonly int _maxDigits;

    private PreTokenizer(string name, bool gpt2, int maxDigits, bool ignoreMerges)
    {
        Name = name;
        _gpt2 = gpt2;
        _maxDigits = maxDigits;
        IgnoreMerges = ignoreMerges;
    }

    /// <summary>Names that <see cref="Of"/> takes.</summary>
    public static IReadOnlyList<string> Known { get; } = ["llama-bpe", "qwen2", "gpt-2"];

    /// <summary>The value of tokenizer.ggml.pre.</summary>
    public string Name { get; }

    /// <summary>A piece that is itself a token is taken as that token, whether or not merges lead to it.</summary>
    public bool IgnoreMerges { get; }

    public static PreTokenizer Of(string name) => name switch
    {
        "llama-bpe" => new(name, gpt2: false, maxDigits: 3, ignoreMerges: true),
        "qwen2" => new(name, gpt2: false, maxDigits: 1, ignoreMerges: false),
        "gpt-2" => new(name, gpt2: true, maxDigits: int.MaxValue, ignoreMerges: false),
        _ => throw new InvalidDataException(
            $"tokenizer.ggml.pre is '{name}', a way to split text that is not known here. Known: " +
            $"{string.Join(", ", Known)}."),
    };

    /// <summary>Where the piece that begins at <paramref name="start"/> ends; always past it.</summary>
    public int End(ReadOnlySpan<byte> text, int start)
    {
        if (text[start] == '\'' && Contraction(text, start) is > 0 and var end)
            return end;
        return _gpt2 ? EndGpt2(text, start) : EndLlama(text, start);
    }

    private int EndLlama(ReadOnlySpan<byte> text, int start)
    {
        var first = ClassAt(text, start, out var width);
        if (first == CharacterClass.Letter)
            return EndOfRun(text, start + width, CharacterClass.Letter);
        if (first == CharacterClass.Number)
            return EndOfDigits(text, start + width);

        // One character before a word belongs to it, unless it ends a line.
        var second = ClassAt(text, start + width, out var secondWidth);
        if (first != CharacterClass.Newline && second == CharacterClass.Letter)
            return EndOfRun(text, start + width + secondWidth, CharacterClass.Letter);

        if (first == CharacterClass.Other || (text[start] == ' ' && second == CharacterClass.Other))
        {
            var at = EndOfRun(text, start + width, CharacterClass.Other);
            while (at < text.Length && text[at] is (byte)'\r' or (byte)'\n')
                at++;
            return at;
        }

        return EndOfSpaces(text, start, endAtNewline: true);
    }

    private static int EndGpt2(ReadOnlySpan<byte> text, int start)
    {
        var at = text[start] == ' ' ? start + 1 : start;
        var kind = ClassAt(text, at, out var width);
        return kind is CharacterClass.Letter or CharacterClass.Number or CharacterClass.Other
            ? EndOfRun(text, at + width, kind)
            : EndOfSpaces(text, start, endAtNewline: false);
    }

    private static int EndOfRun(ReadOnlySpan<byte> text, int at, CharacterClass kind)
    {
        while (ClassAt(text, at, out var width) == kind)
            at += width;
        return at;
    }

    private int EndOfDigits(ReadOnlySpan<byte> text, int at)
    {
        for (var digits = 1; digits < _maxDigits; digits++)
        {
            if (ClassAt(text, at, out var width) != CharacterClass.Number)
                break;
            at += width;
        }

        return at;
    }

    // \s*[\r\n]+ takes spaces up to the last line end among them; \s+(?!\S) leaves one space for the word that follows.
    private static int EndOfSpaces(ReadOnlySpan<byte> text, int start, bool endAtNewline)
    {
        var at = start;
        var last = start;
        var lineEnd = 0;
        while (true)
        {
            var kind = ClassAt(text, at, out var width);
            if (kind is not (CharacterClass.Space or CharacterClass.Newline))
            {
                if (lineEnd > 0)
                    return lineEnd;
                return kind == CharacterClass.None || last == start ? at : last;
            }

            last = at;
            at += width;
            if (endAtNewline && kind == CharacterClass.Newline)
                lineEnd = at;
        }
    }

    private int Contraction(ReadOnlySpan<byte> text, int start)
    {
        var first = Letter(text, start + 1);
        if (first is 's' or 't' or 'm' or 'd')
            return start + 2;
        var second = Letter(text, start + 2);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? start + 3 : 0;

        int Letter(ReadOnlySpan<byte> text, int at) =>
            at >= text.Length ? 0 : _gpt2 || text[at] is < (byte)'A' or > (byte)'Z' ? text[at] : text[at] | 0x20;
    }

    private static CharacterClass ClassAt(ReadOnlySpan<byte> text, int at, out int width)
    {
        width = 1;
        if ((uint)at >= (uint)text.Length)
            return CharacterClass.None;
        var lead = text[at];
        return lead < 0x80 ? UnicodeClasses.Of(lead) : ClassOfWide(text[at..], out width);
    }

    private static CharacterClass ClassOfWide(ReadOnlySpan<byte> text, out int width)
    {
        width = 1;
        var lead = text[0];
        var length = lead switch { < 0xC2 => 1, < 0xE0 => 2, < 0xF0 => 3, < 0xF5 => 4, _ => 1 };
        if (length == 1 || text.Length < length)
            return CharacterClass.Other;

        var codePoint = lead & (0x7F >> length);
        for (var i = 1; i < length; i++)
        {
            if ((text[i] & 0xC0) != 0x80)
                return CharacterClass.Other;
            codePoint = codePoint << 6 | (text[i] & 0x3F);
        }

        // Too long a spelling of a smaller number, or a number past the last code point.
        if ((length == 3 && codePoint < 0x800) || (length == 4 && codePoint is < 0x10000 or > 0x10FFFF))
            return CharacterClass.Other;
        width = length;
        return UnicodeClasses.Of(codePoint);
    }
}
