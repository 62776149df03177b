using Spectre.Console;
using Wisp.Cli;
using Wisp.Train.Report;

namespace Wisp.Tests.Cli;

public class TrainDisplayTests
{
    private readonly StillClock _clock = new();

    // 4096 tokens in 0.25 s at 6 MFLOP a token: 98.3 GFLOP/s, 61 % of 160.
    private TrainDisplay Display(IAnsiConsole console, int steps = 100) => new(console, steps, 6e6, 160e9, _clock);

    private void Run(TrainDisplay display, int from, int to)
    {
        for (var step = from; step <= to; step++)
        {
            _clock.Pass(0.25);
            display.Step(new StepRecord(step, 2 + 6f / step, 0.003f, 0.5f, 0.25, 4096));
        }
    }

    [Fact]
    public void Eighty_columns_show_the_run_on_four_lines()
    {
        var (screen, console) = Screen.Of(80);
        using var display = Display(console);
        Run(display, 1, 40);
        display.Eval(new EvalRecord(40, 2.2, 1.9));
        Run(display, 41, 50);
        display.Eval(new EvalRecord(50, 2.1, 1.823));

        // The mean is Σ 0.95^(50-k)·lossₖ over Σ 0.95^(50-k); the sparkline has eight heights on the scale of log loss.
        Assert.Equal(
            [
                "step 50 of 100  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────  50 %",
                "loss 2.262  █▆▄▄▃▃▂▂▂▂▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
                "bits/byte 1.823 ↓  tokens/s  16.4k    GFLOP/s   98.3     of peak   61 %",
                "rate      3e-3     gradient  0.50     elapsed   0:12     left      0:12",
                "",
            ],
            screen.Rows);
    }

    [Fact]
    public void Forty_columns_show_the_same_on_more_lines()
    {
        var (screen, console) = Screen.Of(40);
        using var display = Display(console);
        Run(display, 1, 100);

        Assert.Equal("step 100 of 100  ━━━━━━━━━━━━━━━━ 100 %", screen.Rows[0]);
        Assert.Equal(7, screen.Rows.Length);
        Assert.Equal("elapsed   0:25     left      0:00", screen.Rows[5]);
    }

    [Fact]
    public void What_a_run_watches_stands_beside_the_loss()
    {
        var (screen, console) = Screen.Of(80);
        using var display = Display(console);
        display.Watch(new WatchRecord(1, "reward", 0.123456));
        display.Watch(new WatchRecord(1, "groups that teach", 1));
        display.Watch(new WatchRecord(1, "engine gap", 1.5e-6));
        Run(display, 1, 50);
        display.Watch(new WatchRecord(50, "reward", 0.25));
        Run(display, 51, 51);
        display.Note("a look");

        Assert.Equal("tokens/s  16.4k    GFLOP/s   98.3     of peak   61 %     rate      3e-3", screen.Rows[3]);
        Assert.Equal("gradient  0.50     elapsed   0:12     left      0:12     reward    0.25", screen.Rows[4]);
        Assert.Equal("groups th 1        engine ga 1.5e-6", screen.Rows[5]);
    }

    [Fact]
    public void Samples_scroll_away_above_and_cannot_steer_the_terminal()
    {
        var (screen, console) = Screen.Of(40, color: true);
        using var display = Display(console);
        Run(display, 1, 3);
        display.Sample(new SampleRecord(3, "The fox", " ran \e[2J\e]0;owned\a away\nand away [red]"));
        display.Note("saved checkpoint 3");
        Run(display, 4, 5);
        display.Finish();

        Assert.Equal(
            ["step 3", "  The fox ran ␛[2J␛]0;owned␇ away", "  and away [red]", "", "saved checkpoint 3"],
            screen.Rows[..5]);
        Assert.StartsWith("step 5 of 100", screen.Rows[5], StringComparison.Ordinal);
        Assert.Single(screen.Rows, row => row.Contains("of 100", StringComparison.Ordinal));
    }

    [Fact]
    public void At_most_eight_drawings_a_second_reach_the_terminal()
    {
        var (screen, console) = Screen.Of(80);
        using var display = Display(console, steps: 100_000);
        for (var step = 1; step <= 1000; step++)
        {
            _clock.Pass(0.002);
            display.Step(new StepRecord(step, 3, 0.003f, 0.5f, 0.002, 64));
        }

        Assert.InRange(screen.Raw.Split("\e[?2026h").Length - 1, 14, 17); // two seconds
    }

    [Fact]
    public void A_terminal_made_narrower_leaves_no_scraps()
    {
        var (screen, console) = Screen.Of(80);
        using var display = Display(console);
        Run(display, 1, 2);
        screen.Narrow(50);
        _clock.Pass(1);
        display.Step(new StepRecord(3, 3, 0.003f, 0.5f, 0.25, 4096));

        Assert.StartsWith("step 3 of 100", screen.Rows[0], StringComparison.Ordinal);
        Assert.Single(screen.Rows, row => row.StartsWith("loss", StringComparison.Ordinal));
    }

    [Fact]
    public void A_long_history_fits_and_values_that_are_not_finite_do_not_hurt()
    {
        var (screen, console) = Screen.Of(80);
        using var display = Display(console, steps: 3000);
        for (var step = 1; step <= 3000; step++)
        {
            var loss = step % 10 == 0 ? float.NaN : 5 - step * 0.001f;
            display.Step(new StepRecord(step, loss, 0.003f, float.PositiveInfinity, 0.25, 4096));
        }

        display.Finish();
        Assert.Matches(@"^loss 2\.0\d\d  █.*▁$", screen.Rows[1]);
    }

    [Fact]
    public void Off_the_terminal_a_line_comes_every_few_seconds_and_at_the_end()
    {
        using var output = new StringWriter();
        using (var display = Display(Terminal.On(output)))
        {
            Run(display, 1, 100);
            display.Eval(new EvalRecord(100, 2.1, 1.823));
            display.Sample(new SampleRecord(100, "The fox", " ran\naway"));
            display.Note("saved");
        }

        var lines = output.ToString().TrimEnd().Split('\n');
        const string speed = "rate 3e-3  16.4k tok/s  98.3 GFLOP/s (61 % of peak)";
        Assert.Equal($"step 1/100  loss 8.0000  {speed}  elapsed 0:00", lines[0]);
        Assert.Equal($"step 21/100  loss 2.7932  {speed}  elapsed 0:05  left 0:19", lines[1]);
        Assert.StartsWith("step 100/100", lines[^5], StringComparison.Ordinal);
        Assert.Equal(
            ["step 100  held out 1.8230 bits/byte  loss 2.1000", "step 100  sample: The fox ran", "    away", "saved"],
            lines[^4..]);
        Assert.DoesNotContain('\e', output.ToString());
    }

    [Fact]
    public void Progress_fills_one_line_and_leaves_one_line_a_stage()
    {
        var (screen, console) = Screen.Of(60);
        using (var progress = new ProgressLine(console, _clock))
        {
            progress.Report("reading corpus", 0, 1000);
            _clock.Pass(3);
            progress.Report("reading corpus", 250, 1000);
            Assert.Equal("reading corpus  ━━━━━━───────────────────  25 %  9.0 s left", screen.Rows[0]);
            _clock.Pass(1);
            progress.Report("merging", 5, 0);
            Assert.Equal(["reading corpus: 250 of 1.00k, 4.0 s", "merging  5  0.0 s", ""], screen.Rows);
        }

        Assert.Equal(["reading corpus: 250 of 1.00k, 4.0 s", "merging: 5, 0.0 s", ""], screen.Rows);
    }
}
