using System.Text;
using Wisp.Train.Data;

namespace Wisp.Tests.Train.Data;

public class TextCleanerTests
{
    // Long enough to count as running text: what comes before the first such paragraph may be front matter.
    private const string Long =
        "The lamp stood in the window all night, and whoever came up the lane could see it from the mill. Nobody had " +
        "asked\n" +
        "for it; it had been lit one evening when the fog lay thick on the river, and after that nobody had the " +
        "heart to put\n" +
        "it out again, not even when the oil grew dear and the winter went on and on without an end.";

    private const string LongLine =
        "The lamp stood in the window all night, and whoever came up the lane could see it from the mill. Nobody had " +
        "asked " +
        "for it; it had been lit one evening when the fog lay thick on the river, and after that nobody had the " +
        "heart to put " +
        "it out again, not even when the oil grew dear and the winter went on and on without an end.";

    [Fact]
    public void Plain_text_loses_trailing_blanks_and_nothing_else()
    {
        const string Text = "def f(x):  \n\treturn  x_1 # “done”\t\n\n\n  [12] *a*\n";
        Assert.Equal("def f(x):\n\treturn  x_1 # “done”\n\n\n  [12] *a*\n",
            Assert.Single(Clean(Text, CleaningOptions.Plain)));
    }

    [Theory]
    [InlineData("“Oh—no…” said ‘he’", "\"Oh--no...\" said 'he'")]
    [InlineData("a\u00A0b\u00ADc – ſo", "a bc - so")]
    [InlineData("café naïve", "café naïve")]
    public void Typographic_characters_become_ascii(string text, string expected) =>
        Assert.Equal(expected, BookMarks.ToAscii(text));

    [Theory]
    [InlineData("a [Illustration: The mill] b", "a  b")]
    [InlineData("a [Illustration: The [old] mill\n\nin winter] b", "a  b")]
    [InlineData("a [Illustration: never closed", "a [Illustration: never closed")]
    [InlineData("word[12] and word [A] and word{3}.", "word and word  and word.")]
    [InlineData("[Exit the miller.] [Pg 12]On", "[Exit the miller.] On")]
    [InlineData("_very_ =old= *mill* #here# ~now~ /then/", "very old mill here now then")]
    [InlineData("2 = 2, 3*4, a/b, and/or, 5 + 5", "2 = 2, 3*4, a/b, and/or, 5 + 5")]
    [InlineData("C[oe]ur", "Coeur")]
    [InlineData("as he said.* Then", "as he said. Then")]
    [InlineData("[4] He means the mill.", "[4] He means the mill.")] // a footnote, which is dropped as a paragraph
    public void Marks_of_transcribers_go(string text, string expected) =>
        Assert.Equal(expected, BookMarks.Remove(text, out _));

    [Fact]
    public void Paragraphs_become_one_line_and_verse_keeps_its_lines()
    {
        const string Text = Long + "\n\n" +
            "    The mill goes round,\n    The wheel goes deep,\n    And all the town\n    Is fast asleep.\n\n" +
            "He had a well-\nknown face--\nand it was an old one, too, as everybody in the little town by the river " +
            "knew quite well.\n\n" +
            "       *       *       *       *       *\n\n" + Long;
        Assert.Equal(LongLine +
            "\n\nThe mill goes round,\nThe wheel goes deep,\nAnd all the town\nIs fast asleep.\n\n" +
            "He had a well-known face--and it was an old one, too, as everybody in the little town by the river knew " +
            "quite well.\n\n" +
            "* * *\n\n" + LongLine + "\n", Assert.Single(Clean(Text)));
    }

    [Fact]
    public void What_stands_around_a_book_goes()
    {
        var front =
            "[Transcriber's Note: Spelling as printed.]\n\nTHE LAMP\n\nBy A. WRITER\n\nNEW YORK\nSOME PRESS, " +
            "PUBLISHERS\n1899\n\n" +
            "CONTENTS\n\n   I. THE WINDOW                  1\n\n  II. THE MILL                   12\n\n" +
            "PREFACE\n\n" + Long.Replace("lamp", "preface") + "\n\n";
        var back =
            "\n\nTHE END\n\nOTHER BOOKS BY A. WRITER\n\nTHE MILL; or, The Miller. 12mo, cloth. Price $1.00 " +
            "postpaid.\n\n" + Long.Replace("lamp", "advertisement");
        var body = string.Join("\n\n", Enumerable.Repeat(Long, 6));
        var text = front + "CHAPTER I.\n\nTHE WINDOW.\n\n\"Who is there?\"\n\n" + Long +
            "\n\n[3] A footnote.\n\nCHAPTER II.\n\nTHE MILL.\n\n" + body + back;
        Assert.Equal(
            ["CHAPTER I. THE WINDOW\n\n\"Who is there?\"\n\n" + LongLine + "\n",
                "CHAPTER II. THE MILL\n\n" + string.Join("\n\n", Enumerable.Repeat(LongLine, 6)) + "\n"],
            Clean(text, CleaningOptions.Books with { MinChapterBytes = 100 }));
    }

