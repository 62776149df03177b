using Spectre.Console;
using Spectre.Console.Rendering;

namespace Wisp.Cli;

/// <summary>
/// A few lines at the bottom of the terminal that are redrawn in place while text scrolls above them.
/// </summary>
/// <remarks>
/// The cursor stays visible and rests on the line below the area, and no mode of the terminal is left switched on
/// between two drawings: whenever the process dies, kill -9 included, the terminal is as it should be. A drawing is one
/// write between the marks of synchronized output (mode 2026, ignored where it is unknown), so nothing flickers.
/// </remarks>
internal sealed class LiveArea(IAnsiConsole console)
{
    private IReadOnlyList<int> _drawn = []; // widths of the lines that stand on the screen

    public int Width => Math.Max(20, console.Profile.Width) - 1; // the last column would make some terminals wrap

    /// <summary>Replaces the area by these lines, and lets <paramref name="above"/> scroll into the history.</summary>
    public void Draw(IReadOnlyList<Paint> lines, IRenderable? above = null)
    {
        // An area that is taller than the screen could not be found again.
        var shown = lines.Take(Math.Max(1, console.Profile.Height - 2)).ToList();
        console.Write(new Picture(RowsOnScreen(), shown, above, Width));
        _drawn = [.. shown.Select(line => Math.Min(line.Width, Width))];
    }

    /// <summary>Takes the area away.</summary>
    public void Clear()
    {
        if (_drawn.Count > 0)
            Draw([]);
    }

    /// <summary>Leaves the area as it stands; the next drawing begins below it.</summary>
    public void Keep() => _drawn = [];

    // A terminal that was made narrower since has wrapped the lines that stand there.
    private int RowsOnScreen() => _drawn.Sum(width => Math.Max(1, (width + Width) / (Width + 1)));

    private sealed class Picture(int rowsBefore, List<Paint> lines, IRenderable? above, int width) : Renderable
    {
        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            yield return Segment.Control("\e[?2026h\r" + (rowsBefore > 0 ? $"\e[{rowsBefore}A" : "") + "\e[J");
            var ended = true; // some renderables end their last line themselves, some do not
            foreach (var segment in above?.Render(options, maxWidth) ?? [])
            {
                ended = segment.IsLineBreak || segment.Text.EndsWith('\n');
                yield return segment;
            }

            if (!ended)
                yield return Segment.LineBreak;
            foreach (var line in lines)
            {
                foreach (var segment in line.Segments(width))
                    yield return segment;
                yield return Segment.LineBreak;
            }

            yield return Segment.Control("\e[?2026l");
        }
    }
}
