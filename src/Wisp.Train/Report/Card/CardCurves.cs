using System.Text;

namespace Wisp.Train.Report.Card;

/// <summary>The part of the page that shows how each stage went: its loss, and what was looked at on the way.</summary>
internal static class CardCurves
{
    private static readonly string[] s_styles = ["a", "b", "c", "d"];

    public static void Write(StringBuilder page, ReportCard card)
    {
        var figures = new StringBuilder();
        foreach (var stage in card.Stages)
            Stage(figures, stage);
        if (figures.Length > 0)
            page.Append("<h2>Curves</h2>\n<section class=\"charts\">\n").Append(figures).Append("</section>\n");
    }

    private static void Stage(StringBuilder page, CardStage stage)
    {
        var records = stage.Report.Records;
        var last = records.Steps is [.., var step] ? step.Step : 0;
        if (last == 0)
            return;
        var x = Axis.Whole(last, wanted: 5);
        var loss = Finite(records.Steps.Select(s => ((double)s.Step, (double)s.Loss)));
        if (loss.Count > 1)
        {
            var smooth = SvgChart.Smooth(loss);
            var sorted = loss.Select(p => p.Y).Order().ToList();
            Figure(page, stage.Name, "training loss, nats", SvgChart.Lines(
                $"Training loss of {stage.Name}", "steps", x,
                Axis.Spread(sorted[0], sorted[(int)(0.995 * (sorted.Count - 1))], wanted: 5),
                loss.Count < 60 ? [new Series("loss", "a", loss, EndLabel: true)]
                    : [new Series("loss", "a raw", loss), new Series("mean", "a", smooth, EndLabel: true)]));
        }

        var held = Finite(records.Evals.Select(e => ((double)e.Step, e.BitsPerByte)));
        if (held.Count > 1)
            Figure(page, stage.Name, "held out, bits a byte", SvgChart.Lines(
                $"Held-out bits a byte of {stage.Name}", "steps", x,
                Axis.Spread(held.Min(p => p.Y), held.Max(p => p.Y), wanted: 5),
                [new Series("bits a byte", "b", held, Dots: held.Count <= 80, EndLabel: true)]));

        // Figures whose names are the same up to a colon share a chart.
        foreach (var group in records.Figures.GroupBy(figure => figure.Name.Split(':')[0].Trim()))
        {
            var lines = group.GroupBy(figure => figure.Name)
                .Select(line => (Name: line.Key[(line.Key.IndexOf(':') + 1)..].Trim(),
                    Points: Finite(line.Select(figure => ((double)figure.Step, figure.Value)))))
                .Where(line => line.Points.Count > 1).Take(s_styles.Length).ToList();
            if (lines.Count == 0)
                continue;
            var low = lines.Min(line => line.Points.Min(p => p.Y));
            var high = lines.Max(line => line.Points.Max(p => p.Y));
            Figure(page, stage.Name, group.Key, SvgChart.Lines(
                $"{group.Key} of {stage.Name}", "steps", x,
                Axis.Linear(low, high, wanted: 5),
                [.. lines.Select((line, i) => new Series(
                    line.Name, s_styles[i], line.Points, Dots: line.Points.Count <= 40, EndLabel: true))]),
                lines.Count < 2 ? [] : [.. lines.Select((line, i) => (s_styles[i], line.Name))]);
        }
    }

    private static void Figure(
        StringBuilder page, string stage, string what, string svg, params (string Style, string Name)[] legend)
    {
        page.Append($"<figure><figcaption><b>{Escape.Html(stage)}</b><span>{Escape.Html(what)}</span>");
        foreach (var (style, name) in legend)
            page.Append($"<span><span class=\"key {style}\"></span>{Escape.Html(name)}</span>");
        page.Append($"</figcaption>\n{svg}\n</figure>\n");
    }

    private static List<(double X, double Y)> Finite(IEnumerable<(double X, double Y)> points) =>
        [.. points.Where(p => double.IsFinite(p.Y))];
}
