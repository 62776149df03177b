using System.Globalization;
using Spectre.Console.Rendering;

namespace Wisp.Cli;

/// <summary>Widths of text on a terminal, in cells: most characters take one, Chinese ones and pictures two.</summary>
internal static class Cells
{
    public static int Of(string text)
    {
        foreach (var c in text)
            if (c is < ' ' or > '~')
                return new Segment(text).CellCount();
        return text.Length;
    }

    /// <summary>The characters as people count them, a letter with its accents being one.</summary>
    public static IEnumerable<string> Characters(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = StringInfo.GetNextTextElementLength(text, at);
            yield return text.Substring(at, length);
            at += length;
        }
    }

    /// <summary>Pieces of a line, none wider than a number of cells; an empty line is one empty piece.</summary>
    public static IEnumerable<string> Fold(string line, int width)
    {
        var (begin, at, used) = (0, 0, 0);
        foreach (var character in Characters(line))
        {
            var cells = Of(character);
            if (used + cells > width && used > 0)
            {
                yield return line[begin..at];
                (begin, used) = (at, 0);
            }

            at += character.Length;
            used += cells;
        }

        yield return line[begin..];
    }
}
