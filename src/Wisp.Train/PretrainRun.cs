using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Train;

/// <summary>What a run does beside the steps themselves: none of it changes the weights.</summary>
public sealed record PretrainHabits
{
    /// <summary>
    /// Evaluations over the run; one more comes before the first step and one, over all text, at the end.
    /// </summary>
    public int Evaluations { get; init; } = 20;

    /// <summary>Held-out tokens that an evaluation within the run reads.</summary>
    public int EvaluationTokens { get; init; } = 50_000;

    /// <summary>What samples begin with; an empty prompt lets the model dream from nothing.</summary>
    public IReadOnlyList<string> SamplePrompts { get; init; } = [""];

    public int SampleTokens { get; init; } = 60;

    /// <summary>How much work a kill may cost.</summary>
    public TimeSpan SaveEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The command line, for the report.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>FLOP/s that this process measured, for the report; 0 where it did not.</summary>
    public double FmaPeak { get; init; }
}

/// <summary>
/// A pretraining run in its folder: steps, evaluations, samples, checkpoints, and at the end the model and its report.
/// Files: command.txt, checkpoint.gguf, log.jsonl, model.gguf, report.md, report.html.
/// </summary>
public sealed class PretrainRun : IDisposable
{
    public const string ModelName = "model.gguf";

    private readonly string _folder;
    private readonly PretrainPlan _plan;
    private readonly PretrainHabits _habits;
    private readonly Corpus _corpus;
    private readonly WorkerPool _pool;
    private readonly Pretrain _training;
    private readonly RunLog _log;
    private readonly TimeProvider _clock;

    /// <summary>Begins a run, or goes on with the one whose checkpoint the folder holds.</summary>
    public PretrainRun(
        string folder, PretrainPlan plan, PretrainHabits habits, Corpus corpus, WorkerPool pool, TimeProvider clock)
    {
        (_folder, _plan, _habits, _corpus, _pool, _clock) = (folder, plan, habits, corpus, pool, clock);
        _training = new Pretrain(plan, corpus.Train, corpus.HeldOut, corpus.Tokenizer, pool);
        if (File.Exists(CheckpointPath))
            _training.Load(CheckpointPath);
        else
        {
            AtomicFile.Write(CommandPath, s => s.Write(Encoding.UTF8.GetBytes(habits.CommandLine + "\n")));
            // A kill before the first interval resumes the same plan, --minutes included.
            _training.Save(CheckpointPath);
        }

        _log = new RunLog(folder, _training.Step);
    }

    /// <summary>What a run trains on, ready to read.</summary>
    public sealed record Corpus(
        TokenShards Train, TokenShards HeldOut, Tokenizer Tokenizer, Func<Stream> HeldOutText);

    public string CheckpointPath => Path.Combine(_folder, Checkpoint.FileName);

    public string ModelPath => Path.Combine(_folder, ModelName);

    private string CommandPath => Path.Combine(_folder, "command.txt");

    public int Step => _training.Step;

    /// <summary>
    /// Runs to the end, or until asked to stop: then the step is finished and saved, and false comes back.
    /// </summary>
    /// <param name="record">Sees every step, evaluation and sample as it is logged.</param>
    public bool Run(Action<LogRecord> record, CancellationToken stop)
    {
        var savedAt = _clock.GetTimestamp();
        // A run that was stopped or killed between a step and its evaluation still owes it; the log keeps only one.
        if (Step == 0 || IsLookDue(Step))
            Look(record, stop);
        while (!_training.IsFinished && !stop.IsCancellationRequested)
        {
            var start = _clock.GetTimestamp();
            var (loss, norm) = _training.Advance();
            Record(record, new StepRecord(
                Step, (float)loss, (float)_plan.Schedule.At(Step - 1), (float)norm,
                _clock.GetElapsedTime(start).TotalSeconds, _plan.TokensPerStep));
            if (!double.IsFinite(loss) || !double.IsFinite(norm))
                throw new InvalidDataException(
                    $"The loss became {loss} at step {Step}: the run has diverged. Lower --muon-rate or --adam-rate; " +
                    $"the last checkpoint is {CheckpointPath}.");
            if (IsLookDue(Step))
                Look(record, stop);
            if (_clock.GetElapsedTime(savedAt) >= _habits.SaveEvery)
            {
                _training.Save(CheckpointPath);
                savedAt = _clock.GetTimestamp();
            }
        }

        _training.Save(CheckpointPath);
        return _training.IsFinished;
    }

