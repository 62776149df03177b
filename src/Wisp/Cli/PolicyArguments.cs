using System.CommandLine;
using Wisp.Train.Align;
using Wisp.Train.Align.Losses;
using Wisp.Train.Align.Policies;
using Wisp.Train.Align.Tasks;

namespace Wisp.Cli;

/// <summary>The options of stages that learn from their own answers.</summary>
internal sealed class PolicyArguments
{
    private readonly TuningStage _stage;
    private readonly PolicyPlan _default = new() { Reward = "", Judge = "" };
    private readonly Option<string> _task, _aggregation;
    private readonly Option<int?> _group, _maxTokens, _updates, _meter, _test;
    private readonly Option<double?> _beta, _clip, _gamma, _lambda, _criticRate;

    public PolicyArguments(Verb command, TuningStage stage)
    {
        _stage = stage;
        _task = new Option<string>("--task")
        {
            Description = $"Problems that a program makes and judges: {string.Join(" or ", TaskNames)}",
            HelpName = "NAME",
        };
        Reward = new Option<string>("--reward")
        {
            Description = "What is paid for: right, shaped (a right answer, and a little for the form), " +
                $"{string.Join(", ", AnswerScore.Names)}, or the file of a reward model [default: shaped, for a task]",
            HelpName = "NAME|MODEL",
        };
        Judge = new Option<string>("--judge")
        {
            Description = "What watches, in the same words [default: right for a task, else format]",
            HelpName = "NAME|MODEL",
        };
        _group = Whole("--group", $"Answers to each prompt [default: {Group}]");
        _maxTokens = Whole("--max-tokens", $"Tokens after which an answer is cut off [default: {MaxTokens}]");
        _updates = Whole("--updates", stage == TuningStage.Improve
            ? $"Optimizer updates of a round [default: {Updates}]"
            : $"Optimizer updates with the answers of a step [default: {Updates}]");
        _beta = Number("--beta", "How dear it is to leave the reference [default: 0.02]");
        Reference = new Option<string>("--reference")
        {
            Description = "What the model is held near [default: the model itself as it begins]", HelpName = "MODEL",
        };
        _clip = Number("--clip", $"How far a token's probability may move in a step [default: {_default.Clip}]");
        _aggregation = new Option<string>("--aggregation")
        {
            Description = "How tokens are weighed: per-answer, per-token or per-place [default: per-token]",
            HelpName = "HOW",
        };
        _aggregation.AcceptOnlyFromAmong("per-answer", "per-token", "per-place");
        _gamma = Number("--gamma", $"Worth of the next token's reward [default: {_default.Gamma}]");
        _lambda = Number("--lambda", $"How far ahead an advantage looks [default: {_default.Lambda}]");
        _criticRate = Number("--critic-lr", $"Peak learning rate of the critic [default: {_default.CriticRate}]");
        _meter = Whole("--meter", "Steps of a window in which reward and judge are compared; 0 never stops the run " +
            $"[default: {_default.MeterWindow}]");
        _test = Whole("--test", $"Held-out problems that each evaluation answers [default: {_default.HeldOut}]");

        if (stage == TuningStage.Improve)
        {
            command.Add("Task", _task, _group, _maxTokens, _updates, _test);
            return;
        }

        command.Add("Task", _task, Reward, Judge, _group, _maxTokens, _test);
        command.Add("Objective", _beta, Reference, _clip, _updates);
        if (stage == TuningStage.Grpo)
            command.Add("Objective", _aggregation);
        else
            command.Add("Objective", _gamma, _lambda, _criticRate);
        command.Add("Objective", _meter);
    }

    public Option<string> Reward { get; }

    public Option<string> Judge { get; }

    public Option<string> Reference { get; }

    private static IEnumerable<string> TaskNames => VerifiableTask.All.Select(task => task.Name);

    private int Group => _stage == TuningStage.Improve ? 4 : _default.Group;

    private int MaxTokens => _stage == TuningStage.Improve ? 24 : _default.MaxTokens;

    private int Updates => _stage switch
    {
        TuningStage.Improve => 30,
        TuningStage.Ppo => 4,
        _ => _default.Updates,
    };

    public VerifiableTask? Task(ParseResult parse) =>
        parse.GetValue(_task) is { } name ? VerifiableTask.Named(name) : null;

    public int HeldOut(ParseResult parse) => parse.GetValue(_test) ?? _default.HeldOut;

    public double Beta(ParseResult parse) => parse.GetValue(_beta) ?? 0.02;

    /// <param name="reward">A name, or the hash of a reward model's file; so is the judge.</param>
    public PolicyPlan Plan(ParseResult parse, string reward, string judge)
    {
        var plan = new PolicyPlan
        {
            Task = parse.GetValue(_task), Reward = reward, Judge = judge, Group = parse.GetValue(_group) ?? Group,
            MaxTokens = parse.GetValue(_maxTokens) ?? MaxTokens, Updates = parse.GetValue(_updates) ?? Updates,
            Clip = parse.GetValue(_clip) ?? _default.Clip, Gamma = parse.GetValue(_gamma) ?? _default.Gamma,
            Lambda = parse.GetValue(_lambda) ?? _default.Lambda,
            CriticRate = parse.GetValue(_criticRate) ?? _default.CriticRate,
            MeterWindow = parse.GetValue(_meter) ?? _default.MeterWindow, HeldOut = HeldOut(parse),
            Aggregation = parse.GetValue(_aggregation) is { } how
                ? Enum.Parse<Aggregation>(how.Replace("-", "", StringComparison.Ordinal), ignoreCase: true)
                : _default.Aggregation,
        };
        plan.Check();
        return plan;
    }

    private static Option<int?> Whole(string name, string description) =>
        new(name) { Description = description, HelpName = "N" };

    private static Option<double?> Number(string name, string description) =>
        new(name) { Description = description, HelpName = "X" };
}
