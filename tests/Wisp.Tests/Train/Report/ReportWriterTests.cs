using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Wisp.Train.Report;

namespace Wisp.Tests.Train.Report;

public sealed class ReportWriterTests : IDisposable
{
    private const string Hostile =
        "</p><script>alert('x')</script> \"&amp; \u001b[31m \0 \ud800 \uffff ``` | `x` # a\n``````";

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    private static RunReport Run(int steps = 500, string text = " ran away.") => new()
    {
        Title = $"a small run {text}",
        CommandLine = $"wisp train pretrain corpus --size 1M {text}",
        Date = new DateTimeOffset(2026, 11, 3, 9, 5, 0, TimeSpan.Zero),
        Configuration = [new("layers", "4"), new("width", text), new("learning rate", "0.003")],
        ManifestHash = new string('a', 64),
        Training = new(10, 21_000_000, 5_000_000),
        HeldOut = new(2, 1_000_000, 250_000),
        Accounting =
        [
            new("embedding", 1_000_000, null, 4_000_000), new("blocks", 2_000_000, 12e6, 8_000_000),
            new($"moments {text}", Bytes: 24_000_000),
        ],
        Records = new(
            [
                .. Enumerable.Range(1, steps).Select(
                    s => new StepRecord(s, s == 7 ? float.NaN : 2 + 6f / s, 0.003f * s / steps, 0.5f, 0.25, 4096)),
            ],
            [.. Enumerable.Range(1, steps / 50).Select(s => new EvalRecord(50 * s, 3, 1.5 + 1.0 / s))],
            [.. Enumerable.Range(1, steps / 100).Select(s => new SampleRecord(100 * s, "The fox", text))]),
        FlopPerToken = 12e6,
        FmaPeak = 400e9,
        FinalBitsPerByte = 1.612,
        WeightsBytes = 7_000_000,
        Compression =
        [
            new("gzip -9", 2.5, 312_500), new("xz -9e", null, null, "not found"),
            CompressionRow.OfModel("this model", 1.612, 1_000_000),
        ],
    };

    private string Html(RunReport report)
    {
        ReportWriter.Write(_run.Path, report);
        return File.ReadAllText(_run.File("report.html"));
    }

