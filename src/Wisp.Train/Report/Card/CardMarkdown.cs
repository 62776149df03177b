using System.Globalization;
using System.Text;

namespace Wisp.Train.Report.Card;

/// <summary>The card as Markdown.</summary>
internal static class CardMarkdown
{
    public static string Render(ReportCard card)
    {
        var page = new StringBuilder();
        page.Append($"# {Escape.Markdown(card.Title)}: report card\n\n");
        page.Append($"Written {card.Date.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)}. ")
            .Append("Curves are in [card.html](card.html), all numbers in [card.json](card.json).\n\n");
        page.Append("|  |  |  |\n|---|---:|---|\n");
        foreach (var fact in CardWords.Headlines(card))
            page.Append($"| {fact.Name} | {fact.Value} | {Escape.Markdown(fact.Note)} |\n");
        Metrics(page, card);
        Samples(page, card);
        Costs(page, card);
        Data(page, card);
        Stages(page, card);
        return page.ToString();
    }

    private static void Metrics(StringBuilder page, ReportCard card)
    {
        var stages = card.Stages.Where(stage => stage.Tasks.Count > 0).ToList();
        if (stages.Count == 0)
            return;
        page.Append("\n## What it can do, stage by stage\n\n| task | metric |")
            .AppendJoin("", stages.Select(stage => $" {Escape.Markdown(stage.Name)} |")).Append(" chance |\n|---|---|")
            .AppendJoin("", stages.Select(_ => "---:|")).Append("---:|\n");
        foreach (var (task, metric, values) in card.Metrics())
        {
            page.Append($"| {Escape.Markdown(task.Name)} | {Escape.Markdown(metric)} |");
            foreach (var (stage, value) in card.Stages.Zip(values).Where(pair => stages.Contains(pair.First)))
                page.Append(value is null ? " |" : CardWords.IsAtChance(task, value)
                    ? $" *{CardWords.Value(value)}* ({CardWords.Interval(value)}) |"
                    : CardWords.IsShare(value) ? $" {CardWords.Value(value)} ({CardWords.Interval(value)}) |"
                    : $" {CardWords.Value(value)} |");
            page.Append(task.Chance is { } chance && task.Metrics[0].Name == metric
                ? $" {100 * chance:0.0} % |\n" : " |\n");
        }

        page.Append("\nIn brackets the interval of 95 %. In italics: what a guess reaches lies within it.\n");
        foreach (var (task, control) in stages[^1].Tasks.SelectMany(
            task => task.Controls.Select(control => (task, control))))
            page.Append($"\n- control of {Escape.Markdown(task.Name)}, {Escape.Markdown(stages[^1].Name)}: " +
                $"{Escape.Markdown(control.Name)} {CardWords.Value(control)} ({CardWords.Interval(control)})");
        page.Append('\n');
    }

    private static void Samples(StringBuilder page, ReportCard card)
    {
        if (card.Samples.Count == 0)
            return;
        page.Append("\n## The same prompts, stage by stage\n");
        foreach (var sample in card.Samples)
        {
            page.Append($"\n**{Escape.Markdown(sample.Prompt)}**\n");
            foreach (var stage in card.Stages.Where(stage => sample.Answers.ContainsKey(stage.Name)))
                page.Append($"\n{Escape.Markdown(stage.Name)}:\n\n{Escape.Fenced(sample.Answers[stage.Name])}\n");
        }
    }

    private static void Costs(StringBuilder page, ReportCard card)
    {
        page.Append("\n## Costs\n\n| stage | kind | steps | tokens | FLOP | time | tokens a second |\n")
            .Append("|---|---|---:|---:|---:|---:|---:|\n");
        foreach (var stage in card.Stages)
            page.Append($"| {Escape.Markdown(stage.Name)} | {Escape.Markdown(stage.Report.Stage)} | " +
                $"{Human.Count(stage.Steps)} | {Human.Short(stage.Tokens)} | {CardWords.Flop(stage.Flop)} | " +
                $"{CardWords.Time(stage.Seconds)} | {Human.Short(stage.Report.TokensPerSecond)} |\n");
        page.Append($"| **all** |  | {Human.Count(card.Stages.Sum(stage => (long)stage.Steps))} | " +
            $"{Human.Short(card.Tokens)} | {CardWords.Flop(card.Flop)} | {CardWords.Time(card.Seconds)} |  |\n");
        page.Append("\nFLOP: 6 x (block matrices + output head) a token that went through training; no embedding ")
            .Append("look-up, no attention, no answers. Time is that of the steps.\n");
    }

    private static void Data(StringBuilder page, ReportCard card)
    {
        page.Append("\n## Data\n\n| stage | documents | bytes | tokens | held out | SHA-256 |\n")
            .Append("|---|---:|---:|---:|---:|---|\n");
        foreach (var stage in card.Stages)
            page.Append($"| {Escape.Markdown(stage.Name)} | {Human.Count(stage.Report.Training.Documents)} | " +
                $"{Human.Bytes(stage.Report.Training.Bytes)} | {Human.Short(stage.Report.Training.Tokens)} | " +
                $"{Human.Count(stage.Report.HeldOut.Documents)} | `{stage.Report.ManifestHash}` |\n");
    }

    private static void Stages(StringBuilder page, ReportCard card)
    {
        page.Append("\n## Stages\n");
        foreach (var stage in card.Stages)
        {
            page.Append($"\n### {Escape.Markdown(stage.Name)}\n\n{Escape.Fenced(stage.Report.CommandLine)}\n\n");
            if (stage.Report.BeginHash.Length > 0)
                page.Append($"- begins with `{stage.Report.BeginHash}`\n");
            page.Append($"- model `{stage.Report.ModelHash}`\n");
            foreach (var fact in stage.Report.Configuration)
                page.Append($"- {Escape.Markdown(fact.Name)}: {Escape.Markdown(fact.Value)}\n");
        }
    }
}
