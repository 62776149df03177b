using Wisp.Cli.Talk;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli.Talk;

/// <summary>What a person types, key by key, and what then stands on the screen.</summary>
public class LineEditorTests
{
    private const string Enter = "\r", Up = "<Up>", Down = "<Down>", Left = "<Left>";

    [Theory]
    [InlineData("hello<Enter>", "hello")]
    [InlineData("helo<Left>l<Enter>", "hello")]
    [InlineData("one two<^W>2<Enter>", "one 2")]
    [InlineData("one two<^A>zero <^E>!<Enter>", "zero one two!")]
    [InlineData("one two<^U><^Y>, <^Y><Enter>", "one two, one two")]
    [InlineData("abc<^A><^D><Enter>", "bc")]
    [InlineData("one<^C>two<Enter>", "two")]
    [InlineData("a<^J>b<Enter>", "a\nb")]
    [InlineData("a<!Enter>b<Enter>", "a\nb")]
    [InlineData("a\\<Enter>b<Enter>", "a\nb")]
    [InlineData("a\\\\<Enter>", "a\\\\")]
    [InlineData("\"\"\"<Enter>a<Enter><Enter>b<Enter>\"\"\"<Enter>", "a\n\nb")]
    [InlineData("ab<^J>cdef<Up><Up><Up>x<Enter>", "abx\ncdef")]
    [InlineData("e\u0301\ud83d\udc4d\ud83c\udffd!<Left><Left><Left>a<Enter>", "ae\u0301\ud83d\udc4d\ud83c\udffd!")]
    [InlineData("\ud83d\udc4d\ud83c\udffd<Backspace>x<Enter>", "x")]
    [InlineData("x<Esc>[200~one\rtwo<Esc>[201~y<Enter>", "xone\ntwoy")]
    [InlineData("<Esc>x<Enter>", "x")]
    [InlineData("/mo<Tab>x<Enter>", "/model x")]
    [InlineData("/s<Tab><Enter>", "/se")]
    public void Keys_become_a_text(string keys, string text) => Assert.Equal((text, InputEnd.None), Typed(keys).Read());

    [Fact]
    public void Ctrl_C_and_Ctrl_D_on_an_empty_line_end_it_differently()
    {
        Assert.Equal(("", InputEnd.Interrupt), Typed("<^C>").Read());
        Assert.Equal(("", InputEnd.End), Typed("<^D>").Read());
        Assert.Equal(("", InputEnd.Interrupt), Typed("x<^C><^C>").Read());
    }

    [Fact]
    public void What_was_typed_before_the_prompt_came_is_taken_as_it_was_meant()
    {
        var keys = Keys("early\n");
        keys.TakeAhead();
        var editor = new LineEditor(Screen.Of(60).Console, keys, new InputHistory(null), _ => []);
        Assert.Equal(("early", InputEnd.None), editor.Read());
    }

    [Fact]
    public void Arrows_walk_through_the_history_and_back_to_what_was_being_typed()
    {
        var history = new InputHistory(null);
        foreach (var line in new[] { "one", "two", "two", "three" })
            history.Add(line);
        Assert.Equal("two", Typed($"{Up}{Up}<Enter>", history).Read().Text);
        Assert.Equal("draft!", Typed($"draft{Up}{Up}{Down}{Down}!<Enter>", history).Read().Text);
        Assert.Equal("three", Typed("<^R>HR<Enter><Enter>", history).Read().Text);
        Assert.Equal(["one", "two", "three", "two", "draft!", "three"], history.Entries);
    }

    [Fact]
    public void The_history_outlives_the_program_and_lines_that_are_none()
    {
        using var folder = new TempFolder();
        var path = folder["history"];
        new InputHistory(path).Add("a\nb \"c\"");
        File.AppendAllText(path, "\"cut off\n");
        new InputHistory(path).Add("later");
        Assert.Equal(["a\nb \"c\"", "later"], new InputHistory(path).Entries);
        for (var i = 0; i < 3000; i++)
            File.AppendAllText(path, $"\"{i}\"\n");
        Assert.Equal(1000, new InputHistory(path).Entries.Count);
        Assert.Empty(new InputHistory(folder["nowhere/else"]).Entries);
        new InputHistory(folder["nowhere/else"]).Add("no place to write is no reason to stop");
    }

    [Theory]
    [InlineData(80)]
    [InlineData(12)]
    public void What_is_typed_stands_on_the_screen_once_however_narrow(int width)
    {
        var (screen, console) = Screen.Of(width);
        const string Text = "The-quick-brown-fox-jumps-over-the-lazy-dog.-Then-it-sleeps-until-morning-comes-again.";
        var editor = new LineEditor(console, Keys(Text + $"{Left}{Left}<^E>" + Enter), new InputHistory(null), _ => []);
        Assert.Equal(Text, editor.Read(placeholder: "Say something that is longer than the line").Text);
        Assert.Equal(Text, string.Concat(screen.Rows.Where(row => row.Length > 0).Select(row => row[2..])));
        Assert.EndsWith("\e[?2026l", screen.Raw);
    }

    private static LineEditor Typed(string keys, InputHistory? history = null) => new(
        Screen.Of(60).Console, Keys(keys), history ?? new InputHistory(null),
        text => [.. new[] { "/model", "/set", "/see" }.Where(word => word.StartsWith(text, StringComparison.Ordinal))]);

    private static KeyReader Keys(string keys)
    {
        var queue = new Queue<ConsoleKeyInfo>(Parsed(keys));
        return new KeyReader(queue.Dequeue, () => queue.Count > 0);
    }

    private static IEnumerable<ConsoleKeyInfo> Parsed(string keys)
    {
        for (var at = 0; at < keys.Length; at++)
        {
            var end = keys[at] == '<' ? keys.IndexOf('>', at) : -1;
            if (end < 0)
            {
                yield return Key(keys[at], keys[at] == '\r' ? ConsoleKey.Enter : ConsoleKey.None);
                continue;
            }

            var name = keys[(at + 1)..end];
            at = end;
            yield return name switch
            {
                "Enter" => Key('\r', ConsoleKey.Enter),
                "!Enter" => Key('\r', ConsoleKey.Enter, alt: true),
                "^J" => Key('\n', ConsoleKey.Enter, control: true),
                "Up" => Key('\0', ConsoleKey.UpArrow),
                "Down" => Key('\0', ConsoleKey.DownArrow),
                "Left" => Key('\0', ConsoleKey.LeftArrow),
                "Tab" => Key('\t', ConsoleKey.Tab),
                "Backspace" => Key('\b', ConsoleKey.Backspace),
                "Esc" => Key('\e', ConsoleKey.Escape),
                ['^', var letter] => Key((char)(letter - '@'), Enum.Parse<ConsoleKey>($"{letter}"), control: true),
                _ => throw new ArgumentException(name),
            };
        }

        static ConsoleKeyInfo Key(char character, ConsoleKey key, bool control = false, bool alt = false) =>
            new(character, key, shift: false, alt, control);
    }
}
