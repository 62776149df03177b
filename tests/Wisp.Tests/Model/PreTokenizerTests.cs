using System.Globalization;
using System.Text;
using Wisp.Model;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Model;

public class PreTokenizerTests
{
    private static List<string> Pieces(string pre, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [.. Pieces(pre, bytes).Select(Encoding.UTF8.GetString)];
    }

    private static List<byte[]> Pieces(string pre, byte[] bytes)
    {
        var split = PreTokenizer.Of(pre);
        var pieces = new List<byte[]>();
        foreach (var piece in split.Cut(bytes))
        {
            Assert.NotEqual(0, piece.Length);
            pieces.Add(piece.ToArray());
        }

        Assert.Equal(bytes, pieces.SelectMany(piece => piece));

        return pieces;
    }

    [Theory]
    [InlineData("llama-bpe"), InlineData("qwen2"), InlineData("gpt-2")]
    public void The_scanner_splits_as_the_regular_expression_does(string pre)
    {
        var regex = pre switch
        {
            "gpt-2" => NaiveBpe.Gpt2Split,
            "qwen2" => NaiveBpe.Qwen2Split,
            _ => NaiveBpe.LlamaSplit,
        };
        var random = new Random(7);
        for (var i = 0; i < 5_000; i++)
        {
            var text = SampleText.Text(random, random.Next(1, 30));
            Assert.Equal(regex.Matches(text).Select(match => match.Value), Pieces(pre, text));
        }
    }

    [Fact]
    public void Classes_of_old_scripts_agree_with_the_runtime()
    {
        // Up to U+05FF no character has been added since Unicode 15.1, and the runtime's tables are not older.
        for (var c = 0; c < 0x600; c++)
        {
            var expected = char.IsWhiteSpace((char)c) ? CharacterClass.Space
                : char.IsLetter((char)c) ? CharacterClass.Letter
                : char.IsNumber((char)c) ? CharacterClass.Number
                : char.IsPunctuation((char)c) ? CharacterClass.Punctuation
                : char.IsSymbol((char)c) ? CharacterClass.Symbol
                : CharUnicodeInfo.GetUnicodeCategory(c) switch
                {
                    UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark => CharacterClass.Mark,
                    UnicodeCategory.Control or UnicodeCategory.Format => CharacterClass.Control,
                    _ => CharacterClass.Other,
                };
            Assert.Equal(expected, UnicodeClasses.Of(c));
        }
    }

    [Theory]
    [InlineData(0x1680, "Space"), InlineData(0x2000, "Space"), InlineData(0x200A, "Space")]
    [InlineData(0x200B, "Control"), InlineData(0x180E, "Control"), InlineData(0x2028, "Space")]
    [InlineData(0x3000, "Space"), InlineData(0xFEFF, "Control"), InlineData(0x4E00, "Letter")]
    [InlineData(0x9FFF, "Letter"), InlineData(0xAC00, "Letter"), InlineData(0xD7A3, "Letter")]
    [InlineData(0xD800, "Control"), InlineData(0xDFFF, "Control"), InlineData(0xE000, "Control")]
    [InlineData(0xF8FF, "Control"), InlineData(0xFFFD, "Symbol"), InlineData(0x1D7CE, "Number")]
    [InlineData(0x1D7FF, "Number"), InlineData(0x1D800, "Symbol"), InlineData(0x2EBF0, "Letter")]
    [InlineData(0x323AF, "Letter"), InlineData(0x323B0, "Other"), InlineData(0xE0001, "Control")]
    [InlineData(0xE0100, "Mark"), InlineData(0xE01EF, "Mark"), InlineData(0xE01F0, "Other")]
    [InlineData(0x10FFFD, "Control"), InlineData(0x10FFFF, "Other"), InlineData(0x093E, "Mark")]
    [InlineData(0x1C89, "Other")] // a letter since Unicode 16
    public void Classes_at_the_edges_of_blocks(int codePoint, string expected) =>
        Assert.Equal(expected, UnicodeClasses.Of(codePoint).ToString());

    [Fact]
    public void A_byte_that_is_no_character_splits_like_the_replacement_character()
    {
        var random = new Random(8);
        for (var i = 0; i < 5_000; i++)
        {
            var text = "\ufffd " + SampleText.Text(random, random.Next(1, 20), wide: true);
            text = text.Replace("...", "\ufffd");
            // Leads without a tail: what follows is a whole character, which never begins with a tail. And a tail
            // alone.
            byte[] bad = [0xFF, 0xC3, 0xE4, 0xF0, 0xC0, 0xF5, 0x80];
            var bytes = new List<byte>();
            foreach (var rune in text.EnumerateRunes())
            {
                if (rune.Value == 0xFFFD) // a tail right after a lead would make a character after all
                    bytes.Add(bad[random.Next(bytes.Count > 0 && bytes[^1] >= 0xC2 ? 6 : 7)]);
                else
                    bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
            }

            var expected = Pieces("llama-bpe", text);
            var actual = Pieces("llama-bpe", [.. bytes]).Select(Encoding.UTF8.GetString);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void A_surrogate_in_three_bytes_is_one_character()
    {
        byte[] text = [0xED, 0xA0, 0x80, (byte)'a', (byte)'b'];
        Assert.Single(Pieces("llama-bpe", text));
        text[0] = 0xEE; // U+E800, private use: the same
        Assert.Single(Pieces("llama-bpe", text));
        text[0] = 0xFF;
        Assert.Equal(2, Pieces("llama-bpe", text).Count);
    }

    [Fact]
    public void An_unknown_name_is_refused_with_the_known_ones()
    {
        var error = Assert.Throws<InvalidDataException>(() => PreTokenizer.Of("tokken"));
        Assert.Contains("tokken", error.Message);
        Assert.Contains("llama-bpe", error.Message);
    }
}
