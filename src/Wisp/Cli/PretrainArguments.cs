using System.CommandLine;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>The options of a pretraining run: one dial, a budget, and an override for every number the dial
/// derives.</summary>
internal sealed class PretrainArguments
{
    private const string DefaultFolder = "runs/local/pretrain";

    // A batch of more tokens would outlast any patience; the largest in use have some 4 million.
    private const long MaxTokensPerStep = 1 << 24;

    private readonly Verb _command;
    private readonly string _section = ""; // of the option that the constructor adds next
    private readonly Option<string> _size, _out, _resume, _tokenizer, _optimizer, _type, _title;
    private readonly Option<double?> _minutes, _muonRate, _adamRate, _weightDecay, _clip, _warmUp, _warmDown,
        _finalRate, _saveMinutes;
    private readonly Option<string> _tokens;
    private readonly Option<int?> _steps, _vocabulary, _layers, _width, _heads, _kvHeads, _headDim, _feedForward,
        _context,
        _rows, _accumulate, _threads, _evaluations, _evaluationTokens, _sampleTokens;
    private readonly Option<ulong?> _seed;
    private readonly Option<bool> _untied;
    private readonly Option<string[]> _prompts;

    public PretrainArguments(Verb command)
    {
        _command = command;
        _section = "Budget (one of these; 12 tokens a parameter without any)";
        _minutes = Number("--minutes", "Time, turned into steps after a short measurement", "MINUTES");
        _steps = Whole("--steps", "Optimizer steps", "N");
        _tokens = Text("--tokens", "Tokens, such as 20M", "N");

        _section = "Model";
        _size = Text("--size", "Parameters, from which all else is derived: 1M, 3M, 6M, 15M, 30M ... [default: 3M]",
            "SIZE");
        _tokenizer = Text("--tokenizer", "A tokenizer or model file; without it one is trained", "FILE");
        _vocabulary = Whole("--vocab", "Tokens of the vocabulary that is trained", "N");
        _context = Whole("--context", "Tokens of a training row: how far the model looks back", "T");
        _layers = Whole("--layers", "Layers", "L");
        _width = Whole("--width", "Width of the residual stream", "C");
        _heads = Whole("--heads", "Query heads", "H");
        _kvHeads = Whole("--kv-heads", "Key and value heads", "K");
        _headDim = Whole("--head-dim", "Width of a head", "D");
        _feedForward = Whole("--ffn", "Width of the feed-forward layer", "F");
        _untied = Add(new Option<bool>("--untied")
        {
            Description = "An output matrix of its own instead of the embedding",
        });

        _section = "Optimizer";
        _rows = Whole("--rows", "Rows of a micro-batch", "B");
        _accumulate = Whole("--accumulate", "Micro-batches a step", "N");
        _optimizer = Text("--optimizer", "muon (AdamW on embedding, head and norms) or adamw", "NAME");
        _optimizer.AcceptOnlyFromAmong("muon", "adamw");
        _muonRate = Number("--muon-rate", "Peak learning rate of Muon", "RATE");
        _adamRate = Number("--adam-rate", "Peak learning rate of AdamW", "RATE");
        _weightDecay = Number("--weight-decay", "Decay of block matrices", "RATE");
        _clip = Number("--clip", "Largest norm of a step's gradient", "NORM");
        _warmUp = Number("--warm-up", "Warm-up as a share of the steps", "SHARE");
        _warmDown = Number("--warm-down", "Warm-down as a share of the steps", "SHARE");
        _finalRate = Number("--final-rate", "Last rate as a share of the peak", "SHARE");

        _section = "Run";
        _out = Text("--out", $"Folder for checkpoints, log, model and report [default: {DefaultFolder}]", "DIR", "-o");
        _resume = Text("--resume", "Go on with the run in this folder; it knows all that decides the weights", "DIR");
        _seed = Add(new Option<ulong?>("--seed") { Description = "Seed of weights and order of text", HelpName = "N" });
        _threads = Whole("--threads", "Threads; all cores without it", "N");
        _saveMinutes = Number("--save-minutes", "Minutes between checkpoints", "MINUTES");
        _evaluations = Whole("--evals", "Evaluations over the run", "N");
        _evaluationTokens = Whole("--eval-tokens", "Held-out tokens of an evaluation", "N");
        _prompts = Add(new Option<string[]>("--sample-prompt")
        {
            Description = "What a sample begins with; may be given again", HelpName = "TEXT",
        });
        _sampleTokens = Whole("--sample-tokens", "Tokens of a sample", "N");
        _type = Text("--type", "Type of the finished model's matrices: f32, f16, bf16 or q8_0", "TYPE");
        _type.AcceptOnlyFromAmong("f32", "f16", "bf16", "q8_0");
        _title = Text("--title", "Name of the model", "TEXT");
    }

