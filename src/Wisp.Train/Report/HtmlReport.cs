using System.Text;

namespace Wisp.Train.Report;

/// <summary>
/// The report as one page that needs nothing from outside: inline style and drawings, no scripts, and a policy that
/// forbids every request. The page is also well-formed XML, which is how the tests prove that nothing escapes.
/// </summary>
internal static class HtmlReport
{
    // A long run has hundreds of samples; evenly chosen ones tell the story, the log keeps the rest.
    private const int MaxSamples = 24;

    public static string Render(RunReport report)
    {
        var page = new StringBuilder();
        page.Append($"""
            {Head(report.Title)}
            <header>
            <h1>{Escape.Html(report.Title)}</h1>
            <p class="soft">Trained {report.Date:d MMMM yyyy, HH:mm} on {Human.Bytes(report.Training.Bytes)} of text</p>
            <pre>{Words(report.CommandLine)}</pre>
            </header>

            """);
        Facts(page, report);
        Charts(page, report);
        CompressionBars(page, report);
        Samples(page, report.Records.Samples);
        Tables(page, report);
        page.Append("<footer>Written by wisp. Every curve is drawn from log.jsonl beside this file.</footer>\n");
        page.Append("</main></body>\n</html>\n");
        return page.ToString();
    }

    /// <summary>A page up to the beginning of its main part.</summary>
    /// <param name="style">What it adds to the style that all pages have.</param>
    internal static string Head(string title, string style = "") => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta http-equiv="Content-Security-Policy"
        content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <link rel="icon" href="data:,"/>
        <title>{Escape.Html(title)}</title>
        <style>
        {ReportStyle.Css}{(style.Length > 0 ? "\n" : "")}{style}
        </style>
        </head>
        <body><main>
        """;

    private static void Facts(StringBuilder page, RunReport report)
    {
        page.Append("""<dl class="facts">""").Append('\n');
        foreach (var fact in Headline.Of(report))
            page.Append($"<div><dt>{Escape.Html(fact.Name)}</dt><dd>{Escape.Html(fact.Value)}")
                .Append($"<small>{Escape.Html(fact.Note)}</small></dd></div>\n");
        page.Append("</dl>\n");
    }

    private static void Charts(StringBuilder page, RunReport report)
    {
        var (steps, evals) = (report.Records.Steps, report.Records.Evals);
        if (steps.Count + evals.Count == 0)
            return;
        var last = Math.Max(steps.Count > 0 ? steps[^1].Step : 0, evals.Count > 0 ? evals[^1].Step : 0);
        var x = Axis.Whole(last, wanted: 5);

        page.Append("<h2>Curves</h2>\n<section class=\"charts\">\n");
        if (Finite(steps, s => s.Loss) is { Count: > 0 } loss)
        {
            var smooth = SvgChart.Smooth(loss);
            var y = Axis.Spread(loss.Min(p => p.Y), Percentile(loss, 0.998), wanted: 5);
            Figure(page, "Training loss", "nats a token", Lost(steps.Count - loss.Count),
                SvgChart.Lines($"Training loss from {loss[0].Y:0.00} to {smooth[^1].Y:0.00}", "steps", x, y,
                    Paired(loss, smooth, "a", "loss")),
                Legend(loss.Count, "a"));
        }

        if (Finite(evals, e => e.BitsPerByte) is { Count: > 0 } held)
            Figure(page, "Held-out text", "bits per byte", Lost(evals.Count - held.Count),
                SvgChart.Lines($"Held-out bits per byte from {held[0].Y:0.000} to {held[^1].Y:0.000}", "steps", x,
                    Axis.Spread(held.Min(p => p.Y), held.Max(p => p.Y), wanted: 5),
                    [new Series("bits per byte", "b", held, Dots: held.Count <= 80, EndLabel: true)]));

        if (Finite(steps, s => s.LearningRate) is { Count: > 0 } rate)
            Figure(page, "Learning rate", "", "",
                SvgChart.Lines($"Learning rate, peak {Human.Small(rate.Max(p => p.Y))}", "steps", x,
                    Axis.Linear(0, rate.Max(p => p.Y), wanted: 5), [new Series("learning rate", "c", rate)]));

        if (Finite(steps, s => s.TokensPerSecond) is { Count: > 0 } speed)
            Figure(page, "Speed", "tokens a second", Lost(steps.Count - speed.Count),
                SvgChart.Lines($"Tokens a second, {Human.Short(report.TokensPerSecond)} over the run", "steps", x,
                    Axis.Linear(0, Percentile(speed, 0.99), wanted: 5),
                    Paired(speed, SvgChart.Smooth(speed), "d", "tokens a second")),
                Legend(speed.Count, "d"));

        foreach (var group in report.Records.Figures.GroupBy(figure => figure.Name.Split(": ")[0]))
            FigureChart(page, group.Key, [.. group], x);
        page.Append("</section>\n");
    }

    // Figures that one colon apart share a name share a chart; the last of each line stands at its end.
    private static void FigureChart(StringBuilder page, string title, IReadOnlyList<FigureRecord> figures, Axis x)
    {
        const string Styles = "abcd";
        var series = figures.GroupBy(figure => figure.Name)
            .Select(line => (Name: line.Key.Split(": ")[^1], Points: Finite([.. line], figure => figure.Value)))
            .Where(line => line.Points.Count > 1).Take(Styles.Length).ToList();
        if (series.Count == 0)
            return;
        var all = series.SelectMany(line => line.Points).ToList();
        double low = Math.Min(0, all.Min(p => p.Y)), high = Math.Max(all.Max(p => p.Y), low + 1e-9);
        Figure(page, Escape.Html(title), "", Lost(figures.Count - all.Count),
            SvgChart.Lines(
                $"{title}, {series[0].Name}, from {series[0].Points[0].Y:0.000} to {series[0].Points[^1].Y:0.000}",
                "steps", x, Axis.Linear(low, high, wanted: 5), [.. series.Select((line, i) => new Series(
                    line.Name, Styles[i].ToString(), line.Points, Dots: line.Points.Count <= 80, EndLabel: true))]),
            series.Count < 2 ? [] : [.. series.Select((line, i) => (Styles[i].ToString(), Escape.Html(line.Name)))]);
    }

    // A raw line under its mean only where there are points enough to tell the two apart.
    private const int PointsToPair = 60;

    private static Series[] Paired(
        List<(double X, double Y)> raw, List<(double X, double Y)> smooth, string style, string name) =>
        raw.Count < PointsToPair
            ? [new Series(name, style, raw, EndLabel: true)]
            : [new Series(name, style + " raw", raw), new Series(name, style, smooth, EndLabel: true)];

    private static (string Style, string Name)[] Legend(int points, string style) =>
        points < PointsToPair ? [] : [("raw " + style, "each step"), (style, "mean")];

    private static void Figure(
        StringBuilder page, string title, string unit, string note, string svg,
        params (string Style, string Name)[] legend)
    {
        page.Append($"<figure><figcaption><b>{title}</b>");
        if (unit.Length > 0)
            page.Append($"<span>{unit}</span>");
        foreach (var (style, name) in legend)
            page.Append($"""<span><span class="key {style}"></span>{name}</span>""");
        if (note.Length > 0)
            page.Append($"<span>{note}</span>");
        page.Append($"</figcaption>\n{svg}\n</figure>\n");
    }

    private static void CompressionBars(StringBuilder page, RunReport report)
    {
        if (report.Compression.Count == 0)
            return;
        page.Append("""
            <h2>As a compressor</h2>
            <p class="soft">Bits for each byte of the same held-out text; shorter is better.</p>
            <div class="bars">

