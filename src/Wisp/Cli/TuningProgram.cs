using System.CommandLine;
using Spectre.Console;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>What the commands that tune a model do alike: open, measure, run with a display, finish.</summary>
internal static class TuningProgram
{
    private const int NameWidth = 17; // of a setting

    /// <summary>A model to begin with, its weights as float32, and its file's hash.</summary>
    public sealed record Start(Parameters Weights, Tokenizer Tokenizer, string Hash) : IDisposable
    {
        public void Dispose() => Weights.Dispose();
    }

    public static Start Open(string? name)
    {
        using var model = Models.Open(name);
        if (ChatTemplateFiles.FromGguf(model.Source) is { } template && TemplateCheck.Dropped(template) is { } dropped)
            throw new UserException(
                $"{model.Path}: its chat template drops {dropped}. Mend the template, or begin with a model " +
                "that shows what was said.");
        return new Start(model.ReadParameters(), model.Tokenizer!, FileHash.Of(model.Path));
    }

    /// <summary>What a model is held near: another model with the same words.</summary>
    public static Start OpenReference(string name, Start model)
    {
        var reference = Open(name);
        // Ids of another vocabulary are other words: its log-probabilities would mean nothing.
        if (!TokenizerFile.VocabularyOf(reference.Tokenizer).Hash.AsSpan()
            .SequenceEqual(TokenizerFile.VocabularyOf(model.Tokenizer).Hash))
            throw new UserException(
                $"{name}: has another tokenizer than the model, so the two cannot be compared token by token. " +
                "Choose a reference that the model comes from.");
        return reference;
    }

    /// <summary>The folder of a new run.</summary>
    public static string NewFolder(string folder)
    {
        if (folder.Length == 0 || File.Exists(folder))
            throw new UserException(
                $"'{folder}': is {(folder.Length == 0 ? "no name" : "a file")}, and --out names a folder.");
        if (File.Exists(Path.Combine(folder, Checkpoint.FileName)))
            throw new UserException(
                $"{folder}: holds a run already. Go on with it by --resume {folder}, or choose another --out folder.");
        Places.Make(folder);
        return folder;
    }

    /// <summary>The plan and the file of a run to go on with.</summary>
    public static TuningPlan PlanIn(string folder, TuningStage stage)
    {
        if (!File.Exists(Path.Combine(folder, Checkpoint.FileName)))
            throw new UserException($"{folder}: holds no {Checkpoint.FileName}, so there is nothing to resume.");
        var plan = TuningRun.PlanIn(folder);
        return plan.Stage == stage ? plan : throw new UserException(
            $"{folder}: is a run of `wisp train {plan.Stage.ToString().ToLowerInvariant()}`. Resume it with that.");
    }

    /// <summary>The fault of a folder whose data were changed behind a run's back.</summary>
    public static UserException OtherData(string path, string hash, TuningPlan plan) => new(
        $"{path}: is not the data the run began with (hash {hash[..12]}, expected {plan.DataHash[..12]}). " +
        "Put the old one back.");

    public static Parameters Copy(Parameters weights)
    {
        var copy = new Parameters(weights.Map);
        weights.Values.CopyTo(copy.Values);
        return copy;
    }

    /// <summary>All records of all files; faulty ones are named and counted where that was asked for.</summary>
    public static List<T> Read<T>(
        IAnsiConsole console, IReadOnlyList<string> files, bool skip,
        Func<string, Action<string>?, IEnumerable<T>> read)
    {
        var (all, faults) = (new List<T>(), 0);
        foreach (var file in files)
            all.AddRange(read(file, !skip ? null : fault =>
            {
                if (faults++ < 3)
                    Terminal.Say(console, $"left out: {Terminal.Clean(fault)}");
            }));
        if (faults > 3)
            Terminal.Say(console, $"left out {Human.Count(faults)} records in all");
        return all;
    }

    /// <summary>
    /// The steps that fit the time, from the median of the later half of some steps of a run that is thrown away.
    /// </summary>
    public static TuningPlan Measured(
        IAnsiConsole console, TuningPlan plan, double minutes, Func<TuningPlan, ITuning> create,
        CancellationToken cancel)
    {
        using var line = new ProgressLine(console, TimeProvider.System);
        line.Report("measuring the speed of a step", 0, 0);
        using var trial = create(plan with { Steps = 1000 });
        var time = TimeSpan.FromSeconds(Math.Clamp(minutes * 3, 1, 15));
        var clock = TimeProvider.System;
        var seconds = new List<double>();
        for (var begin = clock.GetTimestamp(); seconds.Count < 6 || clock.GetElapsedTime(begin) < time;)
        {
            cancel.ThrowIfCancellationRequested();
            var start = clock.GetTimestamp();
            trial.Advance();
            seconds.Add(clock.GetElapsedTime(start).TotalSeconds);
        }

        double[] late = [.. seconds.Skip(seconds.Count / 2).Order()];

        // A twentieth goes to evaluations, samples and checkpoints.
        return plan with { Steps = Math.Max(1, (int)(minutes * 60 * 0.95 / late[late.Length / 2])) };
    }

    /// <summary>Runs a stage in its folder to the end and says where the model and the report are.</summary>
    public static void Run(
        IAnsiConsole console, ParseResult parse, TuningArguments options, string folder, ITuning tuning,
        Tokenizer tokenizer, WorkerPool pool, CancellationToken cancel)
    {
        var write = console.Profile.Out.Writer;
        var config = tuning.Tuner.Weights.Map.Config;
        var peak = Roofline.FmaPeak(pool, TimeSpan.FromSeconds(1));
        foreach (var setting in tuning.Plan.Describe(config))
            Show(setting.Name, setting.Value);
        using var run = new TuningRun(folder, tuning, options.Habits(parse, peak), tokenizer, TimeProvider.System);
        if (run.Step > 0)
            Show("resumed at", $"step {Human.Count(run.Step)} of {Human.Count(tuning.Plan.Steps)}");
        Terminal.Say(console, "Training. Ctrl-C finishes the step, saves, and says how to go on.");

        bool finished;
        using (var display = new TrainDisplay(
            console, tuning.Plan.Steps, config.TrainingFlopPerToken, peak, TimeProvider.System))
        {
            finished = run.Run(display.Show, cancel);
            display.Finish();
        }

        if (!finished)
        {
            Terminal.Say(
                console, $"Saved at step {Human.Count(run.Step)} of {Human.Count(tuning.Plan.Steps)}. Go on with: " +
                $"wisp train {tuning.Plan.Stage.ToString().ToLowerInvariant()} --resume {CommandLine.Quoted(folder)}");
            throw new OperationCanceledException(cancel);
        }

        RunReport report;
        using (var line = new ProgressLine(console, TimeProvider.System))
            report = run.Finish(line.Report, cancel);
        foreach (var fact in report.Configuration.Skip(tuning.Plan.Describe(config).Count))
            Show(fact.Name, fact.Value);
        write.WriteLine($"model:  {run.ModelPath} ({Human.Bytes(report.WeightsBytes)})");
        write.WriteLine($"report: {Path.Combine(folder, "report.html")}");

        void Show(string name, string value)
        {
            if (console.Profile.Out.IsTerminal)
                Entry.Write(console, name, value, NameWidth);
            else
                write.WriteLine($"  {name,-NameWidth}  {value}"); // one line each, for grep
        }
    }
}
