using System.Globalization;
using System.Text;
using Wisp.Train.Eval;

namespace Wisp.Train.Report.Card;

/// <summary>
/// One metric over the stages: a mark for each value, a whisker for its interval, a dashed line for what a guess
/// reaches. Where two whiskers overlap widely, nothing has been shown.
/// </summary>
internal static class WhiskerChart
{
    private const int Width = 420, Left = 118, Right = 92, Row = 30, Top = 8, Bottom = 30;

    /// <param name="values">By stage its name, its place in the order of colours, and its value.</param>
    public static string Draw(
        string describes, IReadOnlyList<(string Stage, int Colour, Metric Value)> values, double? chance)
    {
        var isShare = values.All(value => CardWords.IsShare(value.Value));
        var high = Math.Max(values.Max(value => value.Value.High), chance ?? 0);
        var low = isShare ? 0 : Math.Min(values.Min(value => value.Value.Low), high * 0.8);
        high = isShare ? Math.Min(1, Math.Max(0.05, high * 1.08)) : high + ((high - low) * 0.08);
        var axis = Axis.Linear(low, high, wanted: 4);
        var height = Top + (Row * values.Count) + Bottom;
        var svg = new StringBuilder();
        svg.Append($"""<svg viewBox="0 0 {Width} {height}" role="img" aria-label="{Escape.Html(describes)}">""");
        double X(double value) => Left + (Math.Clamp(axis.At(value), 0, 1) * (Width - Left - Right));
        foreach (var tick in axis.Ticks)
            svg.Append($"""<path class="grid" d="M{N(X(tick))} {Top}V{height - Bottom}"/>""")
                .Append($"""<text class="tick" x="{N(X(tick))}" y="{height - Bottom + 18}" text-anchor="middle">""")
                .Append(isShare ? $"{100 * tick:0.#} %" : axis.Label(tick)).Append("</text>");
        if (chance is { } guess)
            svg.Append($"""<path class="guess" d="M{N(X(guess))} {Top}V{height - Bottom}"/>""");
        for (var i = 0; i < values.Count; i++)
        {
            var (stage, colour, metric) = values[i];
            var y = N(Top + (Row * (i + 0.5)));
            svg.Append($"""<text class="who" x="{Left - 12}" y="{y}" dy=".33em" text-anchor="end">""")
                .Append(Escape.Html(stage.Length > 15 ? stage[..14] + "…" : stage)).Append("</text>")
                .Append($"""<g class="k{colour % 8}">""");
            if (isShare)
                svg.Append($"""<path class="whisker" d="M{N(X(metric.Low))} {y}H{N(X(metric.High))}"/>""");
            svg.Append($"""<circle class="mark" cx="{N(X(metric.Value))}" cy="{y}" r="6"/></g>""")
                .Append($"""<text class="amount" x="{Width - 4}" y="{y}" dy=".33em" text-anchor="end">""")
                .Append(CardWords.Value(metric)).Append("</text>\n");
        }

        return svg.Append("</svg>").ToString();
    }

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