    /// <summary>
    /// Refuses what would be refused only after the text has been read and tokenised, which can take minutes.
    /// </summary>
    public void Check(ParseResult parse)
    {
        Range(parse, _vocabulary, Tokenizer.MinVocabularySize, Tokenizer.MaxVocabularySize);
        Range(parse, _context, 1, 1 << 20);
        Range(parse, _evaluations, 0, 1_000_000);
        Range(parse, _evaluationTokens, 1, int.MaxValue);
        Range(parse, _sampleTokens, 0, 1_000_000);
        if (parse.GetValue(_saveMinutes) is { } minutes && !(minutes is >= 0 and <= 1e6))
            throw new UserException($"--save-minutes is {minutes}; the range is 0 (after every step) to 1,000,000.");
        if (parse.GetValue(_tokenizer) is not null && parse.GetValue(_vocabulary) is not null)
            throw new UserException("Give --tokenizer or --vocab, not both: a tokenizer brings its vocabulary.");
        Minutes(parse);
        Plan(parse, VocabularySize(parse), PretrainPlan.NoData).Validated();
    }

    private static void Range(ParseResult parse, Option<int?> option, int least, int most)
    {
        if (parse.GetValue(option) is { } value && (value < least || value > most))
            throw new UserException(
                $"{option.Name} is {value}; the range is {Human.Count(least)} to {Human.Count(most)}.");
    }

    public int Threads(ParseResult parse) => Cli.Threads.Count(parse.GetValue(_threads) ?? 0);

    public string OutputFolder(ParseResult parse) => parse.GetValue(_out) ?? DefaultFolder;

    public string? ResumeFolder(ParseResult parse)
    {
        if (parse.GetValue(_resume) is not { } folder)
            return null;
        Option[] allowed = [_resume, _threads, _evaluations, _evaluationTokens, _prompts, _sampleTokens,
            _saveMinutes];
        if (_command.Options.FirstOrDefault(o => !allowed.Contains(o)
            && parse.GetResult(o) is { Implicit: false }) is { } other)
            throw new UserException(
                $"{other.Name} cannot be given with --resume: the run in {folder} knows it already.");
        return folder;
    }

    public string? TokenizerPath(ParseResult parse) => parse.GetValue(_tokenizer);

    public double? Minutes(ParseResult parse)
    {
        if (parse.GetValue(_minutes) is not { } minutes)
            return null;
        return minutes is > 0 and <= 1e6
            ? minutes
            : throw new UserException($"--minutes is {minutes}; it must be above 0.");
    }

    public int VocabularySize(ParseResult parse) => parse.GetValue(_vocabulary) ?? ModelSize.VocabularyFor(Size(parse));

    private long Size(ParseResult parse) => ModelSize.Parse(parse.GetValue(_size) ?? "3M");

