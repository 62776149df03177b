using System.Text;
using Wisp.Train.Data;

namespace Wisp.Tests.Train.Data;

public class SplitTests
{
    private static readonly SplitOptions Small = new() { Fraction = 0.02, MinBytes = 2_000, MaxBytes = 20_000 };

    private static Document Doc(int origin, int part, int bytes = 500) =>
        new($"{origin}#{part}", "", Encoding.UTF8.GetBytes(new string('x', bytes))) { Origin = $"origin {origin}" };

    [Fact]
    public void All_parts_of_an_origin_are_on_one_side_and_the_order_stays()
    {
        var documents = Enumerable.Range(0, 300).SelectMany(o => Enumerable.Range(0, 3).Select(p => Doc(o, p)))
            .ToList();
        var sides = Split.Of(documents, Small);
        Assert.Null(sides.Remark);
        Assert.Empty(sides.Train.Select(d => d.Origin).Intersect(sides.HeldOut.Select(d => d.Origin)));
        Assert.Equal(documents.Count, sides.Train.Count + sides.HeldOut.Count);
        Assert.Equal(documents.Where(sides.HeldOut.Contains), sides.HeldOut);
        Assert.Equal(documents.Where(sides.Train.Contains), sides.Train);
        // 300 origins at 2 %: six, give or take four deviations of √6.
        Assert.InRange(sides.HeldOut.Count / 3, 2, 16);
    }

    [Fact]
    public void What_was_held_out_stays_so_when_the_corpus_grows()
    {
        // Small corpora hold out more than the fraction; from then on nothing changes sides.
        var options = Small with { MinBytes = 0, MaxBytes = int.MaxValue, Fraction = 0.05 };
        HashSet<string> before = [];
        foreach (var count in new[] { 200, 300, 700, 1500 })
        {
            var held = Split.Of([.. Enumerable.Range(0, count).Select(o => Doc(o, 0))], options)
                .HeldOut.Select(d => d.Origin).ToHashSet();
            Assert.True(held.IsProperSupersetOf(before), $"{count} documents");
            before = held;
        }
    }

    [Fact]
    public void The_held_out_side_has_a_least_and_a_greatest_size()
    {
        var documents = Enumerable.Range(0, 100).Select(o => Doc(o, 0, 1_000)).ToList();
        Assert.InRange(Split.Of(documents, Small with { Fraction = 0 }).HeldOut.Sum(d => d.Text.Length), 2_000, 3_000);
        Assert.InRange(Split.Of(documents, Small with { Fraction = 1 }).HeldOut.Sum(d => d.Text.Length), 19_000,
            20_000);
    }

    [Fact]
    public void Of_one_document_the_end_is_held_out_from_a_paragraph_on()
    {
        var text = string.Join("\n\n", Enumerable.Range(0, 400)
            .Select(i => $"Paragraph {i} has a few words\nin two lines."));
        var sides = Split.Of([new Document("a.txt", "mine", Encoding.UTF8.GetBytes(text))], new SplitOptions());
        var (train, heldOut) = (Assert.Single(sides.Train), Assert.Single(sides.HeldOut));
        Assert.Equal(("a.txt#train", "a.txt#heldout"), (train.Source, heldOut.Source));
        Assert.Contains("one document", sides.Remark);
        Assert.Equal(text, Encoding.UTF8.GetString(train.Text.Span) + Encoding.UTF8.GetString(heldOut.Text.Span));
        Assert.StartsWith("Paragraph 3", Encoding.UTF8.GetString(heldOut.Text.Span));
        Assert.InRange(heldOut.Text.Length / (double)text.Length, 0.049, 0.06);
    }

    [Theory]
    [InlineData("one line and nothing but words in it, over and over again, to the very end of it all")]
    [InlineData("äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"), InlineData("ab"), InlineData("😀😀")]
    public void Any_text_can_be_cut_between_characters(string text)
    {
        var sides = Split.Of([new Document("a", "", Encoding.UTF8.GetBytes(text))], new SplitOptions());
        Assert.Equal(text, Text(sides.Train) + Text(sides.HeldOut));
        Assert.NotEqual("", Text(sides.HeldOut));
        static string Text(List<Document> d) =>
            new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Assert.Single(d).Text.Span);
    }

    [Fact]
    public void Of_few_documents_the_end_of_each_is_held_out()
    {
        var sides = Split.Of([Doc(1, 0, 9_000), Doc(2, 0, 10_000)], Small);
        Assert.Equal(2, sides.HeldOut.Count);
        Assert.Contains("few files", sides.Remark);
    }

    [Fact]
    public void Of_one_book_the_last_chapters_are_held_out()
    {
        var sides = Split.Of([.. Enumerable.Range(0, 40).Select(part => Doc(1, part))], Small);
        Assert.Equal(["1#38", "1#39"], sides.HeldOut.Select(d => d.Source)); // 5 % of 40
        Assert.Equal(38, sides.Train.Count);
        sides = Split.Of([Doc(1, 0), Doc(1, 1), Doc(1, 2)], Small);
        Assert.Equal(["1#0", "1#1", "1#2#train"], sides.Train.Select(d => d.Source));
        Assert.Equal(75, Assert.Single(sides.HeldOut).Text.Length); // 5 % of 1500 bytes
    }

    [Fact]
    public void Too_little_text_is_an_error() =>
        Assert.Contains("1 bytes of text",
            Assert.Throws<InvalidDataException>(() => Split.Of([Doc(1, 0, 1)], Small)).Message);
}
