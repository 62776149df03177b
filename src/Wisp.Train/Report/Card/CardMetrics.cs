using System.Text;
using Wisp.Train.Eval;

namespace Wisp.Train.Report.Card;

/// <summary>The part of the page that says what each stage's model can do.</summary>
internal static class CardMetrics
{
    public static void Write(StringBuilder page, ReportCard card)
    {
        var stages = card.Stages.Where(stage => stage.Tasks.Count > 0).ToList();
        if (stages.Count == 0)
            return;
        page.Append("<h2>What it can do, stage by stage</h2>\n<p class=\"soft\">Marks are values, whiskers the ")
            .Append("intervals of 95 %; the dashed line is what a guess reaches.</p>\n<section class=\"whiskers\">\n");
        foreach (var (task, metric, values) in card.Metrics())
        {
            // The metric that the field quotes; the table has the others.
            if (task.Metrics[0].Name != metric)
                continue;
            page.Append($"<figure><figcaption><b>{Escape.Html(task.Name)}</b><span>{Escape.Html(metric)}</span>")
                .Append("</figcaption>\n").Append(WhiskerChart.Draw(
                    $"{task.Name}, {metric}, by stage",
                    [.. card.Stages.Zip(values).Where(pair => pair.Second is not null)
                        .Select(pair => (pair.First.Name, CardHtml.Place(card, pair.First), pair.Second!))],
                    task.Chance)).Append("\n</figure>\n");
        }

        page.Append("</section>\n<div class=\"scroll\" style=\"margin-top:18px\"><table class=\"matrix\"><thead><tr>")
            .Append("<th>task</th><th>metric</th>");
        foreach (var stage in stages)
            page.Append($"<th class=\"n\">{Escape.Html(stage.Name)}</th>");
        page.Append("<th class=\"n\">chance</th></tr></thead><tbody>\n");
        var before = "";
        foreach (var (task, metric, values) in card.Metrics())
        {
            page.Append($"<tr><th class=\"task\">{(task.Name == before ? "" : Escape.Html(task.Name))}</th>")
                .Append($"<td>{Escape.Html(metric)}</td>");
            foreach (var (stage, value) in card.Stages.Zip(values))
                if (stages.Contains(stage))
                    Cell(page, task, value);
            page.Append(task.Chance is { } chance && task.Metrics[0].Name == metric
                ? $"<td class=\"n\">{100 * chance:0.0} %</td></tr>\n" : "<td></td></tr>\n");
            before = task.Name;
        }

        page.Append("</tbody></table></div>\n");
        Controls(page, stages[^1]);
    }

    private static void Cell(StringBuilder page, TaskResult task, Metric? value)
    {
        if (value is null)
        {
            page.Append("<td></td>");
            return;
        }

        var style = CardWords.IsAtChance(task, value) ? "n guessed" : "n";
        page.Append($"<td class=\"{style}\">{CardWords.Value(value)}");
        if (CardWords.IsShare(value))
            page.Append($"<small>{CardWords.Interval(value)}</small>");
        page.Append("</td>");
    }

    // Guards against fooling oneself, of the last model that was examined.
    private static void Controls(StringBuilder page, CardStage stage)
    {
        var rows = stage.Tasks.SelectMany(task => task.Controls.Select(control => (task.Name, control.Name, control)))
            .ToList();
        var overlaps = stage.Tasks.Where(task => task.Overlap is not null).ToList();
        if (rows.Count + overlaps.Count == 0)
            return;
        page.Append($"<h2>Guards, {Escape.Html(stage.Name)}</h2>\n<div class=\"scroll\"><table><tbody>\n");
        foreach (var (task, name, control) in rows)
            page.Append($"<tr><th>{Escape.Html(task)}</th><td>{Escape.Html(name)}</td>")
                .Append($"<td class=\"n\">{CardWords.Value(control)}</td>")
                .Append($"<td class=\"n\"><small>{CardWords.Interval(control)}</small></td></tr>\n");
        foreach (var task in overlaps)
            page.Append($"<tr><th>{Escape.Html(task.Name)}</th><td>items of which the training text holds " +
                $"{task.Overlap!.Words} words in a row</td><td class=\"n\">{Human.Count(task.Overlap.Found)}</td>" +
                $"<td class=\"n\"><small>of {Human.Count(task.Overlap.Judged)}</small></td></tr>\n");
        page.Append("</tbody></table></div>\n");
    }
}
