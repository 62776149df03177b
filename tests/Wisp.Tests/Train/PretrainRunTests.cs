using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Report;

namespace Wisp.Tests.Train;

public sealed class PretrainRunTests : IDisposable
{
    private static readonly PretrainPlan s_plan = TinyCorpus.Plan with { Steps = 12 };

    private static readonly PretrainHabits s_habits = new()
    {
        Evaluations = 4, EvaluationTokens = 200, SampleTokens = 5, SamplePrompts = ["", "the "],
        SaveEvery = TimeSpan.Zero,
    };

    private readonly TinyCorpus _corpus = new();
    private readonly WorkerPool _pool = new(2);

    public void Dispose()
    {
        _pool.Dispose();
        _corpus.Dispose();
    }

    private PretrainRun Open(string folder, PretrainHabits? habits = null) =>
        new(Directory.CreateDirectory(_corpus[folder]).FullName, s_plan, habits ?? s_habits, _corpus.Corpus, _pool,
            TimeProvider.System);

    private void Complete(string folder)
    {
        using var run = Open(folder);
        Assert.True(run.Run(_ => { }, CancellationToken.None));
        run.Finish((_, _, _) => { }, CancellationToken.None);
    }

    // Runs until the step is logged, then asks to stop, as Ctrl-C does.
    private void Interrupt(string folder, int step, PretrainHabits? habits = null)
    {
        using var stop = new CancellationTokenSource();
        using var run = Open(folder, habits);
        Assert.False(run.Run(
            record =>
            {
                if (record is StepRecord && record.Step == step)
                    stop.Cancel();
            },
            stop.Token));
        Assert.Equal(step, run.Step);
    }

    [Fact]
    public void A_run_leaves_a_model_its_report_and_its_log()
    {
        var seen = new List<LogRecord>();
        using (var run = Open("run"))
        {
            Assert.True(run.Run(seen.Add, CancellationToken.None));
            var report = run.Finish((_, _, _) => { }, CancellationToken.None);
            Assert.Equal(new FileInfo(run.ModelPath).Length, report.WeightsBytes);
            Assert.InRange(report.FinalBitsPerByte!.Value, 0.1, 8);
        }

        foreach (var name in (string[])["checkpoint.gguf", "log.jsonl", "model.gguf", "report.md", "report.html"])
            Assert.True(new FileInfo(_corpus[$"run/{name}"]).Length > 0, name);
        var log = RunLog.Read(_corpus["run"]);
        Assert.Equal(Enumerable.Range(1, 12), log.Steps.Select(s => s.Step));
        Assert.Equal([0, 3, 6, 9, 12], log.Evals.Select(e => e.Step));
        Assert.Equal([0, 0, 3, 3, 6, 6, 9, 9, 12, 12], log.Samples.Select(s => s.Step));
        Assert.Equal(12 + 5 + 10, seen.Count);

        using var model = ModelFile.Open(_corpus["run/model.gguf"]);
        Assert.Equal(s_plan.Config(), model.Config);
        using var gguf = Gguf.Open(_corpus["run/model.gguf"]);
        Assert.Equal(s_plan, PretrainPlan.FromJson(gguf.GetString("wisp.plan"), "model"));
        Assert.Equal(s_plan.DataHash, gguf.GetString("wisp.data.manifest.sha256"));
    }

    [Fact]
    public void An_interrupted_run_ends_like_one_that_was_not()
    {
        Complete("whole");
        var expected = RunLog.Read(_corpus["whole"]);
        foreach (var steps in (int[][])[[1], [3], [5, 6, 11]])
        {
            var folder = $"stopped at {string.Join(" ", steps)}";
            foreach (var step in steps)
                Interrupt(folder, step);
            Complete(folder);
            Assert.Equal(File.ReadAllBytes(_corpus["whole/model.gguf"]),
                File.ReadAllBytes(_corpus[$"{folder}/model.gguf"]));
            var log = RunLog.Read(_corpus[folder]);
            Assert.Equal(expected.Steps.Select(s => (s.Step, s.Loss)), log.Steps.Select(s => (s.Step, s.Loss)));
            Assert.Equal(expected.Evals, log.Evals);
            Assert.Equal(expected.Samples, log.Samples);
        }
    }

    [Fact]
    public void A_run_that_died_goes_back_to_its_checkpoint()
    {
        Complete("whole");

        // Saved at step 4 only, then lost at step 9 as by a kill: the log is ahead of the checkpoint.
        Interrupt("lost", 4);
        var saved = File.ReadAllBytes(_corpus["lost/checkpoint.gguf"]);
        Interrupt("lost", 9);
        File.WriteAllBytes(_corpus["lost/checkpoint.gguf"], saved);
        File.AppendAllText(_corpus["lost/log.jsonl"], "{\"kind\":\"st");
        Complete("lost");
        Assert.Equal(File.ReadAllBytes(_corpus["whole/model.gguf"]), File.ReadAllBytes(_corpus["lost/model.gguf"]));
        Assert.Equal(Enumerable.Range(1, 12), RunLog.Read(_corpus["lost"]).Steps.Select(s => s.Step));

        // A finished run may be finished again.
        Complete("lost");
        Assert.Equal(File.ReadAllBytes(_corpus["whole/model.gguf"]), File.ReadAllBytes(_corpus["lost/model.gguf"]));
    }

    [Fact]
    public void Habits_do_not_change_the_weights()
    {
        Complete("whole");
        using (var run = Open("other",
            s_habits with { Evaluations = 0, SamplePrompts = [], SaveEvery = TimeSpan.FromDays(1) }))
        {
            Assert.True(run.Run(_ => { }, CancellationToken.None));
            run.Finish((_, _, _) => { }, CancellationToken.None);
        }

        Assert.Equal(File.ReadAllBytes(_corpus["whole/model.gguf"]), File.ReadAllBytes(_corpus["other/model.gguf"]));
    }

    [Fact]
    public void A_folder_of_another_plan_is_refused()
    {
        Interrupt("mine", 2);
        var folder = _corpus["mine"];
        Assert.Contains("Steps 12, this run Steps 13", Assert.Throws<InvalidDataException>(() => new PretrainRun(
            folder, s_plan with { Steps = 13 }, s_habits, _corpus.Corpus, _pool, TimeProvider.System)).Message);
    }
}