    // The page is written as XML that is also HTML, so one strict parser proves that no text became markup.
    private static XElement Parsed(string html)
    {
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore };
        using var reader = XmlReader.Create(new StringReader(html), settings);
        return XElement.Load(reader);
    }

    [Fact]
    public void The_page_is_well_formed_and_asks_nobody_for_anything()
    {
        var html = Html(Run());
        var page = Parsed(html);

        Assert.DoesNotMatch(new Regex(@"https?:|//[a-z]|@import|url\(|<script|\son\w+="), html);
        var links = page.Descendants().Attributes().Where(a => a.Name == "href" || a.Name == "src");
        Assert.Equal(["data:,"], links.Select(a => a.Value));
        Assert.Contains(
            page.Descendants("meta").Attributes("content"),
            policy => policy.Value.StartsWith("default-src 'none';", StringComparison.Ordinal));
        Assert.Equal(4, page.Descendants("svg").Count());
    }

    [Fact]
    public void Text_from_a_model_or_a_user_stays_text()
    {
        var page = Parsed(Html(Run(text: Hostile)));

        Assert.Empty(page.Descendants("script"));
        var sample = page.Descendants("article").First().Element("p")!.Value;
        Assert.StartsWith(
            "The fox</p><script>alert('x')</script> \"&amp; ␛[31m ␀ \ufffd \ufffd ``` |", sample,
            StringComparison.Ordinal);
        Assert.Contains("<script>", page.Descendants("h1").Single().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Markdown_tables_and_fences_hold_hostile_text()
    {
        ReportWriter.Write(_run.Path, Run(text: Hostile));
        var markdown = File.ReadAllText(_run.File("report.md"));

        Assert.DoesNotContain("\u001b", markdown, StringComparison.Ordinal);
        // Outside of fenced blocks, a table row keeps its number of cells and no tag is left.
        var fence = "";
        foreach (var line in markdown.Split('\n'))
        {
            if (fence.Length > 0)
            {
                fence = line == fence ? "" : fence;
                continue;
            }

            if (Regex.Match(line, "^(```+)text$") is { Success: true } opened)
                fence = opened.Groups[1].Value;
            Assert.DoesNotMatch(@"(?<!\\)<", line);
            if (line.StartsWith('|'))
                Assert.InRange(Regex.Count(line, @"(?<!\\)\|"), 3, 5);
        }

        Assert.Equal("", fence);
    }

    [Fact]
    public void The_headline_numbers_are_on_both_forms()
    {
        var html = Parsed(Html(Run())).Descendants("dl").Single().Value;
        var markdown = File.ReadAllText(_run.File("report.md"));
        // 500 steps of 4096 tokens in 0.25 s each: 16.4k a second; times 12 MFLOP is 196.6 GFLOP/s, 49 % of 400.
        string[] facts = ["1.612", "3.0 : 1", "3.00M", "2.05M", "16.4k", "196.6 GFLOP/s, 49 % of peak", "2 min 05 s"];
        foreach (var fact in facts)
        {
            Assert.Contains(fact, html, StringComparison.Ordinal);
            Assert.Contains(fact, markdown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Compressors_stand_in_order_of_strength_and_missing_ones_last()
    {
        var rows = Parsed(Html(Run())).Descendants("div")
            .Where(d => (string?)d.Attribute("class") is "bar" or "bar model");
        Assert.Equal(
            ["this model", "gzip -9", "xz -9e"],
            rows.Select(r => r.Element("span")!.FirstNode!.ToString().Trim()));
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(59), InlineData(60), InlineData(5000)]
    public void Every_curve_lies_inside_its_drawing(int steps)
    {
        foreach (var svg in Parsed(Html(Run(steps))).Descendants("svg"))
        {
            var size = svg.Attribute("viewBox")!.Value.Split(' ').Select(double.Parse).ToArray();
            var lines = svg.Descendants("path")
                .Where(p => p.Attribute("class")!.Value.StartsWith("line", StringComparison.Ordinal));
            foreach (var path in lines)
            {
                var numbers = Regex.Matches(path.Attribute("d")!.Value, @"-?\d+(\.\d+)?")
                    .Select(m => double.Parse(m.Value, CultureInfo.InvariantCulture)).ToList();
                Assert.InRange(numbers.Count, 2, 4 * 480 + 8);
                for (var i = 0; i < numbers.Count; i += 2)
                {
                    Assert.InRange(numbers[i], 0, size[2]);
                    Assert.InRange(numbers[i + 1], 0, size[3]);
                }
            }
        }
    }

    [Fact]
    public void Figures_of_one_name_share_a_chart_and_looks_have_a_table()
    {
        var report = Run(steps: 8);
        var page = Parsed(Html(report with
        {
            Records = report.Records with
            {
                Figures =
                [
                    .. Enumerable.Range(0, 9).SelectMany(step => (FigureRecord[])
                    [
                        new(step, "right <answers>: held out", step / 10.0),
                        new(step, "right <answers>: data it began with", 0.6), new WatchRecord(step, "length", 9),
                    ]),
                    new FigureRecord(8, "only once", 1),
                ],
            },
        }));
        string[] charts = [.. page.Descendants("figcaption").Select(caption => caption.Value)];
        Assert.Single(charts, caption => caption.Contains("right <answers>"));
        Assert.Contains(charts, caption => caption.Contains("held out") && caption.Contains("data it began with"));
        Assert.Contains("length", charts);
        Assert.DoesNotContain("only once", string.Concat(charts)); // a point is no curve
        var markdown = File.ReadAllText(_run.File("report.md"));
        Assert.Contains("| 8 | 0.8000 | 0.6000 | 1.0000 |", markdown);
        Assert.DoesNotContain("length", markdown);
    }

    [Fact]
    public void An_unfinished_run_has_a_report_too()
    {
        var html = Html(Run() with
        {
            FinalBitsPerByte = null,
            WeightsBytes = 0,
            Compression = [],
            Accounting = [],
            Configuration = [],
        });
        Assert.Contains("run unfinished", Parsed(html).Value, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_that_cannot_be_written_leaves_the_old_one()
    {
        Html(Run());
        var before = File.ReadAllText(_run.File("report.html"));
        Assert.Throws<IOException>(() => AtomicFile.Write(_run.File("report.html"), file =>
        {
            file.WriteByte(1);
            throw new IOException("disk full");
        }));
        Assert.Equal(before, File.ReadAllText(_run.File("report.html")));
        Assert.Equal(["report.html", "report.json", "report.md"],
            Directory.GetFiles(_run.Path).Select(Path.GetFileName).Order());
    }
}
