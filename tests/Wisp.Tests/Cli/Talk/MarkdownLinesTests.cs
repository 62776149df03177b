using Spectre.Console.Rendering;
using Wisp.Cli;
using Wisp.Cli.Talk;
using Wisp.Serve.Store;

namespace Wisp.Tests.Cli.Talk;

public class MarkdownLinesTests
{
    private const string Everything = """
        # A heading

        Some *words* in **bold** and `code`, with a [link](https://example.org/x) and an ![image](https://a.org/i.png).
        A second line.

        - one
        - two
          1. deeper
          2. and so on
        - [x] done

        > quoted
        > twice

        ```csharp
        var x = 1;	// tab
        var longer = "a line of code that is much longer than what fits into a narrow terminal";
        ```

        | Name | Count |
        |------|------:|
        | fox | 12 |
        | hedgehog | 3 |

        ---
        <script>alert(1)</script>
        """;

    [Fact]
    public void A_terminal_of_60_columns_shows_all_of_it() => Assert.Equal(
        """
        A heading

        Some words in bold and code, with a link
        (https://example.org/x) and an [image: image]
        (https://a.org/i.png).
        A second line.

        • one
        • two
          1. deeper
          2. and so on
        • [x] done

        ▌ quoted
        ▌ twice

        ╭─ csharp ──────────────────────────────────────────────────
        │ var x = 1;    // tab
        │ var longer = "a line of code that is much longer than what
        │  fits into a narrow terminal";
        ╰───────────────────────────────────────────────────────────

        ╭──────────┬───────╮
        │ Name     │ Count │
        ├──────────┼───────┤
        │ fox      │    12 │
        │ hedgehog │     3 │
        ╰──────────┴───────╯

        ────────────────────────────────────────

        <script>alert(1)</script>
        """.Split('\n'), Shown(Everything, 60));

    [Theory]
    [InlineData(100)]
    [InlineData(40)]
    [InlineData(13)]
    [InlineData(3)]
    public void No_line_is_wider_than_the_terminal(int width)
    {
        var lines = Lines(Everything, width);
        Assert.All(lines, line => Assert.InRange(line.Sum(segment => Cells.Of(segment.Text)), 0, Math.Max(8, width)));
        Assert.Contains("hedgehog"[..Math.Min(8, width)], string.Join('\n', Shown(Everything, Math.Max(13, width))));
    }

    [Fact]
    public void Where_columns_would_be_slivers_rows_are_lists() => Assert.Equal(
        ["Name: fox", "Count: 12", "", "Name: hedgehog", "Count: 3"],
        Shown("| Name | Count |\n|--|--|\n| fox | 12 |\n| hedgehog | 3 |", 15));

    [Fact]
    public void Nothing_that_a_model_writes_steers_the_terminal()
    {
        var shown = string.Join('\n', Shown("a\e[31mred\a `\e]52;c;x\a` [t](\u009b31m)\n\n    \e[2J", 60));
        Assert.DoesNotContain(shown, c => char.IsControl(c) && c != '\n');
    }

    [Theory]
    [InlineData("> ")]
    [InlineData("- ")]
    [InlineData("*a **b ")]
    [InlineData("[")]
    [InlineData("1. - > ")]
    public void Depth_is_no_danger(string nested)
    {
        var lines = Lines(string.Concat(Enumerable.Repeat(nested, 3000)) + "end", 40);
        Assert.All(lines, line => Assert.InRange(line.Sum(segment => Cells.Of(segment.Text)), 0, 40));
        Assert.Contains("end", string.Concat(lines.SelectMany(line => line).Select(segment => segment.Text)));
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(30, 8)]
    public void An_answer_that_streams_ends_up_on_the_screen_as_if_it_came_at_once(int width, int height)
    {
        var (screen, console) = Screen.Of(width, height);
        var clock = new StillClock();
        var display = new AnswerDisplay(console, clock);
        for (var length = 0; length <= Everything.Length; length += 7)
        {
            display.Show([Message.Said(Everything[..length])], "12 tokens");
            clock.Pass(0.1);
        }

        display.Finish([Message.Said(Everything)], "99 tokens");
        // What has scrolled away may show a table as it was when it was narrower; the text is there once all the same.
        var rows = screen.Rows;
        Assert.Equal("99 tokens", rows[^2]);
        Assert.DoesNotContain("12 tokens", rows);
        foreach (var once in new[] { "A heading", "A second line.", "• two", "▌ twice", "  2. and so on" })
            Assert.Single(rows, row => row == once);
        if (height > 20)
            Assert.Equal(Shown(Everything, 79), rows[..^2]);
    }

    [Fact]
    public void A_call_is_one_line() => Assert.Equal("calculator: 12 * 34 = 408", AnswerDisplay.Told(new MessagePart
    {
        Kind = PartKind.Call, Name = "calculator", Arguments = """{"expression":"12 * 34"}""", Text = "408",
    }));

    private static List<SegmentLine> Lines(string markdown, int width) =>
        new MarkdownLines(Screen.Of(200).Console).Of(markdown, width, out _);

    private static string[] Shown(string markdown, int width) => [.. Lines(markdown, width)
        .Select(line => string.Concat(line.Select(segment => segment.Text)).TrimEnd())];
}