    /// <summary>The plan of the options; with --minutes its steps still have to be measured.</summary>
    public PretrainPlan Plan(ParseResult parse, int vocabulary, string dataHash)
    {
        var size = Size(parse);
        var context = parse.GetValue(_context) ?? ModelSize.ContextFor(size);
        var shape = ModelSize.ConfigFor(size, vocabulary, context);
        int width = parse.GetValue(_width) ?? shape.Width, headDim = parse.GetValue(_headDim) ?? shape.HeadDim;
        var heads = parse.GetValue(_heads) ?? Math.Max(1, width / Math.Max(1, headDim));
        var batchTokens = ModelSize.BatchTokensFor(size);

        // The smallest micro-batch that still runs at full speed keeps activations in memory small: 4,096 rows.
        var rows = parse.GetValue(_rows) ?? Math.Max(1, Math.Min(batchTokens, 8_192) / context);
        var plan = new PretrainPlan
        {
            Architecture = shape.Architecture.Name, Vocabulary = vocabulary, Context = context, Width = width,
            Layers = parse.GetValue(_layers) ?? shape.Layers, Heads = heads,
            KvHeads = parse.GetValue(_kvHeads) ?? heads,
            HeadDim = headDim,
            FeedForward = parse.GetValue(_feedForward) ?? (width == shape.Width ? shape.FeedForward
                : (int)Math.Round(width * 8 / 3.0 / 32) * 32),
            TiedHead = !parse.GetValue(_untied) && shape.TiedHead,
            Rows = rows,
            Accumulation = parse.GetValue(_accumulate)
                ?? Math.Max(1, (int)Math.Round((double)batchTokens / (rows * context))),
            Steps = 1,
            DataHash = dataHash,
            Type = Enum.Parse<DType>(parse.GetValue(_type) ?? "f32", ignoreCase: true),
            Title = parse.GetValue(_title)
                ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(OutputFolder(parse)))),
        };
        plan = plan with
        {
            Optimizer = parse.GetValue(_optimizer) == "adamw" ? OptimizerKind.AdamW : plan.Optimizer,
            MuonRate = parse.GetValue(_muonRate) ?? plan.MuonRate,
            AdamRate = parse.GetValue(_adamRate) ?? plan.AdamRate,
            WeightDecay = parse.GetValue(_weightDecay) ?? plan.WeightDecay,
            ClipNorm = parse.GetValue(_clip) ?? plan.ClipNorm,
            WarmUp = parse.GetValue(_warmUp) ?? plan.WarmUp,
            WarmDown = parse.GetValue(_warmDown) ?? plan.WarmDown,
            FinalRate = parse.GetValue(_finalRate) ?? plan.FinalRate,
            Seed = parse.GetValue(_seed) ?? plan.Seed,
        };
        plan.Validated();
        if ((long)plan.Rows * plan.Context * plan.Accumulation is > MaxTokensPerStep and var tokens)
            throw new UserException(
                $"A step of {Human.Count(tokens)} tokens is above {Human.Count(MaxTokensPerStep)}: " +
                "lower --rows, --context or --accumulate.");
        return plan with { Steps = Steps(parse, plan) };
    }

    private int Steps(ParseResult parse, PretrainPlan plan)
    {
        if (new Option[] { _minutes, _steps, _tokens }.Count(o => parse.GetResult(o) is { Implicit: false }) > 1)
            throw new UserException("Give one budget: --minutes, --steps or --tokens.");
        if (parse.GetValue(_steps) is { } steps)
            return steps;

        // Hoffmann et al. 2022 and small runs since agree on 10 to 20 tokens a parameter where compute is the limit.
        var tokens = parse.GetValue(_tokens) is { } text ? Count(text) : 12 * plan.Config().ProductParameters;
        return (int)Math.Clamp(tokens / plan.TokensPerStep, 1, int.MaxValue);
    }

    private static long Count(string text)
    {
        var (digits, factor) = text.Trim() switch
        {
            [.. var head, 'k' or 'K'] => (head, 1e3),
            [.. var head, 'm' or 'M'] => (head, 1e6),
            [.. var head, 'b' or 'B'] => (head, 1e9),
            var whole => (whole, 1.0),
        };
        return double.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var number)
            && number * factor is >= 1 and <= 1e15
            ? (long)(number * factor)
            : throw new UserException($"'{text}' is not a number of tokens; write it like 500K, 20M or 1.5B.");
    }

    public PretrainHabits Habits(ParseResult parse, double peak)
    {
        var habits = new PretrainHabits();
        return habits with
        {
            Evaluations = parse.GetValue(_evaluations) ?? habits.Evaluations,
            EvaluationTokens = parse.GetValue(_evaluationTokens) ?? habits.EvaluationTokens,
            SamplePrompts = parse.GetValue(_prompts) is { Length: > 0 } prompts ? prompts : habits.SamplePrompts,
            SampleTokens = parse.GetValue(_sampleTokens) ?? habits.SampleTokens,
            SaveEvery = parse.GetValue(_saveMinutes) is { } minutes
                ? TimeSpan.FromMinutes(Math.Clamp(minutes, 0, 1e6)) : habits.SaveEvery,
            CommandLine = CommandLine.Of(parse),
            FmaPeak = peak,
        };
    }

    private Option<string> Text(string name, string description, string value, params string[] aliases) =>
        Add(new Option<string>(name, aliases) { Description = description, HelpName = value });

    private Option<double?> Number(string name, string description, string value) =>
        Add(new Option<double?>(name) { Description = description, HelpName = value });

    private Option<int?> Whole(string name, string description, string value) =>
        Add(new Option<int?>(name) { Description = description, HelpName = value });

    private Option<T> Add<T>(Option<T> option)
    {
        _command.Add(_section, option);
        return option;
    }
}

/// <summary>A command line as one would type it, for reports.</summary>
internal static class CommandLine
{
    public static string Of(ParseResult parse) => "./wisp " +
        string.Join(' ', parse.Tokens.Select(t => Quoted(t.Value)));

    public static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,+@".Contains(c))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
