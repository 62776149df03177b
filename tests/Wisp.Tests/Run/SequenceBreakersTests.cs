using System.Text;
using Wisp.Run;

namespace Wisp.Tests.Run;

public class SequenceBreakersTests
{
    private static readonly string[] s_words = ["a", "b", "ab", "\n", "x\ny", "\"", "<", "</", "s>", "/s>", "é"];

    private static SequenceBreakers Of(params string[] breakers) => SequenceBreakers.Of(
        breakers, s_words.Length, id => Encoding.UTF8.GetBytes(s_words[id]), Encode);

    // Longest word first, as greedy tokenizers do.
    private static int[] Encode(byte[] bytes)
    {
        var (text, ids) = (Encoding.UTF8.GetString(bytes), new List<int>());
        while (text.Length > 0)
        {
            var word = s_words.Where(text.StartsWith).MaxBy(w => w.Length)!;
            ids.Add(Array.IndexOf(s_words, word));
            text = text[word.Length..];
        }

        return [.. ids];
    }

    private static int Since(SequenceBreakers breakers, params string[] words) =>
        breakers.TokensSince([.. words.Select(word => Array.IndexOf(s_words, word))]);

    [Fact]
    public void The_tokens_since_the_newest_breaker_count()
    {
        var breakers = Of("\n", "\"");
        Assert.Equal(3, Since(breakers, "a", "b", "a"));
        Assert.Equal(2, Since(breakers, "a", "\"", "b", "\n", "a", "b"));
        Assert.Equal(1, Since(breakers, "x\ny", "a"));
        Assert.Equal(0, Since(breakers, "a", "\""));
        Assert.Equal(0, Since(breakers));
        Assert.Equal(2, Since(SequenceBreakers.None, "\n", "\n"));
    }

    [Fact]
    public void A_breaker_may_be_spread_over_tokens()
    {
        var breakers = Of("</s>");
        Assert.Equal(1, Since(breakers, "a", "<", "/s>", "b"));
        Assert.Equal(1, Since(breakers, "a", "</", "s>", "b"));
        Assert.Equal(4, Since(breakers, "a", "</", "a", "s>")); // not one after the other
        Assert.Equal(2, Since(breakers, "a", "</"));            // not complete
    }

    [Fact]
    public void The_longest_that_fits_counts_and_empty_ones_do_not()
    {
        var breakers = Of("a", "aab", "");
        Assert.Equal(0, Since(breakers, "a", "ab"));
        Assert.Equal(1, Since(breakers, "b", "a", "b"));
        Assert.Equal(1, Since(Of(""), "a"));
    }
}
