using System.CommandLine;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Pairs;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp train reward</c> and <c>wisp train dpo</c>: learning from comparisons, which people make more easily than
/// answers.
/// </summary>
internal static class PairCommand
{
    private const string DataName = "pairs.jsonl";

    private const string Shapes =
        "Judgments of wisp label; or pairs, .jsonl or .json, with 'chosen' and 'rejected': two lists of messages, " +
        "two texts after a 'prompt' or an 'instruction', or the texts of hh-rlhf; also as .gz or .zst";

    public static Command CreateReward()
    {
        var command = new Verb(
            "reward", "Train a model that scores answers, from pairs", "Train",
            "wisp train reward -m models/wisp-chat.gguf --data pairs.jsonl --out runs/judge");
        var options = new TuningArguments(command, TuningStage.Reward, Shapes);
        command.SetAction((parse, cancel) => Task.Run(
            () => Run(parse, options, TuningStage.Reward, plan => plan, null, cancel), cancel));
        command.Check = parse => options.Check(parse, PreferenceReader.Read);
        return command;
    }

    public static Command CreateDpo()
    {
        var command = new Verb(
            "dpo", "Teach a model which of two answers people like better", "Train",
            "wisp train dpo -m models/wisp-chat.gguf --data pairs.jsonl --out runs/better");
        var options = new TuningArguments(command, TuningStage.Dpo, Shapes);
        var beta = new Option<double>("--beta")
        {
            Description = "How dear it is to leave the reference", DefaultValueFactory = _ => 0.1, HelpName = "BETA",
        };
        var loss = new Option<string>("--loss")
        {
            Description = "dpo, or ipo, which stops pulling at a margin of 1/(2 beta)",
            DefaultValueFactory = _ => "dpo", HelpName = "NAME",
        };
        loss.AcceptOnlyFromAmong("dpo", "ipo");
        var reference = new Option<string>("--reference")
        {
            Description = "What the model is held near [default: the model itself as it begins]", HelpName = "MODEL",
        };
        command.Add("Objective", beta, loss, reference);
        command.SetAction((parse, cancel) => Task.Run(
            () => Run(parse, options, TuningStage.Dpo, plan => plan with
            {
                Beta = parse.GetValue(beta),
                Loss = Enum.Parse<PairLoss>(parse.GetValue(loss)!, ignoreCase: true),
            }, parse.GetValue(reference), cancel), cancel));
        command.Check = parse => options.Check(parse, PreferenceReader.Read);
        return command;
    }

    private static int Run(
        ParseResult parse, TuningArguments options, TuningStage stage, Func<TuningPlan, TuningPlan> more,
        string? reference, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        using var pool = new WorkerPool(options.Threads(parse));
        if (options.ResumeFolder(parse) is { } resumed)
        {
            var (plan, start, text) = Reopen(resumed, stage);
            TuningProgram.Run(
                console, parse, options, resumed, Create(plan, start.Weights, text, pool, null), start.Tokenizer, pool,
                cancel);
            return 0;
        }

        var (tuning, folder, tokenizer) = Prepare(console, parse, options, stage, more, reference, pool, cancel);
        TuningProgram.Run(console, parse, options, folder, tuning, tokenizer, pool, cancel);
        return 0;
    }

    private static (ITuning Tuning, string Folder, Tokenizer Tokenizer) Prepare(
        IAnsiConsole console, ParseResult parse, TuningArguments options, TuningStage stage,
        Func<TuningPlan, TuningPlan> more, string? referenceName, WorkerPool pool, CancellationToken cancel)
    {
        var start = TuningProgram.Open(parse.GetValue(options.Model));
        var reference = referenceName is null ? null : TuningProgram.OpenReference(referenceName, start);
        var context = options.Context(
            parse, Math.Min(start.Weights.Map.Config.Context, reference?.Weights.Map.Config.Context ?? int.MaxValue));
        var pairs = TuningProgram.Read(
            console, options.Files(parse), options.SkipsFaulty(parse), PreferenceReader.Read);
        var text = new PairText(pairs, start.Tokenizer, stage, context, options.HeldOut(parse), options.Seed(parse));
        var plan = more(options.Plan(parse, start.Hash, text.Hash, context) with { HeldOut = options.HeldOut(parse) })
            .Validated();
        var steps = options.Steps(
            parse, epochs => (long)Math.Ceiling(epochs * text.Train.Count / Math.Min(plan.Rows, text.Train.Count)));
        plan = steps is { } count ? plan with { Steps = count } : TuningProgram.Measured(
            console, plan, options.Minutes(parse)!.Value,
            trial => Create(trial, TuningProgram.Copy(start.Weights), text, pool, null), cancel);
        var folder = TuningProgram.NewFolder(options.OutputFolder(parse));
        ConversationFile.Write(Path.Combine(folder, DataName), pairs);
        return (Create(plan, start.Weights, text, pool, reference?.Weights), folder, start.Tokenizer);
    }

    private static (TuningPlan Plan, TuningProgram.Start Start, PairText Text) Reopen(string folder, TuningStage stage)
    {
        var plan = TuningProgram.PlanIn(folder, stage);
        var start = TuningProgram.Open(Path.Combine(folder, Checkpoint.FileName));
        var path = Path.Combine(folder, DataName);
        var text = new PairText(
            [.. PreferenceReader.Read(path)], start.Tokenizer, stage, plan.Context, plan.HeldOut, plan.Seed);
        return text.Hash == plan.DataHash ? (plan, start, text) : throw TuningProgram.OtherData(path, text.Hash, plan);
    }

    private static ITuning Create(
        TuningPlan plan, Parameters start, PairText text, WorkerPool pool, Parameters? reference) =>
        plan.Stage == TuningStage.Reward ? new Reward(plan, start, text, pool)
            : new Dpo(plan, start, text, pool, reference);
}