            """);
        var widest = report.Compression.Max(row => row.BitsPerByte ?? 0);
        foreach (var row in report.Compression.OrderBy(row => row.BitsPerByte ?? double.MaxValue))
        {
            var style = row.IsModel ? "bar model" : "bar";
            var note = row.Note is { } words ? $" <small>{Escape.Html(words)}</small>" : "";
            page.Append($"""<div class="{style}"><span>{Escape.Html(row.Name)}{note}</span>""");
            if (row.BitsPerByte is { } bits && widest > 0)
                page.Append($"""<span class="track"><i style="width:{100 * bits / widest:0.#}%"></i></span>""")
                    .Append($"""<span class="value">{bits:0.000} """)
                    .Append($"<small>{Human.Bytes(row.Bytes ?? 0)}</small></span>");
            page.Append("</div>\n");
        }

        page.Append("</div>\n");
    }

    private static void Samples(StringBuilder page, IReadOnlyList<SampleRecord> samples)
    {
        if (samples.Count == 0)
            return;
        page.Append("<h2>What it wrote as it learned</h2>\n");
        var shown = EvenlyChosen(samples, MaxSamples);
        if (shown.Count < samples.Count)
            page.Append($"<p class=\"soft\">{shown.Count} of {samples.Count} samples; the log holds them all.</p>\n");
        page.Append("<section class=\"scroll\">\n");
        foreach (var sample in shown)
            page.Append($"""
                <article class="sample"><h3>step {Human.Count(sample.Step)}</h3>
                <p dir="auto"><b>{Escape.Html(sample.Prompt)}</b>{Escape.Html(sample.Text)}</p></article>

