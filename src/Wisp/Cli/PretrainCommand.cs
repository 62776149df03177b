using System.CommandLine;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp train pretrain</c>: from text to a model and its report.</summary>
internal static class PretrainCommand
{
    private const int NameWidth = 17; // of a setting

    public static Command Create()
    {
        var command = new Verb(
            "pretrain", "Train a language model from plain text", "Train",
            "wisp train pretrain --data books/ --size 6M --minutes 30 --out runs/books",
            "wisp train pretrain --resume runs/books");
        var corpus = new CorpusArguments(command);
        var options = new PretrainArguments(command);
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, corpus, options, cancel), cancel));
        command.Check = parse =>
        {
            options.Check(parse);
            var pipeline = corpus.Read(parse);
            CorpusFiles.List(pipeline.Inputs, pipeline.Corpus, new Tally());
        };
        return command;
    }

    private static int Run(ParseResult parse, CorpusArguments corpusArguments, PretrainArguments options,
        CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var write = console.Profile.Out.Writer;
        var resumed = options.ResumeFolder(parse);
        if (resumed is null)
            options.Check(parse);
        using var pool = new WorkerPool(options.Threads(parse));
        var folder = resumed ?? options.OutputFolder(parse);
        using var text = resumed is null
            ? Prepare(console, parse, corpusArguments, options, folder, cancel)
            : Reopen(folder);
        var plan = text.Plan ?? options.Plan(parse, text.Tokenizer.VocabularySize, text.Tokens.Manifest.Hash);
        RequireMemory(plan.Validated());
        var peak = Roofline.FmaPeak(pool, TimeSpan.FromSeconds(1));
        if (text.Plan is null && options.Minutes(parse) is { } minutes)
            plan = Measured(console, plan, minutes, text, pool, cancel);

        foreach (var setting in plan.Describe())
            Show(setting.Name, setting.Value);
        Show("FMA peak", $"{peak / 1e9:0} GFLOP/s on {pool.Count} {(pool.Count == 1 ? "thread" : "threads")}");

        var habits = options.Habits(parse, peak);
        using var run = new PretrainRun(
            folder, plan, habits,
            new PretrainRun.Corpus(text.Tokens.Train, text.Tokens.HeldOut, text.Tokenizer, () =>
                TextOf(text.Tokens.HeldOut, text.Tokenizer)),
            pool, TimeProvider.System);
        if (run.Step > 0)
            Show("resumed at", $"step {Human.Count(run.Step)} of {Human.Count(plan.Steps)}");
        Terminal.Say(console, "Training. Ctrl-C finishes the step, saves, and says how to go on.");

        bool finished;
        using (var display = new TrainDisplay(console, plan.Steps, plan.Config().TrainingFlopPerToken, peak,
            TimeProvider.System))
        {
            finished = run.Run(display.Show, cancel);
            display.Finish();
        }

        if (!finished)
        {
            SayHowToGoOn(console, run, plan, folder);
            throw new OperationCanceledException(cancel);
        }

        RunReport report;
        try
        {
            using var line = new ProgressLine(console, TimeProvider.System);
            report = run.Finish(line.Report, cancel);
        }
        catch (OperationCanceledException)
        {
            SayHowToGoOn(console, run, plan, folder);
            throw;
        }

        Terminal.Say(console, $"held-out text: {report.FinalBitsPerByte:0.0000} bits a byte; " +
            $"{report.TextToWeights:0.0} bytes of text for a byte of weights");
        foreach (var row in report.Compression.Where(row => row.BitsPerByte is not null))
            write.WriteLine($"  {row.Name,-20} {row.BitsPerByte:0.000} bits a byte");
        write.WriteLine($"model:  {run.ModelPath} ({Human.Bytes(report.WeightsBytes)})");
        write.WriteLine($"report: {Path.Combine(folder, "report.html")}");
        write.WriteLine($"Try it: wisp dream -m {CommandLine.Quoted(folder)}");
        return 0;

        void Show(string name, string value)
        {
            if (console.Profile.Out.IsTerminal)
                Entry.Write(console, name, value, NameWidth);
            else
                write.WriteLine($"  {name,-NameWidth}  {value}"); // one line each, for grep
        }
    }

    private static void SayHowToGoOn(IAnsiConsole console, PretrainRun run, PretrainPlan plan, string folder) =>
        Terminal.Say(
        console, $"Saved at step {Human.Count(run.Step)} of {Human.Count(plan.Steps)}. " +
        $"Go on with: wisp train pretrain --resume {CommandLine.Quoted(folder)}");

    // Weights, gradients and one or two moments; what comes on top, such as activations, depends on the batch.
    private static void RequireMemory(PretrainPlan plan)
    {
        var needed = 3L * sizeof(float) * plan.Config().Parameters;
        var present = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > present)
            throw new UserException(
                $"The model needs more than {Human.Bytes(needed)} of memory for training, and this machine " +
                $"has {Human.Bytes(present)}. Choose a smaller --size.");
    }

    /// <summary>Text as tokens and what reads them; the plan is known where a run goes on.</summary>
    private sealed record TrainingText(TokenisedCorpus Tokens, Tokenizer Tokenizer, PretrainPlan? Plan) : IDisposable
    {
        public void Dispose() => Tokens.Dispose();
    }

    private static TrainingText Prepare(
        IAnsiConsole console, ParseResult parse, CorpusArguments corpusArguments, PretrainArguments options,
        string folder, CancellationToken cancel)
    {
        if (folder.Length == 0 || File.Exists(folder))
            throw new UserException(
                $"'{folder}': is {(folder.Length == 0 ? "no name" : "a file")}, and --out names a folder.");
        if (File.Exists(Path.Combine(folder, Checkpoint.FileName)))
            throw new UserException(
                $"{folder}: holds a run already. Go on with it by --resume {folder}, or choose another --out folder.");
        var pipeline = corpusArguments.Read(parse);
        var tokenizer = options.TokenizerPath(parse) is { } given ? TokenizerFile.Open(Models.Find(given)) : null;
        Places.Make(folder);
        var tokenizerPath = Path.Combine(folder, TokenizerFile.FileName);

        if (tokenizer is not null
            && DataPipeline.OpenIfCurrent(pipeline, TokenizerFile.VocabularyOf(tokenizer).Hash, folder) is { } current)
            return new TrainingText(current, tokenizer, null);

        var corpus = CorpusReport.Prepare(console, pipeline, cancel);
        CorpusReport.Write(console, corpus);
        tokenizer ??= TrainTokenizerCommand.Train(
            console, corpus, options.VocabularySize(parse), options.Threads(parse), cancel);
        TokenizerFile.Write(tokenizerPath, tokenizer);
        using var line = new ProgressLine(console, TimeProvider.System);
        line.Report("encoding", 0, corpus.TrainBytes + corpus.HeldOutBytes);
        var tokens = DataPipeline.Tokenise(corpus, TokenizerFile.VocabularyOf(tokenizer), folder, p =>
        {
            cancel.ThrowIfCancellationRequested();
            line.Report(p.Step, p.Bytes, p.Of);
        });
        return new TrainingText(tokens, tokenizer, null);
    }

    private static TrainingText Reopen(string folder)
    {
        var checkpoint = Path.Combine(folder, Checkpoint.FileName);
        if (File.Exists(folder))
            throw new UserException($"{folder}: is a file. --resume takes the folder of a run.");
        if (!Directory.Exists(folder))
            throw new UserException($"{folder}: no such folder, so there is nothing to resume.");
        if (!File.Exists(checkpoint))
            throw new UserException($"{folder}: holds no {Checkpoint.FileName}, so there is nothing to resume.");
        var (plan, _) = Checkpoint.Peek(checkpoint);
        var tokenizer = TokenizerFile.Open(checkpoint);
        var tokens = DataPipeline.Open(folder);
        if (tokens.Manifest.Hash == plan.DataHash)
            return new TrainingText(tokens, tokenizer, plan);
        tokens.Dispose();
        throw new UserException(
            $"{folder}: its token files are not those the run began with " +
            $"(manifest {tokens.Manifest.Hash[..12]}, expected {plan.DataHash[..12]}). Put the old ones back.");
    }

    // The count is fixed here and stored with the plan: a resumed run does the same steps, whatever speed it goes at.
    private static PretrainPlan Measured(
        IAnsiConsole console, PretrainPlan plan, double minutes, TrainingText text, WorkerPool pool,
        CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using var line = new ProgressLine(console, TimeProvider.System);
        line.Report("measuring the speed of a step", 0, 0);
        using var trial = new Pretrain(plan with { Steps = 1000 }, text.Tokens.Train, text.Tokens.HeldOut,
            text.Tokenizer, pool);
        var seconds = trial.MeasureSecondsPerStep(TimeSpan.FromSeconds(Math.Clamp(minutes * 3, 1, 15)),
            TimeProvider.System, cancel);

        // A twentieth goes to evaluations, samples and checkpoints.
        return plan with { Steps = Math.Max(1, (int)(minutes * 60 * 0.95 / seconds)) };
    }

    // The tokens are the text: byte-level BPE loses nothing.
    private static MemoryStream TextOf(TokenShards shards, Tokenizer tokenizer)
    {
        var text = new MemoryStream();
        for (var d = 0; d < shards.DocumentCount; d++)
            foreach (var token in shards.Tokens(shards.Start(d) + 1, shards.Length(d)))
                text.Write(tokenizer.BytesOf(token));
        text.Position = 0;
        return text;
    }
}
