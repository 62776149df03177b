using System.Globalization;
using System.Text;

namespace Wisp.Train.Report.Card;

/// <summary>
/// The card as one page that needs nothing from outside: inline style and drawings, no scripts, a policy that forbids
/// every request; well-formed XML, which is how the tests prove that nothing escapes.
/// </summary>
internal static class CardHtml
{
    public static string Render(ReportCard card)
    {
        var page = new StringBuilder();
        page.Append($"""
            {HtmlReport.Head($"{card.Title}: report card", CardStyle.Css)}
            <header>
            <h1>{Escape.Html(card.Title)}</h1>
            <p class="soft">Report card of a whole life, written {card.Date.ToString(
                "d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)}</p>
            </header>

            """);
        Life(page, card);
        Facts(page, card);
        CardMetrics.Write(page, card);
        CardCurves.Write(page, card);
        Samples(page, card);
        Costs(page, card);
        Stages(page, card);
        page.Append("<footer>Written by wisp from what each stage left: report.json and log.jsonl. All numbers are in ")
            .Append("card.json beside this file.</footer>\n</main></body>\n</html>\n");
        return page.ToString();
    }

    /// <summary>Which colour a stage has on the whole page.</summary>
    internal static string Colour(ReportCard card, CardStage stage) => $"k{Place(card, stage) % 8}";

    internal static int Place(ReportCard card, CardStage stage) =>
        card.Stages.TakeWhile(other => !ReferenceEquals(other, stage)).Count();

    // As wide as it was long, within what can be read.
    private static void Life(StringBuilder page, ReportCard card)
    {
        page.Append("<ol class=\"life\">\n");
        foreach (var stage in card.Stages)
        {
            var share = card.Seconds > 0 ? stage.Seconds / card.Seconds : 1.0 / card.Stages.Count;
            page.Append($"""<li class="{Colour(card, stage)}" style="flex:{N(Math.Max(0.06, share))} 1 0">""")
                .Append($"<b>{Escape.Html(stage.Name)}</b><span>{CardWords.Time(stage.Seconds)}</span>")
                .Append($"<span>{CardWords.Flop(stage.Flop)}</span></li>\n");
        }

        page.Append("</ol>\n");
    }

    private static void Facts(StringBuilder page, ReportCard card)
    {
        page.Append("<dl class=\"facts\">\n");
        foreach (var fact in CardWords.Headlines(card))
            page.Append($"<div><dt>{Escape.Html(fact.Name)}</dt><dd>{Escape.Html(fact.Value)}")
                .Append($"<small>{Escape.Html(fact.Note)}</small></dd></div>\n");
        page.Append("</dl>\n");
    }

    private static void Samples(StringBuilder page, ReportCard card)
    {
        if (card.Samples.Count == 0)
            return;
        page.Append("<h2>The same prompts, stage by stage</h2>\n")
            .Append("<p class=\"soft\">Each stage's finished model answers with the likeliest token, in its chat ")
            .Append("format where it has one; the pretrained model goes on with the text.</p>\n");
        foreach (var sample in card.Samples)
        {
            page.Append($"<section class=\"answers\"><h3 dir=\"auto\">{Escape.Html(sample.Prompt)}</h3><div>\n");
            foreach (var stage in card.Stages)
            {
                if (!sample.Answers.TryGetValue(stage.Name, out var answer))
                    continue;
                page.Append($"<article class=\"{Colour(card, stage)}\"><h4>{Escape.Html(stage.Name)}</h4>")
                    .Append(answer.Length == 0 ? "<p class=\"none\">nothing</p>"
                        : $"<p dir=\"auto\">{Escape.Html(answer)}</p>").Append("</article>\n");
            }

            page.Append("</div></section>\n");
        }
    }

    private static void Costs(StringBuilder page, ReportCard card)
    {
        page.Append("<h2>Costs</h2>\n<div class=\"scroll\"><table><thead><tr><th>stage</th><th>kind</th>");
        foreach (var column in (string[])["steps", "tokens", "FLOP", "time", "tokens a second", "of the peak"])
            page.Append($"<th class=\"n\">{column}</th>");
        page.Append("</tr></thead><tbody>\n");
        foreach (var stage in card.Stages)
        {
            var report = stage.Report;
            var peak = report.FmaPeak > 0 && stage.Seconds > 0
                ? $"{100 * stage.Flop / stage.Seconds / report.FmaPeak:0} %" : "";
            page.Append($"<tr><th>{Escape.Html(stage.Name)}</th><td>{Escape.Html(report.Stage)}</td>")
                .Append($"<td class=\"n\">{Human.Count(stage.Steps)}</td>")
                .Append($"<td class=\"n\">{Human.Short(stage.Tokens)}</td>")
                .Append($"<td class=\"n\">{CardWords.Flop(stage.Flop)}</td>")
                .Append($"<td class=\"n\">{CardWords.Time(stage.Seconds)}</td>")
                .Append($"<td class=\"n\">{Human.Short(report.TokensPerSecond)}</td>")
                .Append($"<td class=\"n\">{peak}</td></tr>\n");
        }

        page.Append("</tbody><tfoot><tr><th>all</th><td></td>")
            .Append($"<td class=\"n\">{Human.Count(card.Stages.Sum(stage => (long)stage.Steps))}</td>")
            .Append($"<td class=\"n\">{Human.Short(card.Tokens)}</td><td class=\"n\">{CardWords.Flop(card.Flop)}</td>")
            .Append($"<td class=\"n\">{CardWords.Time(card.Seconds)}</td><td></td><td></td></tr></tfoot>")
            .Append("</table></div>\n<p class=\"soft hash\">FLOP: 6 x (block matrices + output head) a token that ")
            .Append("went through training; no embedding look-up, no attention, no answers. Time is that of the ")
            .Append("steps.</p>\n");
    }

    private static void Stages(StringBuilder page, ReportCard card)
    {
        page.Append("<h2>Stages, data and lineage</h2>\n");
        foreach (var stage in card.Stages)
        {
            var report = stage.Report;
            page.Append($"<section class=\"stage {Colour(card, stage)}\"><h3>{Escape.Html(stage.Name)}")
                .Append($"<small>{Escape.Html(report.Stage)}, {report.Date.ToString("d MMMM yyyy, HH:mm",
                    CultureInfo.InvariantCulture)}</small></h3>\n")
                .Append($"<pre>{HtmlReport.Words(report.CommandLine)}</pre>\n<dl>\n");
            Line("data", $"{Human.Count(report.Training.Documents)} documents, {Human.Bytes(report.Training.Bytes)}, " +
                $"{Human.Short(report.Training.Tokens)} tokens; {Human.Count(report.HeldOut.Documents)} held out");
            Code("data SHA-256", report.ManifestHash);
            if (report.BeginHash.Length > 0)
                Code(card.Stages.FirstOrDefault(other => other.Report.ModelHash == report.BeginHash) is { } before
                    ? $"begins with {before.Name}" : "begins with", report.BeginHash);
            Code("model SHA-256", report.ModelHash);
            foreach (var fact in report.Configuration)
                Line(fact.Name, fact.Value);
            page.Append("</dl></section>\n");
        }

        void Line(string name, string value) =>
            page.Append($"<dt>{Escape.Html(name)}</dt><dd>{Escape.Html(value)}</dd>\n");

        void Code(string name, string value) =>
            page.Append($"<dt>{Escape.Html(name)}</dt><dd><code>{Escape.Html(value)}</code></dd>\n");
    }

    private static string N(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
