using System.Text;
using Wisp.Tests.Reference;
using Wisp.Train.Data;

namespace Wisp.Tests.Train.Data;

public class DedupeTests
{
    [Theory]
    [InlineData(0.7), InlineData(0.8), InlineData(0.95)]
    public void What_is_kept_is_what_brute_force_keeps(double threshold)
    {
        // Families of texts with more and more words replaced, so that likeness lies on both sides of the threshold.
        var random = new Random(11);
        var members = new List<string>();
        for (var family = 0; family < 12; family++)
        {
            var words = Enumerable.Range(0, random.Next(40, 400)).Select(_ => $"w{random.Next(5000)}").ToArray();
            for (var member = 0; member < 9; member++)
            {
                members.Add(string.Join(' ', words));
                for (var change = random.Next(1, 3 + words.Length / 60); change > 0; change--)
                    words[random.Next(words.Length)] = $"w{random.Next(5000)}";
            }
        }

        var texts = members.ToArray();
        random.Shuffle(texts);
        var kept = Keep(texts, threshold, out _);
        Assert.Equal(NaiveJaccard.Kept(texts, threshold), kept);
        Assert.InRange(kept.Count, 13, texts.Length - 10); // some of each, else nothing was tested
    }

    [Fact]
    public void The_signature_estimates_the_likeness()
    {
        var random = new Random(3);
        var words = Enumerable.Range(0, 600).Select(_ => $"w{random.Next(5000)}").ToArray();
        var first = string.Join(' ', words);
        for (var n = 0; n < 40; n++)
        {
            words[random.Next(words.Length)] = "other";
            words[random.Next(words.Length)] = "words";
            var other = string.Join(' ', words);
            var j = NaiveJaccard.Of(first, other);
            var estimate = Dedupe.Estimate(Sign(first).MinHashes, Sign(other).MinHashes);
            // Five deviations of the mean of 120 coins that fall with probability j.
            Assert.InRange(estimate - j, -5 * Math.Sqrt(j * (1 - j) / 120) - 1e-9,
                5 * Math.Sqrt(j * (1 - j) / 120) + 1e-9);
        }
    }

    [Fact]
    public void Case_punctuation_and_line_breaks_make_no_difference()
    {
        var kept = Keep(["The fox, the brown fox; it ran.", "the FOX the \"brown\" fox\nit ran",
            "the fox the brown it ran"], 0.8, out var matches);
        Assert.Equal([0, 2], kept);
        Assert.True(matches[1]!.Value.IsExact);
    }

    [Theory]
    [InlineData("a b c d", "a b c d", true), InlineData("a b c d", "a b c e", false), InlineData("", "!?", true),
        InlineData("a", "", false)]
    [InlineData("ä", "ö", false)]
    public void Texts_shorter_than_a_shingle_are_compared_whole(string a, string b, bool same) =>
        Assert.Equal(same ? [0] : [0, 1], Keep([a, b], 0.8, out _));

    [Fact]
    public void The_first_in_order_is_the_one_that_stays()
    {
        var text = string.Join(' ', Enumerable.Range(0, 300));
        var kept = Keep(["something else entirely, as it were", text + " 300", text, text + " 301"], 0.8,
            out var matches);
        Assert.Equal([0, 1], kept);
        Assert.Equal([1, 1], matches.Where(m => m is not null).Select(m => m!.Value.Kept)); // of the kept ones
        Assert.All(matches.Where(m => m is not null), m => Assert.False(m!.Value.IsExact));
    }

    private static List<int> Keep(IReadOnlyList<string> texts, double threshold, out List<Dedupe.Match?> matches)
    {
        var dedupe = new Dedupe(threshold);
        var found = texts.Select(text => dedupe.Add(Encoding.UTF8.GetBytes(text), Sign(text))).ToList();
        matches = found;
        return [.. Enumerable.Range(0, texts.Count).Where(i => found[i] is null)];
    }

    private static Dedupe.Signature Sign(string text) => Dedupe.Sign(Encoding.UTF8.GetBytes(text));
}