    /// <summary>Whole held-out text, model file and report of a finished run.</summary>
    public RunReport Finish(Action<string, long, long> progress, CancellationToken cancel)
    {
        progress("evaluating on all held-out text", 0, 0);
        var (nats, bitsPerByte) = _training.Evaluate(cancel: cancel);
        progress("writing the model", 0, 0);
        ModelFile.Writer(_training.Weights, _corpus.Tokenizer, _plan.Type, _plan.Title)
            .AddString("general.license", "mit")
            .AddString("wisp.data.manifest.sha256", _plan.DataHash)
            .AddString("wisp.plan", _plan.ToJson())
            .Write(ModelPath);
        progress("compressing the held-out text for comparison", 0, 0);
        var compression = Compression.Measure(_corpus.HeldOutText, Compression.OnPath, cancel);
        var config = _plan.Config();
        var report = new RunReport
        {
            Title = _plan.Title,
            ModelHash = FileHash.Of(ModelPath),
            // The command that began the run; a resumed one was typed with --resume alone.
            CommandLine = File.Exists(CommandPath) ? File.ReadAllText(CommandPath).Trim() : _habits.CommandLine,
            Date = _clock.GetUtcNow(),
            Configuration = [.. _plan.Describe(), new Setting("final loss", $"{nats:0.0000} nats a token")],
            ManifestHash = _plan.DataHash,
            Training = CountOf(_corpus.Train),
            HeldOut = CountOf(_corpus.HeldOut),
            Accounting = _training.Accounting,
            Records = RunLog.Read(_folder),
            FlopPerToken = config.TrainingFlopPerToken,
            FmaPeak = _habits.FmaPeak,
            FinalBitsPerByte = bitsPerByte,
            Compression = [CompressionRow.OfModel("this model", bitsPerByte, _corpus.HeldOut.RawBytes), .. compression],
            WeightsBytes = new FileInfo(ModelPath).Length,
        };
        ReportWriter.Write(_folder, report);
        return report;
    }

    private static TextCount CountOf(TokenShards shards) =>
        new(shards.DocumentCount, shards.RawBytes, shards.TokenCount);

    private bool IsLookDue(int step) =>
        step == _plan.Steps
            || (long)step * _habits.Evaluations / _plan.Steps > (long)(step - 1) * _habits.Evaluations / _plan.Steps;

    // An evaluation and, with it, samples.
    private void Look(Action<LogRecord> record, CancellationToken stop)
    {
        if (stop.IsCancellationRequested)
            return;
        var (nats, bitsPerByte) = _training.Evaluate(_habits.EvaluationTokens, CancellationToken.None);
        Record(record, new EvalRecord(Step, nats, bitsPerByte));
        using var session = new Session(DecoderWeights.Of(_training.Weights), _pool);
        foreach (var prompt in _habits.SamplePrompts)
        {
            session.Clear();
            var sampler = new Sampler(new Sampling(), seed: 1, _plan.Vocabulary);
            int[] ids = [.. Generation.Tokens(
                session, sampler, Generation.Prompt(_corpus.Tokenizer, prompt), _habits.SampleTokens,
                _corpus.Tokenizer.EndOfText)];
            Record(record, new SampleRecord(Step, prompt, _corpus.Tokenizer.DecodeText(ids)));
        }
    }

    private void Record(Action<LogRecord> record, LogRecord entry)
    {
        _log.Append(entry);
        record(entry);
    }

    public void Dispose()
    {
        _log.Dispose();
        _training.Dispose();
    }
}
