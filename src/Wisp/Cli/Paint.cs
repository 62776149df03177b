using Spectre.Console;
using Spectre.Console.Rendering;

namespace Wisp.Cli;

/// <summary>One line in the making: text with styles.</summary>
internal sealed class Paint
{
    private readonly List<(string Text, Style Style)> _parts = [];

    public int Width { get; private set; }

    public Paint Add(string text, Style? style = null)
    {
        _parts.Add((text, style ?? Style.Plain));
        Width += Cells.Of(text);
        return this;
    }

    /// <summary>A line that was rendered already.</summary>
    public static Paint Of(SegmentLine line)
    {
        var paint = new Paint();
        foreach (var segment in line)
            paint.Add(segment.Text, segment.Style);
        return paint;
    }

    /// <summary>Spaces up to a column; at least one, so that neighbours never touch.</summary>
    public Paint To(int column) => Add(new string(' ', Math.Max(Width == 0 ? 0 : 1, column - Width)));

    public IEnumerable<Segment> Segments(int width)
    {
        foreach (var (text, style) in _parts)
        {
            if (width <= 0)
                yield break;
            var cells = Cells.Of(text);
            yield return new Segment(cells > width ? Cells.Fold(text, width).First() : text, style);
            width -= cells;
        }
    }

    /// <summary>Writes the line past the console's own wrapping: what is too long is left to the terminal.</summary>
    public void WriteTo(IAnsiConsole console) => console.Write(new Unwrapped(this));

    public override string ToString() => string.Concat(_parts.Select(part => part.Text));

    private sealed class Unwrapped(Paint line) : Renderable
    {
        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            line.Segments(int.MaxValue).Append(Segment.LineBreak);
    }
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
        return line.Add(new string(unicode ? '━' : '=', full), Accent)
            .Add(new string(unicode ? '─' : '-', width - full), Label);
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
        return string.Concat(means.Select(mean =>
            steps[span > 0 ? (int)Math.Min(steps.Length - 1, (mean - low) / span * steps.Length) : 0]));
    }
}
