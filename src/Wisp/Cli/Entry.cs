using Spectre.Console;

namespace Wisp.Cli;

/// <summary>
/// A name and what is said of it, side by side, the words wrapped under themselves; one below the other where the
/// terminal is narrow. Long words, such as paths, are left to the terminal, so that they can be copied whole.
/// </summary>
internal static class Entry
{
    // Beside the names there must stay room for words.
    private const int MinWidthForColumns = 60;
    private const int Indent = 2;

    private static readonly Style Name = new(Color.DarkCyan);

    /// <param name="nameWidth">Columns for the names; a longer one has a line of its own.</param>
    public static void Write(IAnsiConsole console, string name, string words, int nameWidth, Style? style = null)
    {
        var beside = console.Profile.Width >= MinWidthForColumns;
        var column = beside ? Indent + nameWidth + 2 : 2 * Indent;
        console.Write(new string(' ', Indent), Style.Plain);
        console.Write(name, Name);
        var lines = Wrap(words, console.Profile.Width - column);
        for (var i = 0; i < lines.Count; i++)
        {
            var sameLine = i == 0 && beside && name.Length <= nameWidth;
            if (!sameLine)
                console.Write("\n", Style.Plain);
            console.Write(new string(' ', sameLine ? column - Indent - name.Length : column), Style.Plain);
            console.Write(lines[i], style ?? Style.Plain);
        }

        console.Write("\n", Style.Plain);
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
