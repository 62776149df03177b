using System.Text;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Tests.Run;

public class StopStringsTests
{
    private static readonly string[] s_letters = ["a", "b", "à", "\U0001F98A"]; // of one, one, two and four bytes

    /// <summary>
    /// The definition: the shortest text that ends with a stop string is cut by the longest that it ends with.
    /// </summary>
    private static (string Shown, string? Found) Naive(string text, string[] stops)
    {
        for (var end = 0; end <= text.Length; end++)
        {
            var ending = stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal));
            if (ending.MaxBy(stop => stop.Length) is { } found)
                return (text[..(end - found.Length)], found);
        }

        return (text, null);
    }

    [Fact]
    public void Any_text_in_any_pieces_is_cut_as_the_definition_says()
    {
        var found = 0;
        for (var seed = 0; seed < 4000; seed++)
        {
            var random = new Random(seed);
            string Any(int most) => string.Concat(
                Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => s_letters[random.Next(s_letters.Length)]));
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Any(6))];
            var text = Any(40);
            var (expected, stop) = Naive(text, stops);

            // Through bytes, so that pieces also divide characters.
            var bytes = Encoding.UTF8.GetBytes(text);
            var (characters, strings, shown) = (new Utf8Stream(), new StopStrings(stops), new StringBuilder());
            for (var at = 0; at < bytes.Length;)
            {
                var length = Math.Min(random.Next(0, 9), bytes.Length - at);
                shown.Append(strings.Push(characters.Push(bytes.AsSpan(at, length))));
                at += length;

                // Nothing of a stop string is ever shown, and nothing else is held back for longer than one.
                Assert.StartsWith(shown.ToString(), expected);
                if (strings.Found is null && at == bytes.Length)
                    Assert.True(shown.Length >= expected.Length - stops.Max(s => s.Length) + 1);
            }

            if (strings.Found is null)
                shown.Append(strings.Push(characters.Flush())).Append(strings.Flush());
            Assert.Equal((expected, stop), (shown.ToString(), strings.Found));
            found += stop is null ? 0 : 1;
        }

        Assert.InRange(found, 1000, 3900); // both outcomes are well tested
    }

    [Fact]
    public void What_cannot_begin_a_stop_string_is_shown_at_once()
    {
        var stops = new StopStrings(["</s>", "\n\n"]);
        Assert.Equal("a < b", stops.Push("a < b"));
        Assert.Equal("", stops.Push("<"));
        Assert.Equal("<", stops.Push("</s"));
    }

    [Fact]
    public void After_the_end_nothing_comes()
    {
        var stops = new StopStrings(["END"]);
        Assert.Equal("one ", stops.Push("one EN"));
        Assert.Equal("", stops.Push("D two"));
        Assert.Equal(("END", "", ""), (stops.Found, stops.Push("three"), stops.Flush()));
    }

    [Fact]
    public void Half_a_character_of_a_token_is_no_part_of_a_stop_string()
    {
        var (characters, stops) = (new Utf8Stream(), new StopStrings(["é"]));
        Assert.Equal("", stops.Push(characters.Push([0xC3])));
        Assert.Equal("\uFFFDx", stops.Push(characters.Push("x"u8)));
        Assert.Equal("", stops.Push(characters.Push([0xC3])));
        Assert.Equal("", stops.Push(characters.Push([0xA9])));
        Assert.Equal("é", stops.Found);
    }

    [Fact]
    public void Empty_and_halved_stop_strings_are_refused()
    {
        Assert.Contains("empty", Assert.Throws<ArgumentException>(() => new StopStrings(["a", ""])).Message);
        Assert.Contains("half", Assert.Throws<ArgumentException>(() => new StopStrings(["a\uD83E"])).Message);
        Assert.Contains("half", Assert.Throws<ArgumentException>(() => new StopStrings(["\uDD8A\uFFFD"])).Message);
        Assert.Equal("text", new StopStrings([]).Push("text"));
    }
}
