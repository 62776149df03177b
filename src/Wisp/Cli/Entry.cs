using Spectre.Console;

namespace Wisp.Cli;

/// <summary>
/// A name and what is said of it, side by side, the words wrapped under themselves; one below the other where the
/// terminal is narrow. Long words, such as paths, are left to the terminal, so that they can be copied whole.
/// </summary>
internal static class Entry
{
    // Beside the names there must stay room for a few words.
    private const int MinWidthForWords = 24;
    private const int Indent = 2;

    private static readonly Style Name = new(Color.DarkCyan);

    /// <param name="nameWidth">Columns for the names; a longer one has a line of its own.</param>
    public static void Write(IAnsiConsole console, string name, string text, int nameWidth, Style? style = null)
    {
        var column = Indent + nameWidth + 2;
        var beside = console.Profile.Width - column >= MinWidthForWords;
        column = beside ? column : 2 * Indent;
        var line = new Paint().To(Indent).Add(name, Name);
        if (name.Length > 0 && (!beside || name.Length > nameWidth))
        {
            line.WriteTo(console);
            line = new Paint();
        }

        foreach (var words in Wrap(text, console.Profile.Width - column))
        {
            line.To(column).Add(words, style).WriteTo(console);
            line = new Paint();
        }

        if (line.Width > 0)
            line.WriteTo(console); // a name of which nothing is said
    }

    /// <summary>Breaks at spaces only.</summary>
    internal static List<string> Wrap(string text, int width)
    {
        var lines = new List<string>();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && lines[^1].Length + 1 + word.Length <= width)
                lines[^1] += " " + word;
            else
                lines.Add(word);
        }

        return lines;
    }
}
