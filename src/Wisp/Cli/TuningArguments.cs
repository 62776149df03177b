using System.CommandLine;
using Wisp.Compute;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Policies;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>The options that every stage of tuning has, with the defaults of the stage.</summary>
internal sealed class TuningArguments
{
    private readonly Verb _command;
    private readonly TuningStage _stage;
    private readonly string _section = ""; // of the option that the constructor adds next
    private readonly Option<string> _out, _resume, _targets, _type, _title;
    private readonly Option<double?> _epochs, _minutes, _rate, _weightDecay, _warmUp, _warmDown, _alpha, _heldOut,
        _saveMinutes;
    private readonly Option<int?> _steps, _rows, _context, _rank, _threads, _evaluations;
    private readonly Option<ulong?> _seed;
    private readonly Option<bool> _skip;

    public TuningArguments(Verb command, TuningStage stage, string data)
    {
        (_command, _stage) = (command, stage);
        _section = "Data";
        Model = Add(Models.Option());
        Model.Description = "The model to begin with: a file, the folder of a run, or a name in a model folder";
        Data = Add(new Option<string[]>(stage is TuningStage.Grpo or TuningStage.Ppo ? "--prompts" : "--data", "-d")
        {
            Description = data, AllowMultipleArgumentsPerToken = true, HelpName = "FILE",
        });
        _heldOut = Number("--held-out", $"Share of the data kept for evaluation [default: {HeldOutDefault}]", "SHARE",
            needed: stage != TuningStage.Improve);
        _skip = Add(new Option<bool>("--skip-faulty") { Description = "Leave out faulty records instead of stopping" });

        _section = AnswersItself ? "Budget" : "Budget (one of these)";
        _epochs = Number("--epochs", $"Passes over the data [default: {(stage == TuningStage.Sft ? 3 : 1)}]", "N",
            needed: !AnswersItself);
        _minutes = Number("--minutes", "Time, turned into steps after a short measurement", "MINUTES",
            needed: !AnswersItself);
        _steps = stage == TuningStage.Improve ? Whole("--rounds", $"Rounds [default: {StepsDefault}]", "N")
            : Whole("--steps", AnswersItself ? $"Steps [default: {StepsDefault}]" : "Optimizer steps", "N");

        _section = "Adapters";
        _rank = Whole("--lora", "Train adapters of this rank instead of the weights", "RANK");
        _alpha = Number("--lora-alpha", "Their product counts alpha : rank times [default: 16]", "ALPHA");
        _targets = Text("--lora-targets", $"Matrices with an adapter [default: {Lora.AllTargets}]", "NAMES");

        _section = "Optimizer";
        _rate = Number("--lr", $"Peak learning rate of AdamW [default: {RateDefault(0)}; with --lora {RateDefault(1)}]",
            "RATE");
        _rows = stage == TuningStage.Improve
            ? Whole("--problems", $"Problems of a round [default: {RowsDefault(0)}]", "N")
            : Whole("--rows", stage switch
            {
                TuningStage.Sft => "Rows of a step",
                TuningStage.Grpo or TuningStage.Ppo => $"Prompts of a step [default: {RowsDefault(0)}]",
                _ => "Pairs of a step",
            }, "B");
        _context = Whole("--context", "Tokens of a row [default: what the model was trained for, 512 at most]", "T",
            needed: stage != TuningStage.Improve);
        _weightDecay = Number("--weight-decay", "Decay of block matrices", "RATE");
        _warmUp = Number("--warm-up", "Warm-up as a share of the steps", "SHARE");
        _warmDown = Number("--warm-down", "Warm-down as a share of the steps", "SHARE");

        _section = "Run";
        _out = Text("--out", $"Folder for checkpoints, log, model and report [default: {DefaultFolder}]", "DIR", "-o");
        _resume = Text("--resume", "Go on with the run in this folder; it knows all that decides the weights", "DIR");
        _seed = Add(new Option<ulong?>("--seed") { Description = "Seed of the order of the data", HelpName = "N" });
        _threads = Whole("--threads", "Threads; all cores without it", "N");
        _evaluations = Whole("--evals", "Evaluations over the run", "N");
        _saveMinutes = Number("--save-minutes", "Minutes between checkpoints", "MINUTES");
        _type = Text("--type", "Type of the finished model's matrices: f32, f16, bf16 or q8_0", "TYPE");
        _type.AcceptOnlyFromAmong("f32", "f16", "bf16", "q8_0");
        _title = Text("--title", "Name of the model", "TEXT");
    }

