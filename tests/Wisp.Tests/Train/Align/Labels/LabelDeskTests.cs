using System.Threading.Channels;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Labels;

public sealed class LabelDeskTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // A desk with so many comparisons that its labeller has not seen; the file is opened and closed around it.
    private async Task At(Func<LabelDesk, Task> work, int comparisons = 20, DeskOptions? options = null)
    {
        options ??= new DeskOptions("Ann", RepeatShare: 0);
        using var log = LabelLog.Open(_folder["l.jsonl"]);
        var done = LabelDesk.DoneBy(options.Labeller, log.Reading);
        var fresh = Channel.CreateUnbounded<Comparison>();
        for (var i = 0; i < comparisons; i++)
            if (Judged.Comparison($"{i}", "x", "y") is var comparison && !done.Contains(comparison.Key))
                fresh.Writer.TryWrite(comparison);
        fresh.Writer.Complete();
        using var desk = new LabelDesk(log, options, fresh.Reader);
        await work(desk);
    }

    private static async Task<string> Prompt(LabelDesk desk) =>
        (await desk.CurrentAsync())?.Comparison.Prompt.Turns[0].Text ?? "done";

    private static async Task Judge(LabelDesk desk, params int[] places) =>
        Assert.True(await desk.JudgeAsync((await desk.CurrentAsync())!.Id, places, 1));

    [Fact]
    public async Task Who_comes_back_goes_on_where_they_were()
    {
        await At(async desk =>
        {
            Assert.Equal("0", await Prompt(desk));
            await Judge(desk, 0);
            await Judge(desk, 1);
            Assert.True(await desk.SkipAsync((await desk.CurrentAsync())!.Id, 1));
            Assert.Equal("3", await Prompt(desk)); // seen and not judged
        }, 5);
        await At(async desk =>
        {
            Assert.Equal("3", await Prompt(desk));
            await Judge(desk, 0);
            await Judge(desk, 0);
            Assert.Equal("done", await Prompt(desk));
            Assert.Equal(["0", "1", "2", "3", "4"], desk.Own.Select(record => record.Comparison!.Prompt.Turns[0].Text));
        }, 5);

        // Another labeller of the same file begins at the beginning.
        await At(async desk => Assert.Equal("0", await Prompt(desk)), 5, new DeskOptions("Ben"));
    }

    [Fact]
    public async Task What_was_picked_is_kept_and_not_where_it_stood()
    {
        await At(async desk =>
        {
            for (var i = 0; i < 20; i++)
            {
                var shown = (await desk.CurrentAsync())!;
                await Judge(desk, Array.IndexOf([.. shown.Shown], 1)); // wherever candidate 1 stands
            }

            Assert.All(desk.Own, record => Assert.Equal(1, record.Compare(1, 0)));
            Assert.InRange(desk.Own.Count(record => record.Shown[0] == 0), 4, 16); // 20 coins, 0.3 % outside
        });
    }

    [Fact]
    public async Task Places_not_named_are_tied_last()
    {
        var shown = new Presentation("1", Judged.Comparison("1", "a", "b", "c", "d"), [3, 1, 0, 2], false);
        Assert.Equal("1>0>2=3", Said(shown.Ranking([1, 2])));
        Assert.Equal("3>1>0>2", Said(shown.Ranking([0, 1, 2])));
        Assert.Equal("0=1=2=3", Said(shown.Ranking([])));
        Assert.Throws<ArgumentException>(() => shown.Ranking([4]));
        Assert.Throws<ArgumentException>(() => shown.Ranking([-1]));
        Assert.Throws<ArgumentException>(() => shown.Ranking([1, 1]));
        await At(async desk =>
        {
            var id = (await desk.CurrentAsync())!.Id;
            await Assert.ThrowsAsync<ArgumentException>(() => desk.JudgeAsync(id, [2], 1));
            Assert.Equal(id, (await desk.CurrentAsync())!.Id);
            Assert.Empty(desk.Own);
        });

        static string Said(IReadOnlyList<IReadOnlyList<int>> ranking) =>
            string.Join('>', ranking.Select(group => string.Join('=', group)));
    }

    [Fact]
    public async Task Undo_goes_back_step_by_step_over_starts_of_the_program()
    {
        await At(async desk =>
        {
            await Judge(desk, 0);
            await Judge(desk, 0);
            await Judge(desk, 0);
        }, 6);
        await At(async desk =>
        {
            Assert.Equal("3", await Prompt(desk));
            Assert.True(await desk.UndoAsync());
            Assert.Equal("2", await Prompt(desk));
            Assert.True(await desk.UndoAsync());
            Assert.Equal("1", await Prompt(desk));
            await Judge(desk, 1);
            Assert.Equal("2", await Prompt(desk));
            await Judge(desk, 1);
            Assert.Equal("3", await Prompt(desk));
            Assert.Equal([0, 1, 2], desk.Own.Select(record => record.Comparison!.Prompt.Turns[0].Text[0] - '0'));
            while (await desk.UndoAsync())
            {
            }

            Assert.Equal("0", await Prompt(desk));
            Assert.Empty(desk.Own);
        }, 6);

        // Every step is a line that was added.
        Assert.Equal(3 + 2 + 2 + 3, File.ReadAllLines(_folder["l.jsonl"]).Length);
        await At(async desk => Assert.Equal("0", await Prompt(desk)), 6);
    }

    [Fact]
    public async Task A_verdict_on_what_is_not_current_is_refused_and_one_sent_twice_is_kept_once()
    {
        await At(async desk =>
        {
            var id = (await desk.CurrentAsync())!.Id;
            Assert.False(await desk.JudgeAsync("other", [0], 1));
            Assert.True(await desk.JudgeAsync(id, [0], 1));
            Assert.True(await desk.JudgeAsync(id, [0], 1)); // the answer got lost on the way
            Assert.Single(desk.Own);
            Assert.True(await desk.SkipAsync((await desk.CurrentAsync())!.Id, 1));
            Assert.False(await desk.JudgeAsync(id, [0], 1));
        });
    }

    [Fact]
    public async Task Some_come_again_later_with_sides_swapped_and_each_once()
    {
        var options = new DeskOptions("Ann", RepeatShare: 0.3) { RepeatAfter = 5 };
        var firsts = new Dictionary<string, (int At, IReadOnlyList<int> Shown)>();
        var again = 0;
        for (var start = 0; start < 4; start++)
            await At(async desk =>
            {
                for (var i = 0; i < 12 && await desk.CurrentAsync() is { } shown; i++)
                {
                    var key = shown.Comparison.Key;
                    Assert.Equal(shown.IsRepeat, firsts.ContainsKey(key));
                    if (shown.IsRepeat)
                    {
                        again++;
                        Assert.Equal(firsts[key].Shown.Reverse(), shown.Shown);
                        if (firsts.Count < 30)
                            Assert.True(desk.Own.Count - firsts[key].At >= 5, "it came again too soon");
                    }
                    else
                    {
                        firsts[key] = (desk.Own.Count, shown.Shown);
                    }

                    await Judge(desk, 0);
                }
            }, 30, options);
        Assert.Equal(30, firsts.Count);
        Assert.InRange(again, 3, 16); // 30 coins of 0.3
        Assert.Equal(again, LabelFigures.Of(LabelReading.Of(_folder["l.jsonl"])).Labellers[0].Repeats);
    }

    [Fact]
    public async Task Undo_works_while_candidates_are_being_made()
    {
        using var log = LabelLog.Open(_folder["l.jsonl"]);
        var fresh = Channel.CreateUnbounded<Comparison>();
        using var desk = new LabelDesk(log, new DeskOptions("Ann"), fresh.Reader);
        fresh.Writer.TryWrite(Judged.Comparison("0", "x", "y"));
        await Judge(desk, 0);
        using var cancel = new CancellationTokenSource();
        var waiting = desk.CurrentAsync(cancel.Token).AsTask();
        Assert.True(await desk.UndoAsync());
        Assert.Equal("0", await Prompt(desk));
        fresh.Writer.TryWrite(Judged.Comparison("1", "x", "y"));
        Assert.Equal("0", (await waiting)!.Comparison.Prompt.Turns[0].Text);
        fresh.Writer.Complete(new InvalidOperationException("the model broke"));
        await Judge(desk, 0);
        await Judge(desk, 0);
        await Assert.ThrowsAnyAsync<InvalidOperationException>(() => desk.CurrentAsync().AsTask());
    }

    [Fact]
    public async Task Times_are_those_of_the_page_and_no_longer_than_passed()
    {
        await At(async desk =>
        {
            foreach (var (told, kept) in (IEnumerable<(double, double)>)[(0, 0), (-1, 0), (1e9, 10), (double.NaN, 10)])
            {
                Assert.True(await desk.JudgeAsync((await desk.CurrentAsync())!.Id, [0], told));
                Assert.InRange(desk.Own[^1].Seconds, 0, kept);
            }
        });
    }
}
