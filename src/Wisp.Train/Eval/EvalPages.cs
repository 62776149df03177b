using System.Globalization;
using System.Text;
using Wisp.Train.Report;

namespace Wisp.Train.Eval;

/// <summary>The outcome of an examination for people: the rows of a table, and a page of Markdown.</summary>
public static class EvalPages
{
    /// <summary>One line of the table: a metric of a task, or a control under it.</summary>
    public sealed record Row(
        string Task, string Metric, string Value, string Interval, string Trials, string Chance, bool IsControl)
    {
        /// <summary>Whether a guess lies within the interval: then nothing was shown.</summary>
        public bool IsChance { get; init; }
    }

    /// <summary>A task's metrics, then its controls, each as one line; a task that was not held has one line.</summary>
    public static IEnumerable<Row> Rows(TaskResult result)
    {
        if (result.Metrics.Count == 0)
            yield return new Row(result.Name, result.Notes.FirstOrDefault("not held"), "", "", "", "", false);
        var first = true;
        foreach (var metric in result.Metrics)
        {
            yield return Of(metric, first ? result.Name : "", first ? result.Chance : null, false);
            first = false;
        }

        foreach (var control in result.Controls)
            yield return Of(control, "", null, true);
        if (result.Overlap is { } overlap)
            yield return new Row("", $"overlap with the training text, {overlap.Words} words",
                overlap.Judged == 0 ? "" : Percent((double)overlap.Found / overlap.Judged), "",
                $"{Human.Count(overlap.Found)} of {Human.Count(overlap.Judged)}", "", true);
    }

    private static Row Of(Metric metric, string task, double? chance, bool isControl)
    {
        var isShare = metric.How != "none";
        return new Row(task, metric.Name, isShare ? Percent(metric.Value) : Number(metric.Value),
            isShare ? $"{Percent(metric.Low)} to {Percent(metric.High)}" : "", Human.Count(metric.Trials),
            chance is { } share ? Percent(share) : "", isControl)
        {
            IsChance = chance is { } guess && metric.Low <= guess && guess <= metric.High,
        };
    }

    /// <summary>The whole examination as a page of Markdown.</summary>
    public static string Markdown(EvalReport report)
    {
        var page = new StringBuilder();
        page.Append($"# {Escape.Markdown(report.Model)} examined\n\n");
        page.Append($"Examined {report.Date.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)} with\n\n");
        page.Append(Escape.Fenced(report.CommandLine)).Append("\n\n");
        page.Append($"Model SHA-256 {report.ModelHash}, {Human.Count(report.Parameters)} parameters; ")
            .Append($"seed {report.Seed}; ")
            .Append(report.Limit > 0 ? $"{Human.Count(report.Limit)} items of a task at most; " : "all items; ")
            .Append($"{report.Shots} worked examples.\n\n");
        page.Append(Table(report.Tasks));
        page.Append("\nIntervals are of 95 %: Wilson's for shares, by bootstrap for other means. *Chance* is what a ")
            .Append("guess reaches; a value in italics has it within its interval. Lines with a dash are controls.\n");
        if (report.TrainingText.Length > 0)
            page.Append($"\nTests were looked for in {Escape.Markdown(report.TrainingText)}.\n");
        foreach (var task in report.Tasks.Where(task => task.Notes.Count > 0 && task.Metrics.Count > 0))
            page.Append($"\n{Escape.Markdown(task.Name)}: {Escape.Markdown(string.Join("; ", task.Notes))}.\n");
        page.Append("\n## The items\n\n| task | kind | items | from | SHA-256 of the items | seconds |\n")
            .Append("|---|---|---:|---|---|---:|\n");
        foreach (var task in report.Tasks)
            page.Append($"| {Escape.Markdown(task.Name)} | {task.Kind} | {Human.Count(task.Items)} | ")
                .Append($"{Escape.Markdown(task.Source)} | {task.Hash[..Math.Min(16, task.Hash.Length)]} | ")
                .Append($"{Number(task.Seconds)} |\n");
        return page.ToString();
    }

    internal static string Table(IEnumerable<TaskResult> tasks)
    {
        var table = new StringBuilder();
        table.Append("| task | metric | value | 95 % interval | of | chance |\n|---|---|---:|---|---:|---:|\n");
        foreach (var row in tasks.SelectMany(Rows))
            table.Append($"| {Escape.Markdown(row.Task)} | {(row.IsControl ? "– " : "")}")
                .Append($"{Escape.Markdown(row.Metric)} | ")
                .Append(row.IsChance ? $"*{row.Value}*" : row.Value)
                .Append($" | {row.Interval} | {row.Trials} | {row.Chance} |\n");
        return table.ToString();
    }

    private static string Percent(double share) =>
        (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) =>
        value.ToString(value >= 100 ? "0.0" : "0.000", CultureInfo.InvariantCulture);
}