    public Option<string> Model { get; }

    public Option<string[]> Data { get; }

    private string DefaultFolder => $"runs/local/{_stage.ToString().ToLowerInvariant()}";

    private bool AnswersItself => _stage is TuningStage.Grpo or TuningStage.Ppo or TuningStage.Improve;

    private int StepsDefault => _stage == TuningStage.Improve ? 6 : 200;

    private double HeldOutDefault => _stage == TuningStage.Sft ? 0.05 : 0.2;

    // A full-weight rate that a model of some million parameters learns a format with in one pass without losing its
    // text; adapters begin at zero and want more. Comparisons move a policy that is right already.
    private double RateDefault(int rank) => (_stage, rank) switch
    {
        (TuningStage.Sft, 0) => 1e-3,
        (TuningStage.Sft, _) => 5e-3,
        (TuningStage.Reward, 0) => 1e-4,
        (TuningStage.Reward, _) => 1e-3,
        (TuningStage.Improve, 0) => 3e-4,
        (TuningStage.Improve, _) => 2e-3,
        (TuningStage.Grpo or TuningStage.Ppo, 0) => 3e-5,
        (TuningStage.Grpo or TuningStage.Ppo, _) => 3e-4,
        (_, 0) => 1e-5,
        _ => 1e-4,
    };

    // 8 thousand tokens, or 32 pairs: small steps, and many of them, suit little data. Answers of one's own come in
    // groups.
    private int RowsDefault(int context) => _stage switch
    {
        TuningStage.Sft => Math.Max(1, 8192 / context),
        TuningStage.Improve => 1024,
        TuningStage.Grpo or TuningStage.Ppo => 16,
        _ => 32,
    };

    public IReadOnlyList<string> Files(ParseResult parse) => parse.GetValue(Data) is { Length: > 0 } files ? files
        : throw new UserException("Name the data: --data FILE");

    public double HeldOut(ParseResult parse) => parse.GetValue(_heldOut) is not { } share ? HeldOutDefault
        : share is > 0 and <= 0.5 ? share
        : throw new UserException($"--held-out is {share}; the range is above 0 to 0.5.");

    public bool SkipsFaulty(ParseResult parse) => parse.GetValue(_skip);

    public ulong Seed(ParseResult parse) => parse.GetValue(_seed) ?? 1;

    public int Threads(ParseResult parse) => Cli.Threads.Count(parse.GetValue(_threads) ?? 0);

    public int Context(ParseResult parse, int trained)
    {
        var context = parse.GetValue(_context) ?? Math.Min(trained, 512);
        return context is > 1 && context <= trained ? context
            : throw new UserException($"--context is {context}; the model was trained for 2 to {trained} tokens.");
    }

    /// <summary>The tokens of a row where they were given.</summary>
    public int? GivenContext(ParseResult parse) => parse.GetValue(_context);

    public string OutputFolder(ParseResult parse) => parse.GetValue(_out) ?? DefaultFolder;

    public string? ResumeFolder(ParseResult parse)
    {
        if (parse.GetValue(_resume) is not { } folder)
            return null;
        Option[] allowed = [_resume, _threads, _evaluations, _saveMinutes];
        if (_command.Options.FirstOrDefault(o => !allowed.Contains(o)
            && parse.GetResult(o) is { Implicit: false }) is { } other)
            throw new UserException(
                $"{other.Name} cannot be given with --resume: the run in {folder} knows it already.");
        return folder;
    }

    public double? Minutes(ParseResult parse) => parse.GetValue(_minutes) switch
    {
        null => null,
        > 0 and <= 1e6 and var minutes => minutes,
        var minutes => throw new UserException($"--minutes is {minutes}; it must be above 0."),
    };

    /// <summary>Reads all data through and checks every number that does not depend on the model.</summary>
    public void Check<T>(ParseResult parse, Func<string, Action<string>?, IEnumerable<T>> read)
    {
        var context = Context(parse, 1 << 20);
        Plan(parse, new string('0', 64), new string('0', 64), context);
        Steps(parse, _ => 1);
        Habits(parse, 0);
        HeldOut(parse);
        var records = Files(parse).Sum(file => read(file, SkipsFaulty(parse) ? _ => { } : null).Count());
        if (records < 2)
            throw new UserException($"{string.Join(", ", Files(parse))}: {records} records; two are the fewest to " +
                "learn from, one of them held out.");
    }