    [Fact]
    public void An_advertisement_in_the_story_is_not_the_end_of_it()
    {
        var tail = string.Join("\n\n", Enumerable.Repeat("\"Yes,\" said the miller, and he went on as before.", 60));
        var text = string.Join("\n\n", Enumerable.Repeat(Long, 60)) +
            "\n\nIt was sold by the same author of the mill, price 5 cents each.\n\n" + tail;
        Assert.Contains("5 cents each", Assert.Single(Clean(text)));
    }

    [Fact]
    public void Short_chapters_are_joined_and_long_ones_cut_between_paragraphs()
    {
        var chapters = Enumerable.Range(1, 9)
            .Select(n => $"CHAPTER {n}\n\n" + string.Join("\n\n", Enumerable.Repeat(Long, n % 3 == 0 ? 30 : 1)));
        var options = CleaningOptions.Books with { MinChapterBytes = 1000, MaxChapterBytes = 4000 };
        var documents = Clean(string.Join("\n\n", chapters), options);
        Assert.All(documents.SkipLast(1), d => Assert.InRange(d.Length, 1000, 4000 + LongLine.Length));
        var whole = string.Join("\n\n",
            Enumerable.Range(1, 9).Select(n =>
            $"CHAPTER {n}\n\n" + string.Join("\n\n", Enumerable.Repeat(LongLine, n % 3 == 0 ? 30 : 1))));
        Assert.Equal(whole, string.Join("\n\n", documents.Select(d => d.TrimEnd())));
    }

    [Theory]
    [InlineData("CHAPTER IV."), InlineData("Chapter Nineteen"), InlineData("XIV"), InlineData("II. THE MILL"),
        InlineData("STAVE ONE."), InlineData("7")]
    [InlineData("BOOK THE FIRST"), InlineData("ACT II"), InlineData("I--THE MILL"), InlineData("12. A New Hat"),
        InlineData("PROLOGUE")]
    public void Numbered_headings_are_seen(string line) =>
        Assert.Equal(BlockKind.Numbered, Assert.Single(BookBlock.Parse(line)).Kind);

    [Theory]
    [InlineData("I went home."), InlineData("Clara came in."), InlineData("\"CHAPTER IV!\" he cried."),
        InlineData("I. was the name she wrote,")]
    [InlineData("Part of it was lost."), InlineData("Mild it was."), InlineData("1850 was a good year for mills."),
        InlineData("CLARA CAME HOME")]
    public void Sentences_are_no_numbered_headings(string line) =>
        Assert.NotEqual(BlockKind.Numbered, Assert.Single(BookBlock.Parse(line)).Kind);

    [Fact]
    public void Paragraphs_with_slurs_go_and_dense_documents_altogether()
    {
        var slur = Rot13("avttre");
        Assert.Equal(LongLine + "\n\n" + LongLine + "\n",
            Assert.Single(Clean($"{Long}\n\nHe called him a {slur.ToUpperInvariant()}, too.\n\n{Long}")));
        var tally = new Tally();
        Assert.Empty(Clean(string.Join("\n\n", Enumerable.Repeat($"{Long}\n\nThe {slur}-talk went on.", 4)),
            CleaningOptions.Books, tally));
        Assert.Equal(1, tally.Count("dense with slurs"));
    }

    [Theory]
    [InlineData("niggardly"), InlineData("raccoon"), InlineData("a chink in the wall"), InlineData("spice"),
        InlineData("Japan"), InlineData("dagger")]
    public void Innocent_words_stay(string words) => Assert.False(Slurs.In(words));

    [Fact]
    public void Tables_are_no_running_text()
    {
        var tally = new Tally();
        Assert.Empty(Clean(string.Join("\n\n",
            Enumerable.Repeat(string.Concat(Enumerable.Range(0, 40).Select(i => $"{i * 7919} ")) + "miles.", 20)),
            CleaningOptions.Books, tally));
        Assert.Equal(1, tally.Count("hardly any running text"));
    }

    [Fact]
    public void No_text_makes_the_cleaner_fail()
    {
        string[] pieces = ["\n", "\n\n", " ", "[", "]", "{", "}", "_", "=", "*", "* * *", "CHAPTER I", "CONTENTS",
            "THE END", "I.", "a", "Word. ", "\"",
            "—", "😀", "\t", "[Illustration", "Transcriber's Note", "PREFACE", Long, "12mo, cloth. Price $1 " +
            "postpaid", "é", "\uFFFF"];
        var random = new Random(8);
        for (var n = 0; n < 1500; n++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(60))
                .Select(_ => pieces[random.Next(pieces.Length)]));
            foreach (var document in Clean(text,
                CleaningOptions.Books with { MinChapterBytes = 10, MaxChapterBytes = 500 }))
                Assert.NotEqual("", document.Trim());
        }
    }

    private static List<string> Clean(string text, CleaningOptions? options = null, Tally? tally = null) =>
        [.. TextCleaner.Clean(new Document("a.txt", "", Encoding.UTF8.GetBytes(text)), options ?? CleaningOptions.Books,
            tally ?? new Tally())
            .Select(d => Encoding.UTF8.GetString(d.Text.Span))];

    private static string Rot13(string text) => string.Concat(text.Select(c => (char)('a' + (c - 'a' + 13) % 26)));
}