                """);
        page.Append("</section>\n");
    }

    private static void Tables(StringBuilder page, RunReport report)
    {
        page.Append("<h2>Data</h2>\n");
        Table(page, ["documents", "bytes", "tokens"],
        [
            ("training", [report.Training.Documents, report.Training.Bytes, report.Training.Tokens]),
            ("held out", [report.HeldOut.Documents, report.HeldOut.Bytes, report.HeldOut.Tokens]),
        ]);
        page.Append("""<p class="soft hash">Manifest SHA-256 """)
            .Append($"<code>{Escape.Html(report.ManifestHash)}</code></p>\n");

        if (report.Accounting.Count > 0)
        {
            page.Append("<h2>Parameters, work and memory</h2>\n");
            Table(page, ["parameters", "FLOP a token", "bytes"],
                [
                    .. report.Accounting.Select(
                        row => (row.Part, new double?[] { row.Parameters, row.FlopPerToken, row.Bytes })),
                ],
                withTotal: true);
        }

        if (report.Configuration.Count == 0)
            return;
        page.Append("<h2>Configuration</h2>\n<div class=\"two\">\n");
        // Two halves side by side on a desk, in reading order: down, then across.
        foreach (var half in report.Configuration.Chunk((report.Configuration.Count + 1) / 2))
        {
            page.Append("<div class=\"scroll\"><table><tbody>\n");
            foreach (var (name, value) in half)
                page.Append($"<tr><th>{Escape.Html(name)}</th><td>{Escape.Html(value)}</td></tr>\n");
            page.Append("</tbody></table></div>\n");
        }

        page.Append("</div>\n");
    }

    // Names on the left, whole numbers on the right; an unknown number leaves its cell empty.
    private static void Table(
        StringBuilder page, string[] columns, (string Name, double?[] Cells)[] rows, bool withTotal = false)
    {
        page.Append("<div class=\"scroll\"><table>\n<thead><tr><th></th>");
        foreach (var column in columns)
            page.Append($"""<th class="n">{column}</th>""");
        page.Append("</tr></thead><tbody>\n");
        foreach (var (name, cells) in rows)
            Row(name, cells);
        page.Append("</tbody>");
        if (withTotal)
        {
            page.Append("<tfoot>\n");
            Row("total", [.. columns.Select((_, i) => rows.Sum(row => row.Cells[i] ?? 0))]);
            page.Append("</tfoot>");
        }

        page.Append("</table></div>\n");

        void Row(string name, double?[] cells)
        {
            page.Append($"<tr><th>{Escape.Html(name)}</th>");
            foreach (var cell in cells)
                page.Append($"""<td class="n">{(cell is { } number ? Human.Count((long)number) : "")}</td>""");
            page.Append("</tr>\n");
        }
    }

    internal static IReadOnlyList<T> EvenlyChosen<T>(IReadOnlyList<T> all, int most) => all.Count <= most
        ? all
        : [.. Enumerable.Range(0, most).Select(i => all[(int)((long)i * (all.Count - 1) / (most - 1))])];

    private static List<(double X, double Y)> Finite<T>(IReadOnlyList<T> records, Func<T, double> value)
        where T : LogRecord =>
        [.. records.Select(r => (X: (double)r.Step, Y: value(r))).Where(p => double.IsFinite(p.Y))];

    // A browser breaks lines after hyphens, which tears --options apart; each word is kept whole while it fits.
    internal static string Words(string command) =>
        string.Join(' ', command.Split(' ').Select(word => $"""<span class="word">{Escape.Html(word)}</span>"""));

    private static string Lost(int count) => count == 0 ? "" : $"{count} values were not finite";

    // One wild first step must not flatten the rest of the curve.
    private static double Percentile(List<(double X, double Y)> points, double part)
    {
        var sorted = points.Select(p => p.Y).Order().ToList();
        return points.Count < 200 ? sorted[^1] : sorted[(int)(part * (sorted.Count - 1))];
    }
}
