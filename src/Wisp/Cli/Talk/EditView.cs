using System.Text;
using Spectre.Console;

namespace Wisp.Cli.Talk;

/// <summary>Draws a prompt with the text that is being typed, wrapped, and puts the cursor where it belongs.</summary>
/// <remarks>As <see cref="LiveArea"/> does: one write a drawing, between the marks of synchronized output.</remarks>
internal sealed class EditView(IAnsiConsole console)
{
    private const string Faint = "\e[90m", Accent = "\e[36m", Reset = "\e[0m";

    private readonly bool _color = console.Profile.Capabilities.ColorSystem != ColorSystem.NoColors;
    private int _cursorRow; // counted from the row of the prompt

    /// <param name="prompt">Stands before the first row; others are indented as far.</param>
    /// <param name="hint">Faint words: below the text, or, where there is none yet, in its place.</param>
    /// <param name="final">Leaves the text as it stands, the cursor on the row below.</param>
    public void Draw(string prompt, EditBuffer buffer, string hint = "", bool final = false)
    {
        var width = Math.Max(10, console.Profile.Width) - 1; // a full row would wrap where the terminal likes
        var indent = Cells.Of(prompt);
        var (rows, cursor) = Layout(buffer, Math.Max(4, width - indent));
        var output = new StringBuilder("\e[?2026h\r");
        if (_cursorRow > 0)
            output.Append($"\e[{_cursorRow}A");
        output.Append("\e[J");

        // A text that is taller than the screen is shown around the cursor.
        var height = Math.Max(2, console.Profile.Height - 2);
        var first = final ? 0 : Math.Clamp(cursor.Row - height + 1, 0, Math.Max(0, rows.Count - height));
        var shown = final ? rows : rows.GetRange(first, Math.Min(height, rows.Count - first));
        for (var i = 0; i < shown.Count; i++)
            output.Append(i > 0 ? "\r\n" : "").Append(i + first == 0 ? In(Accent, prompt) : new string(' ', indent))
                .Append(shown[i]);
        var below = shown.Count - 1;
        if (hint.Length > 0 && !final)
            if (buffer.IsEmpty)
                output.Append(In(Faint, Cells.Fold(hint, width - indent).First()));
            else
                foreach (var row in Entry.Wrap(hint, width - indent).Take(4)
                    .SelectMany(line => Cells.Fold(line, width - indent)))
                {
                    output.Append("\r\n").Append(' ', indent).Append(In(Faint, row));
                    below++;
                }

        if (final)
        {
            output.Append("\r\n\e[?2026l");
            _cursorRow = 0;
        }
        else
        {
            _cursorRow = cursor.Row - first;
            output.Append(below > _cursorRow ? $"\e[{below - _cursorRow}A" : "")
                .Append($"\r\e[{indent + cursor.Column}C\e[?2026l");
        }

        console.Profile.Out.Writer.Write(output.ToString());
        console.Profile.Out.Writer.Flush();
    }

    /// <summary>Forgets what stands on the screen, which was cleared.</summary>
    public void Forget() => _cursorRow = 0;

    private string In(string color, string text) => _color ? color + text + Reset : text;

    private static (List<string> Rows, (int Row, int Column) Cursor) Layout(EditBuffer buffer, int width)
    {
        var rows = new List<string>();
        (int Row, int Column) cursor = default;
        var at = 0;
        foreach (var line in buffer.Text.Split('\n'))
        {
            var (row, used, index) = (new StringBuilder(), 0, at);
            Mark(index, used);
            foreach (var character in Cells.Characters(line))
            {
                var shown = Terminal.Clean(character);
                var cells = Cells.Of(shown);
                if (used + cells > width)
                {
                    rows.Add(row.ToString());
                    row.Clear();
                    used = 0;
                    Mark(index, used);
                }

                row.Append(shown);
                used += cells;
                index += character.Length;
                Mark(index, used);
            }

            rows.Add(row.ToString());
            at += line.Length + 1;
        }

        return (rows, cursor);

        void Mark(int index, int column)
        {
            if (index == buffer.Cursor)
                cursor = (rows.Count, column);
        }
    }
}
