using Spectre.Console;
using Spectre.Console.Rendering;

namespace Wisp.Cli;

/// <summary>
/// A few lines at the bottom of the terminal that are redrawn in place while text scrolls above them.
/// </summary>
/// <remarks>
/// The cursor stays visible and rests on the line below the area, and no mode of the terminal is left switched on
/// between two drawings: whenever the process dies, kill -9 included, the terminal is as it should be. A drawing is one
/// write between the marks of synchronized output (mode 2026; terminals without it ignore the marks), so nothing flickers.
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

/// <summary>One line in the making: text with styles, every character one column wide.</summary>
internal sealed class Paint
{
    private readonly List<(string Text, Style Style)> _parts = [];

    public int Width { get; private set; }

    public Paint Add(string text, Style? style = null)
    {
        _parts.Add((text, style ?? Style.Plain));
        Width += text.Length;
        return this;
    }

    /// <summary>Spaces up to a column; at least one, so that neighbours never touch.</summary>
    public Paint To(int column) => Add(new string(' ', Math.Max(Width == 0 ? 0 : 1, column - Width)));

    public IEnumerable<Segment> Segments(int width)
    {
        foreach (var (text, style) in _parts)
        {
            if (width <= 0)
                yield break;
            yield return new Segment(text.Length > width ? text[..width] : text, style);
            width -= text.Length;
        }
    }

    public override string ToString() => string.Concat(_parts.Select(part => part.Text));
}

/// <summary>Bars and sparklines of block characters, or of ASCII where the terminal has nothing else.</summary>
internal static class Glyphs
{
    public static readonly Style Label = new(Color.Grey);
    public static readonly Style Accent = new(Color.DarkCyan);

    /// <summary>Adds a bar to the line: the part in colour, the rest faint.</summary>
    public static Paint Bar(this Paint line, double part, int width, bool unicode)
    {
        var full = (int)Math.Round(Math.Clamp(double.IsFinite(part) ? part : 0, 0, 1) * width);
        return line.Add(new string(unicode ? '━' : '=', full), Accent).Add(new string(unicode ? '─' : '-', width - full), Label);
    }

    /// <summary>Eight heights between the lowest and the highest value, each character a mean of its share.</summary>
    public static string Sparkline(IReadOnlyList<double> values, int width, bool unicode)
    {
        var steps = unicode ? "▁▂▃▄▅▆▇█" : "_.-=*#";
        var finite = values.Where(double.IsFinite).ToList();
        if (finite.Count == 0 || width <= 0)
            return "";
        var columns = Math.Min(width, finite.Count);
        var means = new double[columns];
        for (var i = 0; i < columns; i++)
        {
            int from = i * finite.Count / columns, to = (i + 1) * finite.Count / columns;
            means[i] = finite.Skip(from).Take(to - from).Average();
        }

        double low = means.Min(), span = means.Max() - low;
        return string.Concat(means.Select(m => steps[span > 0 ? (int)Math.Min(steps.Length - 1, (m - low) / span * steps.Length) : 0]));
    }
}
