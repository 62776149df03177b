using System.Text.Json.Nodes;
using System.Xml.Linq;
using Wisp.Tests.Train.Data;
using Wisp.Train.Eval;
using Wisp.Train.Report;
using Wisp.Train.Report.Card;

namespace Wisp.Tests.Train.Report;

public sealed class CardTests : IDisposable
{
    private const string Hostile = "<script>alert('x')</script> & \"q\" ]]> | `a` \u0001";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Two stages of 100 steps of 1,000 tokens and half a second each; the second begins with the first's model.
    private string Run(string name, string stage, string begin, string model)
    {
        var folder = _folder[name];
        using (var log = new RunLog(folder))
            for (var step = 1; step <= 100; step++)
            {
                log.Append(new StepRecord(step, 5f / step, 0.01f, 1, 0.5, 1000));
                if (step % 25 == 0)
                    log.Append(new FigureRecord(step, "accuracy: held out", step / 100.0));
            }

        ReportWriter.Write(folder, new RunReport
        {
            Title = name, Stage = stage, BeginHash = begin, ModelHash = model, CommandLine = "./wisp train " + Hostile,
            Date = DateTimeOffset.UnixEpoch, Configuration = [new("seed", "1"), new("answers that end", Hostile)],
            ManifestHash = new string('d', 64), Training = new(10, 20, 30), HeldOut = new(1, 2, 3),
            Accounting = [new("model", 1000, 6000, 4000)], FlopPerToken = 6000, FmaPeak = 1e9,
            Records = RunLog.Read(folder), WeightsBytes = 4321,
        });
        return folder;
    }

    private static EvalReport Eval(string hash, long hits) => new()
    {
        Model = "m", ModelHash = hash, Parameters = 1000, Date = DateTimeOffset.UnixEpoch, CommandLine = "", Seed = 1,
        Limit = 0, Shots = 0, Tasks =
        [
            new TaskResult("arc", "choice", "s", "h", 100)
            {
                Metrics = [new("acc", hits / 100.0, (hits - 9) / 100.0, (hits + 9) / 100.0, 100, "wilson")],
                Chance = 0.25, Controls = [new("question withheld", 0.2, 0.1, 0.3, 100, "wilson")],
                Overlap = new OverlapResult(13, 90, 2),
            },
            new TaskResult("text", "text", "s", "h", 1) { Metrics = [new("bits a byte", 1.5, 1.5, 1.5, 9, "none")] },
        ],
    };

    private ReportCard Card() => ReportCard.Of(Hostile,
        [("base", RunReport.Read(Run("base", "pretrain", "", "aa"))),
            ("chat", RunReport.Read(Run("chat", "sft", "aa", "bb")))],
        [Eval("aa", 26), Eval("bb", 60), Eval("another model's", 99)], DateTimeOffset.UnixEpoch) with
    {
        Samples = [new CardSample(Hostile, new Dictionary<string, string> { ["base"] = "", ["chat"] = Hostile })],
    };

    [Fact]
    public void A_run_s_report_comes_back_from_its_folder_with_its_curves()
    {
        var report = RunReport.Read(Run("base", "pretrain", "", "aa"));
        Assert.Equal(100, report.Records.Steps.Count);
        Assert.Equal(1000, report.Parameters);
        Assert.Equal("aa", report.ModelHash);
        Assert.Equal(Hostile, report.Configuration[1].Value);
        Assert.Contains("no run has ended there", Assert.Throws<InvalidDataException>(
            () => RunReport.Read(_folder.Path)).Message);
    }

    [Fact]
    public void Costs_are_counted_by_the_rule_and_examinations_go_to_the_stage_whose_model_was_examined()
    {
        var card = Card();
        Assert.Equal(2 * 100 * 1000 * 6000.0, card.Flop);
        Assert.Equal(100, card.Seconds, 6);
        Assert.Equal(200_000, card.Tokens);
        Assert.Equal(0.26, card.Stages[0].Tasks[0].Metrics[0].Value);
        Assert.Equal(0.60, card.Stages[1].Tasks[0].Metrics[0].Value);
        Assert.DoesNotContain("0.99", card.ToJson());
    }

    [Fact]
    public void The_page_is_well_formed_asks_nothing_from_outside_and_shows_every_number()
    {
        CardWriter.Write(_folder["card"], Card());
        var html = File.ReadAllText(_folder["card/card.html"]);
        var page = XDocument.Parse(html.Replace("<!DOCTYPE html>", ""));
        Assert.Empty(page.Descendants("script"));
        Assert.All(page.Descendants().Attributes().Where(a => a.Name.LocalName is "href" or "src"),
            a => Assert.Equal("data:,", a.Value));
        var text = page.Root!.Value;
        foreach (var shown in (string[])["26.0 %", "60.0 %", "17.0 to 35.0", "1.500", "1.20 GFLOP", "600 MFLOP",
            "1 min 40 s", new('d', 64), "begins with base", "question withheld", "4.32 kB"])
            Assert.Contains(shown, text);
        // The words of a model stand on the page as they are, its control characters as pictures.
        Assert.Contains(Hostile.Replace("\u0001", "\u2401"), text);
        // At chance: 25 % lies within 17 to 35 %.
        Assert.Contains(page.Descendants("td"), cell => cell.Attribute("class")?.Value == "n guessed"
            && cell.Value.StartsWith("26.0 %", StringComparison.Ordinal));

        var markdown = File.ReadAllText(_folder["card/card.md"]);
        Assert.Contains("*26.0 %* (17.0 to 35.0)", markdown);
        Assert.DoesNotContain("<script>alert", markdown.Replace("./wisp train <script>", "").Replace("```text\n<", ""));
        Assert.Equal(2, JsonNode.Parse(File.ReadAllText(_folder["card/card.json"]))!["stages"]!.AsArray().Count);
    }
}
