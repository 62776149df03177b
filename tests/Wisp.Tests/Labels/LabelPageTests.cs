using Microsoft.Playwright;
using Wisp.Tests.Browser;
using Wisp.Tests.Train.Align.Labels;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Labels;

/// <summary>The page as a person meets it: in a browser, by keyboard.</summary>
[Trait("cost", "medium")]
public sealed class LabelPageTests(Chromium chromium) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private List<LabelRecord> Saved()
    {
        File.Copy(_folder["labels.jsonl"], _folder["copy.jsonl"], overwrite: true);
        return [.. LabelReading.Of(_folder["copy.jsonl"]).Live];
    }

    private static Task<string> Prompt(Visit visit) =>
        visit.Page.InnerTextAsync("#prompt .turn:last-child .text");

    // Keys right after a comparison appeared are taken for the one before.
    private static async Task Press(Visit visit, params string[] keys)
    {
        await visit.Page.WaitForFunctionAsync(
            "() => document.getElementById('main').getAttribute('aria-busy') === 'false'");
        await visit.Page.WaitForTimeoutAsync(300);
        await visit.PressAsync(keys);
        await visit.Page.WaitForFunctionAsync(
            "() => document.getElementById('main').getAttribute('aria-busy') === 'false'");
    }

    [Fact]
    public async Task Label_skip_undo_reload_and_go_on()
    {
        var comparisons = Enumerable.Range(0, 6).Select(i => Judged.Comparison($"prompt {i}", "x", "y")).ToList();
        await using (var site = await LabelSite.StartAsync(_folder, comparisons))
        await using (var visit = await chromium.VisitAsync(site.Server.Site))
        {
            await visit.Page.GotoAsync(site.Server.Url);
            await Assertions.Expect(visit.Page.Locator("#question")).ToHaveTextAsync("Which answer is better?");
            Assert.Equal("1 of 6", await visit.Page.InnerTextAsync("#count"));
            var second = await visit.Page.InnerTextAsync(".answer:nth-child(2) .text");
            await Press(visit, "2");
            await Assertions.Expect(visit.Page.Locator("#count")).ToHaveTextAsync("2 of 6");
            Assert.Equal(second, Best(Saved()[0]));

            await Press(visit, "s");
            Assert.Equal("prompt 2", await Prompt(visit));
            await Press(visit, " ");
            Assert.Equal("prompt 3", await Prompt(visit));
            Assert.Equal((LabelKind.Skip, 1), (Saved()[1].Kind, Saved()[2].Ranking.Count));

            await Press(visit, "u");
            Assert.Equal("prompt 2", await Prompt(visit));
            await visit.Page.ReloadAsync();
            await Assertions.Expect(visit.Page.Locator("#count")).ToHaveTextAsync("3 of 6");
            Assert.Equal("prompt 2", await Prompt(visit));
            await Press(visit, "1");
            Assert.Equal("prompt 3", await Prompt(visit));
            visit.AssertClean();
        }

        // The program starts again: the page goes on at the same place.
        await using (var site = await LabelSite.StartAsync(_folder, comparisons))
        await using (var visit = await chromium.VisitAsync(site.Server.Site))
        {
            await visit.Page.GotoAsync(site.Server.Url);
            await Assertions.Expect(visit.Page.Locator("#count")).ToHaveTextAsync("4 of 6");
            await Press(visit, "1");
            await Press(visit, "Control+2"); // the browser's, not ours
            Assert.Equal("prompt 4", await Prompt(visit));
            await Press(visit, "2");
            await Press(visit, "1");
            await Assertions.Expect(visit.Page.Locator("#notice h2")).ToHaveTextAsync("That was all. Thank you!");
            await Press(visit, "u");
            Assert.Equal("prompt 5", await Prompt(visit));
            await Press(visit, "1");
            visit.AssertClean();
        }

        var records = Saved();
        Assert.Equal(["0", "1", "2", "3", "4", "5"], records.Select(
            record => record.Comparison!.Prompt.Turns[0].Text[^1..]));
        Assert.All(records, record => Assert.InRange(record.Seconds, 0.1, 60));

        static string Best(LabelRecord record) => record.Comparison!.Candidates[record.Ranking[0][0]].Turn.Text;
    }

    [Fact]
    public async Task Four_answers_are_put_in_order_by_typing_it()
    {
        await using var site = await LabelSite.StartAsync(_folder, Enumerable.Range(0, 4)
            .Select(i => Judged.Comparison($"prompt {i}", "a", "b", "c", "d")));
        await using var visit = await chromium.VisitAsync(site.Server.Site);
        await visit.Page.GotoAsync(site.Server.Url);
        await Press(visit, "3", "1", "Backspace", "4", "2");
        await Press(visit, "2", "Enter");
        await Press(visit, "2", "2", " "); // taken back: all are as good
        await Press(visit, "9", "x", "ArrowLeft", "u"); // back to the third
        Assert.Equal("prompt 2", await Prompt(visit));
        await Press(visit, "1", "2", "3");
        await visit.Page.GetByLabel("Answer 4").ClickAsync();
        await visit.Page.GetByText("the rest are equal").ClickAsync();
        await Assertions.Expect(visit.Page.Locator("#notice h2")).ToBeVisibleAsync();
        Assert.Equal(["3>4>2>1", "2>1=3=4", "1>2>3>4", "4>1=2=3"], Saved().Select(record => string.Join('>',
            record.Ranking.Select(group => string.Join('=', group.Select(
                candidate => record.Shown.ToList().IndexOf(candidate) + 1).Order())))));
        visit.AssertClean();
    }

    [Fact]
    public async Task Hostile_answers_stay_text()
    {
        string[] hostile =
        [
            "<img src='https://elsewhere.test/x.png' onerror='document.title=1'><script>document.title=1</script>",
            "<style>body{display:none}</style></div></article><h1>gone</h1>",
            "[a](javascript:alert(1)) &lt;b&gt; ![](//elsewhere.test/y)",
            $"\u202e{new string('x', 5000)}", "\u0000\u001b[2J\ud83d\ude00\u0301\u0301\u0301 {{constructor}}",
        ];
        await using var site = await LabelSite.StartAsync(
            _folder, hostile.Select(text => Judged.Comparison(text, text + " 1", text + " 2")));
        await using var visit = await chromium.VisitAsync(site.Server.Site, Window.Phone);
        await visit.Page.GotoAsync(site.Server.Url);
        foreach (var text in hostile)
        {
            await Assertions.Expect(visit.Page.Locator("#answers .answer")).ToHaveCountAsync(2);
            Assert.Equal(text, await visit.Page.Locator("#prompt .text").TextContentAsync());
            Assert.Equal(3, await visit.Page.EvaluateAsync<int>("document.querySelectorAll('.text').length"));
            Assert.Equal(0, await visit.Page.EvaluateAsync<int>("document.querySelectorAll('.text *').length"));
            Assert.Equal("wisp label", await visit.Page.TitleAsync());
            Assert.True(await visit.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"),
                "the page is wider than the window");
            await Press(visit, "1");
        }

        visit.AssertClean();
    }

    [Fact]
    public async Task A_program_that_has_gone_is_told_and_an_old_address_too()
    {
        await using (var site = await LabelSite.StartAsync(
            _folder, [Judged.Comparison("1", "x", "y"), Judged.Comparison("2", "x", "y")]))
        {
            var url = site.Server.Url;
            await using var first = await chromium.VisitAsync(site.Server.Site);
            await first.Page.GotoAsync(url[..^1]);
            await Assertions.Expect(first.Page.Locator("#alert")).ToContainTextAsync("an earlier start");
            await first.Page.GotoAsync("about:blank");
            await first.Page.GotoAsync(url);
            await Press(first, "1");
            await site.Server.DisposeAsync();
            await Press(first, "1");
            await Assertions.Expect(first.Page.Locator("#alert")).ToContainTextAsync("wisp does not answer");
            Assert.Empty(first.Foreign);
        }

        Assert.Single(Saved());
    }
}
