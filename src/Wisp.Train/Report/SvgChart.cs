using System.Globalization;
using System.Text;

namespace Wisp.Train.Report;

/// <summary>One line of a chart. Style is a class of the page's style sheet.</summary>
/// <param name="Dots">Marks every point, each with its value as a tooltip.</param>
/// <param name="EndLabel">Writes the last value at the line's right end.</param>
internal sealed record Series(
    string Name, string Style, IReadOnlyList<(double X, double Y)> Points, bool Dots = false, bool EndLabel = false);

/// <summary>
/// Line charts as inline SVG. Colours and letter sizes come from classes of the page, so that one drawing serves light,
/// dark and narrow pages; the viewBox scales with its container.
/// </summary>
internal static class SvgChart
{
    private const int Width = 600;
    private const int Height = 280;
    private const int Left = 64;
    private const int Right = 76; // room for the value at the end of a line, and for the name of the x axis
    private const int Top = 12;
    private const int Bottom = 40;

    // Two points a unit of the drawing's width; more cannot be seen and would make the page heavy.
    private const int MaxBuckets = 480;

    /// <param name="describes">What a screen reader says of the picture.</param>
    public static string Lines(string describes, string xName, Axis x, Axis y, IReadOnlyList<Series> series)
    {
        var svg = new StringBuilder();
        svg.Append($"""<svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{Escape.Html(describes)}">""");
        double X(double value) => Left + x.At(value) * (Width - Left - Right);
        double Y(double value) => Height - Bottom - Math.Clamp(y.At(value), 0, 1) * (Height - Top - Bottom);

        foreach (var tick in y.Ticks)
        {
            svg.Append($"""<path class="grid" d="M{Left} {N(Y(tick))}H{Width - Right}"/>""");
            Label(svg, "tick", Left - 9, Y(tick), "end", y.Label(tick), middle: true);
        }

        svg.Append($"""<path class="axis" d="M{Left} {Height - Bottom}H{Width - Right}"/>""");
        foreach (var tick in x.Ticks)
        {
            svg.Append($"""<path class="axis" d="M{N(X(tick))} {Height - Bottom}v4"/>""");
            Label(svg, "tick", X(tick), Height - Bottom + 19, "middle", x.Label(tick));
        }

        Label(svg, "tick name", Width - 2, Height - Bottom + 19, "end", xName);
        svg.Append('\n');
        foreach (var line in series)
            Draw(svg, line, X, Y);
        return svg.Append("</svg>").ToString();
    }

    /// <summary>
    /// Mean over a window around each point: a fiftieth of all points wide, narrower near the start, where the curve
    /// falls fastest. Centred, because a running mean would lag behind exactly there.
    /// </summary>
    public static List<(double X, double Y)> Smooth(IReadOnlyList<(double X, double Y)> points)
    {
        var sums = new double[points.Count + 1];
        for (var i = 0; i < points.Count; i++)
            sums[i + 1] = sums[i] + points[i].Y;
        var smooth = new List<(double, double)>(points.Count);
        for (var i = 0; i < points.Count; i++)
        {
            var reach = Math.Min(points.Count / 100, i / 4);
            var (from, to) = (i - reach, Math.Min(points.Count, i + reach + 1));
            smooth.Add((points[i].X, (sums[to] - sums[from]) / (to - from)));
        }

        return smooth;
    }

    private static void Draw(StringBuilder svg, Series line, Func<double, double> toX, Func<double, double> toY)
    {
        var points = Thin(line.Points);
        if (points.Count == 0)
            return;
        svg.Append($"""<path class="line {line.Style}" d="M""");
        svg.AppendJoin('L', points.Select(p => $"{N(toX(p.X))} {N(toY(p.Y))}"));
        svg.Append("\"/>");
        if (line.Dots || points.Count == 1)
            foreach (var (x, y) in points)
                svg.Append($"""<circle class="dot {line.Style}" cx="{N(toX(x))}" cy="{N(toY(y))}" r="3">""")
                    .Append($"<title>{Escape.Html(line.Name)}, step {x:0}: {y:0.####}</title></circle>");
        if (line.EndLabel)
            Label(svg, "end " + line.Style, toX(points[^1].X) + 8, toY(points[^1].Y), "start", Value(points[^1].Y),
                middle: true);
        svg.Append('\n');
    }

    private static void Label(
        StringBuilder svg, string style, double x, double y, string anchor, string text, bool middle = false) =>
        svg.Append($"""<text class="{style}" x="{N(x)}" y="{N(y)}" dy="{(middle ? ".33em" : "0")}" """)
            .Append($"""text-anchor="{anchor}">""").Append(Escape.Html(text)).Append("</text>");

    // Lowest and highest of each bucket, in their order: single spikes stay visible however long the run was.
    private static List<(double X, double Y)> Thin(IReadOnlyList<(double X, double Y)> points)
    {
        var finite = points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).ToList();
        if (finite.Count <= 2 * MaxBuckets)
            return finite;
        var thin = new List<(double X, double Y)>(2 * MaxBuckets + 2) { finite[0] };
        for (var bucket = 0; bucket < MaxBuckets; bucket++)
        {
            var from = (int)((long)finite.Count * bucket / MaxBuckets);
            var to = (int)((long)finite.Count * (bucket + 1) / MaxBuckets);
            int low = from, high = from;
            for (var i = from + 1; i < to; i++)
            {
                low = finite[i].Y < finite[low].Y ? i : low;
                high = finite[i].Y > finite[high].Y ? i : high;
            }

            thin.Add(finite[Math.Min(low, high)]);
            if (low != high)
                thin.Add(finite[Math.Max(low, high)]);
        }

        thin.Add(finite[^1]);
        return thin;
    }

    private static string Value(double y) =>
        Math.Abs(y) >= 1000 ? Human.Short(y)
        : Math.Abs(y) < 0.01 ? Human.Small(y)
        : y.ToString("0.000", CultureInfo.InvariantCulture);

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