    /// <summary>The same where a stage answers requests: they are read through, if they come from files.</summary>
    public void CheckPrompts(ParseResult parse)
    {
        Habits(parse, 0);
        foreach (var file in parse.GetValue(Data) ?? [])
            _ = ConversationReader.Read(file, SkipsFaulty(parse) ? _ => { } : null).Count();
    }

    /// <summary>The plan but for its budget, which needs the data.</summary>
    public TuningPlan Plan(
        ParseResult parse, string modelHash, string dataHash, int context, PolicyPlan? policy = null)
    {
        var rank = parse.GetValue(_rank) ?? 0;
        if (rank == 0 && (parse.GetValue(_alpha) is not null || parse.GetValue(_targets) is not null))
            throw new UserException("--lora-alpha and --lora-targets say how adapters are; give their rank by --lora.");
        var rows = parse.GetValue(_rows) ?? RowsDefault(context);
        var plan = new TuningPlan
        {
            Stage = _stage, ModelHash = modelHash, DataHash = dataHash, Context = context, Rows = rows, Steps = 1,
            Policy = policy,
            Rate = parse.GetValue(_rate) ?? RateDefault(rank), LoraRank = rank,
            Seed = Seed(parse),
            Type = Enum.Parse<DType>(parse.GetValue(_type) ?? "f32", ignoreCase: true),
            Title = parse.GetValue(_title)
                ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(OutputFolder(parse)))),
        };
        return (plan with
        {
            WeightDecay = parse.GetValue(_weightDecay) ?? plan.WeightDecay,
            WarmUp = parse.GetValue(_warmUp) ?? plan.WarmUp,
            WarmDown = parse.GetValue(_warmDown) ?? plan.WarmDown,
            LoraAlpha = parse.GetValue(_alpha) ?? plan.LoraAlpha,
            LoraTargets = parse.GetValue(_targets) ?? plan.LoraTargets,
        }).Validated();
    }

    /// <summary>Steps of the budget; null where they are to be measured.</summary>
    /// <param name="stepsOf">Steps of so many passes.</param>
    public int? Steps(ParseResult parse, Func<double, long> stepsOf)
    {
        if (new Option[] { _epochs, _minutes, _steps }.Count(o => parse.GetResult(o) is { Implicit: false }) > 1)
            throw new UserException("Give one budget: --epochs, --minutes or --steps.");
        if (parse.GetValue(_steps) is { } steps)
            return steps > 0 ? steps : throw new UserException($"{_steps.Name} is {steps}; it must be above 0.");
        if (Minutes(parse) is not null)
            return null;
        if (AnswersItself)
            return StepsDefault;
        var epochs = parse.GetValue(_epochs) ?? (_stage == TuningStage.Sft ? 3 : 1);
        return epochs is > 0 and <= 10_000 ? (int)Math.Clamp(stepsOf(epochs), 1, int.MaxValue)
            : throw new UserException($"--epochs is {epochs}; the range is above 0 to 10,000.");
    }

    public TuningHabits Habits(ParseResult parse, double peak)
    {
        var habits = new TuningHabits();
        return habits with
        {
            Evaluations = parse.GetValue(_evaluations) switch
            {
                null => habits.Evaluations,
                >= 0 and <= 1_000_000 and var count => count,
                var count => throw new UserException(
                    $"--evals is {count}; the range is 0 to {Human.Count(1_000_000)}."),
            },
            SaveEvery = parse.GetValue(_saveMinutes) switch
            {
                null => habits.SaveEvery,
                >= 0 and <= 1e6 and var minutes => TimeSpan.FromMinutes(minutes),
                var minutes => throw new UserException(
                    $"--save-minutes is {minutes}; the range is 0 (after every step) to 1,000,000."),
            },
            CommandLine = CommandLine.Of(parse),
            FmaPeak = peak,
        };
    }

    private Option<string> Text(string name, string description, string value, params string[] aliases) =>
        Add(new Option<string>(name, aliases) { Description = description, HelpName = value });

    private Option<double?> Number(string name, string description, string value, bool needed = true) =>
        Add(new Option<double?>(name) { Description = description, HelpName = value }, needed);

    private Option<int?> Whole(string name, string description, string value, bool needed = true) =>
        Add(new Option<int?>(name) { Description = description, HelpName = value }, needed);

    // An option that a stage has no use for stays unknown to its command, and has no value.
    private T Add<T>(T option, bool needed = true)
        where T : Option
    {
        if (needed)
            _command.Add(_section, option);
        return option;
    }
}
