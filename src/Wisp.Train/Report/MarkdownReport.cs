using System.Globalization;
using System.Text;

namespace Wisp.Train.Report;

/// <summary>The report for a repository page or a terminal: the same numbers, curves as tables.</summary>
internal static class MarkdownReport
{
    private const int CurveRows = 16;
    private const int MaxSamples = 8;

    public static string Render(RunReport report)
    {
        var page = new StringBuilder();
        page.Append($"# {Escape.Markdown(report.Title)}\n\n");
        page.Append($"Trained {report.Date.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)} with\n\n");
        page.Append(Escape.Fenced(report.CommandLine)).Append("\n\n");
        page.Append("The curves are in [report.html](report.html).\n\n");

        Table(page, ["", "", ""], Headline.Of(report).Select(f => new[] { f.Name, f.Value, f.Note }), "lrl");
        if (report.Compression.Count > 0)
        {
            page.Append("## As a compressor\n\nBits for each byte of the same held-out text.\n\n");
            Table(page, ["", "bits per byte", "bytes", ""],
                report.Compression.OrderBy(row => row.BitsPerByte ?? double.MaxValue).Select(row => new[]
                {
                    row.Name, row.BitsPerByte?.ToString("0.000", CultureInfo.InvariantCulture) ?? "",
                    row.Bytes is { } bytes ? Human.Count(bytes) : "", row.Note ?? "",
                }), "lrrl");
        }

        Curves(page, report.Records);
        if (report.Records.Samples.Count > 0)
        {
            page.Append("## What it wrote as it learned\n\n");
            foreach (var sample in HtmlReport.EvenlyChosen(report.Records.Samples, MaxSamples))
                page.Append($"Step {Human.Count(sample.Step)}:\n\n{Escape.Fenced(sample.Prompt + sample.Text)}\n\n");
        }

        page.Append("## Data\n\n");
        Table(page, ["", "documents", "bytes", "tokens"],
            new[] { ("training", report.Training), ("held out", report.HeldOut) }.Select(side => new[]
            {
                side.Item1, Human.Count(side.Item2.Documents), Human.Count(side.Item2.Bytes),
                Human.Count(side.Item2.Tokens),
            }), "lrrr");
        page.Append($"Manifest SHA-256: {Escape.Markdown(report.ManifestHash)}\n\n");
        if (report.Accounting.Count > 0)
        {
            page.Append("## Parameters, work and memory\n\n");
            Table(page, ["", "parameters", "FLOP a token", "bytes"], report.Accounting.Select(row => new[]
            {
                row.Part, Cell(row.Parameters), Cell(row.FlopPerToken), Cell(row.Bytes),
            }), "lrrr");
        }

        if (report.Configuration.Count > 0)
        {
            page.Append("## Configuration\n\n");
            Table(page, ["", ""], report.Configuration.Select(setting => new[] { setting.Name, setting.Value }), "ll");
        }

        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static void Curves(StringBuilder page, RunRecords records)
    {
        if (records.Evals.Count > 0)
        {
            page.Append("## Held-out text\n\n");
            Table(page, ["step", "bits per byte", "nats a token"],
                HtmlReport.EvenlyChosen(records.Evals, CurveRows).Select(e => new[]
                {
                    Human.Count(e.Step), e.BitsPerByte.ToString("0.0000", CultureInfo.InvariantCulture),
                    e.LossNats.ToString("0.0000", CultureInfo.InvariantCulture),
                }), "rrr");
        }

        Figures(page, records.Figures);
        if (records.Steps.Count == 0)
            return;
        page.Append("## Training\n\nEach row is the mean of the steps since the row before.\n\n");
        var rows = Math.Min(CurveRows, records.Steps.Count);
        Table(page, ["step", "loss", "learning rate", "tokens a second"], Enumerable.Range(0, rows).Select(row =>
        {
            var from = (int)((long)records.Steps.Count * row / rows);
            var to = (int)((long)records.Steps.Count * (row + 1) / rows);
            var part = records.Steps.Skip(from).Take(to - from).ToList();
            var seconds = part.Sum(s => s.Seconds);
            return new[]
            {
                Human.Count(part[^1].Step), part.Average(s => s.Loss).ToString("0.0000", CultureInfo.InvariantCulture),
                Human.Small(part[^1].LearningRate),
                Human.Count((long)(seconds > 0 ? part.Sum(s => (double)s.Tokens) / seconds : 0)),
            };
        }), "rrrr");
    }

    // One column for what each look found; what was watched at every step is in the charts.
    private static void Figures(StringBuilder page, IReadOnlyList<FigureRecord> figures)
    {
        var looks = figures.Where(figure => figure is not WatchRecord).ToList();
        if (looks.Count == 0)
            return;
        string[] names = [.. looks.Select(figure => figure.Name).Distinct()];
        page.Append("## Held-out figures\n\n");
        Table(page, ["step", .. names],
            HtmlReport.EvenlyChosen([.. looks.GroupBy(figure => figure.Step)], CurveRows).Select(look => (string[])
            [
                Human.Count(look.Key), .. names.Select(name => look.FirstOrDefault(figure => figure.Name == name)
                    ?.Value.ToString("0.0000", CultureInfo.InvariantCulture) ?? ""),
            ]), new string('r', names.Length + 1));
    }

    private static string Cell(double? value) => value is { } number ? Human.Count((long)number) : "";

    // align: one letter a column, l or r.
    private static void Table(StringBuilder page, string[] head, IEnumerable<string[]> rows, string align)
    {
        Line(head);
        page.Append('|').AppendJoin('|', align.Select(a => a == 'r' ? "---:" : "---")).Append("|\n");
        foreach (var row in rows)
            Line(row);
        page.Append('\n');

        void Line(string[] cells) => page.Append("| ").AppendJoin(" | ", cells.Select(Escape.Markdown)).Append(" |\n");
    }
}
