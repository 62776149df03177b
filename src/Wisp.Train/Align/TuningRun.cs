using System.Text;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;

namespace Wisp.Train.Align;

/// <summary>What a run does beside the steps themselves: none of it changes the weights.</summary>
public sealed record TuningHabits
{
    /// <summary>Looks over the run; one more comes before the first step.</summary>
    public int Evaluations { get; init; } = 10;

    /// <summary>How much work a kill may cost.</summary>
    public TimeSpan SaveEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The command line, for the report.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>FLOP/s that this process measured, for the report; 0 where it did not.</summary>
    public double FmaPeak { get; init; }
}

/// <summary>
/// A stage of tuning in its folder: steps, looks, checkpoints, and at the end the model and its report. Files:
/// command.txt, checkpoint.gguf, log.jsonl, model.gguf, report.md, report.html.
/// </summary>
public sealed class TuningRun : IDisposable
{
    private readonly string _folder;
    private readonly TuningHabits _habits;
    private readonly ITuning _tuning;
    private readonly Tokenizer _tokenizer;
    private readonly RunLog _log;
    private readonly TimeProvider _clock;

    /// <summary>Begins a run, or goes on with the one whose checkpoint the folder holds.</summary>
    /// <param name="tuning">At its first step; the run owns it from now on.</param>
    public TuningRun(string folder, ITuning tuning, TuningHabits habits, Tokenizer tokenizer, TimeProvider clock)
    {
        (_folder, _tuning, _habits, _tokenizer, _clock) = (folder, tuning, habits, tokenizer, clock);
        if (File.Exists(CheckpointPath))
        {
            tuning.Step = TuningCheckpoint.Load(CheckpointPath, tuning.Plan, tuning.Tuner, tuning.State);
        }
        else
        {
            AtomicFile.Write(CommandPath, s => s.Write(Encoding.UTF8.GetBytes(habits.CommandLine + "\n")));
            tuning.Begin();
            Save(); // a kill before the first interval resumes the same plan, --minutes included
        }

        _log = new RunLog(folder, tuning.Step);
    }

    public string CheckpointPath => Path.Combine(_folder, Checkpoint.FileName);

    public string ModelPath => Path.Combine(_folder, PretrainRun.ModelName);

    public int Step => _tuning.Step;

    private string CommandPath => Path.Combine(_folder, "command.txt");

    private TuningPlan Plan => _tuning.Plan;

    /// <summary>The plan of a run that a folder holds.</summary>
    public static TuningPlan PlanIn(string folder) =>
        TuningCheckpoint.Peek(Path.Combine(folder, Checkpoint.FileName)).Plan;

    /// <summary>
    /// Runs to the end, or until asked to stop: then the step is finished and saved, and false comes back.
    /// </summary>
    /// <param name="record">Sees every step, figure and sample as it is logged.</param>
    public bool Run(Action<LogRecord> record, CancellationToken stop)
    {
        var savedAt = _clock.GetTimestamp();
        // A run that was stopped or killed between a step and its look still owes it; the log keeps only one.
        if (Step == 0 || IsLookDue(Step))
            Look(record, stop);
        while (Step < Plan.Steps && !stop.IsCancellationRequested)
        {
            if (_tuning.Halt is { } reason)
            {
                Save();
                throw new RunHaltedException($"Stopped at step {Step}: {reason} The run stands in {CheckpointPath}.");
            }

            var start = _clock.GetTimestamp();
            var done = _tuning.Advance();
            Record(record, new StepRecord(
                Step, (float)done.Loss, (float)(Plan.Rate * Plan.Schedule.At(Step - 1)), (float)done.GradientNorm,
                _clock.GetElapsedTime(start).TotalSeconds, done.Tokens));
            foreach (var (name, value) in done.Watched)
                Record(record, new WatchRecord(Step, name, value));
            if (!double.IsFinite(done.Loss) || !double.IsFinite(done.GradientNorm))
                throw new InvalidDataException(
                    $"The loss became {done.Loss} at step {Step}: the run has diverged. Lower --lr; the last " +
                    $"checkpoint is {CheckpointPath}.");
            if (IsLookDue(Step))
                Look(record, stop);
            if (_clock.GetElapsedTime(savedAt) >= _habits.SaveEvery)
            {
                Save();
                savedAt = _clock.GetTimestamp();
            }
        }

        Save();
        return Step == Plan.Steps;
    }

    /// <summary>The model's file and the report of a finished run.</summary>
    public RunReport Finish(Action<string, long, long> progress, CancellationToken cancel)
    {
        progress("writing the model", 0, 0);
        var writer = ModelFile.Writer(_tuning.Tuner.Weights, _tokenizer, Plan.Type, Plan.Title)
            .AddString("tokenizer.chat_template", ChatFormat.Template)
            .AddString("wisp.tuning", Plan.ToJson());
        _tuning.Describe(writer);
        writer.Write(ModelPath);
        progress("measuring the finished model", 0, 0);
        using var written = ModelFile.Open(ModelPath);
        var (training, heldOut, facts) = _tuning.Summary(written.Weights, cancel);

        var config = _tuning.Tuner.Weights.Map.Config;
        var records = RunLog.Read(_folder);
        var report = new RunReport
        {
            Title = Plan.Title,
            Stage = Plan.Stage.ToString().ToLowerInvariant(),
            BeginHash = Plan.ModelHash,
            ModelHash = FileHash.Of(ModelPath),
            CommandLine = File.Exists(CommandPath) ? File.ReadAllText(CommandPath).Trim() : _habits.CommandLine,
            Date = _clock.GetUtcNow(),
            Configuration = [.. Plan.Describe(config), .. facts],
            ManifestHash = Plan.DataHash,
            Training = training,
            HeldOut = heldOut,
            Accounting =
            [
                new("model", config.Parameters, config.TrainingFlopPerToken, config.Parameters * sizeof(float)),
                new("gradients and optimizer state", null, null, _tuning.Tuner.Bytes),
            ],
            Records = records,
            FinalBitsPerByte = records.Evals is [.., var last] ? last.BitsPerByte : null,
            FlopPerToken = config.TrainingFlopPerToken,
            FmaPeak = _habits.FmaPeak,
            WeightsBytes = new FileInfo(ModelPath).Length,
        };
        ReportWriter.Write(_folder, report);
        return report;
    }

    private bool IsLookDue(int step) => step == Plan.Steps
        || (long)step * _habits.Evaluations / Plan.Steps > (long)(step - 1) * _habits.Evaluations / Plan.Steps;

    private void Look(Action<LogRecord> record, CancellationToken stop)
    {
        if (stop.IsCancellationRequested)
            return;
        foreach (var entry in _tuning.Look(CancellationToken.None))
            Record(record, entry);
    }

    private void Record(Action<LogRecord> record, LogRecord entry)
    {
        _log.Append(entry);
        record(entry);
    }

    private void Save() => TuningCheckpoint.Save(
        CheckpointPath, Plan, Step, _tuning.Tuner, _tokenizer, _tuning.State);

    public void Dispose()
    {
        _log.Dispose();
        _tuning.Dispose();
    }
}
