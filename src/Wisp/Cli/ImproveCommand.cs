using System.CommandLine;
using Wisp.Compute;
using Wisp.Train;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Policies;

namespace Wisp.Cli;

/// <summary><c>wisp train improve</c>: a model gets better than what it learned from, where a program knows what is
/// right.</summary>
internal static class ImproveCommand
{
    private const int Slack = 8; // as in PolicyCommand

    public static Command Create()
    {
        var command = new Verb(
            "improve", "Sample, verify, learn what was right, and again", "Train",
            "wisp train improve -m runs/sums --task arithmetic --data sums.jsonl --out runs/better");
        var options = new TuningArguments(command, TuningStage.Improve,
            "What the model learned from before: the report tells when it is better than that");
        var policy = new PolicyArguments(command, TuningStage.Improve);
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, options, policy, cancel), cancel));
        return command;
    }

    private static int Run(
        ParseResult parse, TuningArguments options, PolicyArguments policy, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        using var pool = new WorkerPool(options.Threads(parse));
        var resumed = options.ResumeFolder(parse);
        var plan = resumed is null ? null : TuningProgram.PlanIn(resumed, TuningStage.Improve);
        var task = plan?.Policy!.Task is { } known ? Train.Align.Tasks.VerifiableTask.Named(known)
            : policy.Task(parse) ?? throw new UserException("Name what to get better at: --task NAME (see --help).");
        var start = TuningProgram.Open(
            resumed is null ? parse.GetValue(options.Model) : Path.Combine(resumed, Checkpoint.FileName));
        var book = new PromptBook(
            task, start.Tokenizer, plan?.Policy!.HeldOut ?? policy.HeldOut(parse), plan?.Seed ?? options.Seed(parse));
        if (plan is not null && plan.DataHash != book.Hash)
            throw TuningProgram.OtherData($"task {task.Name}", book.Hash, plan);
        var right = AnswerScore.Right(task);
        var goal = new PolicyGoal(book, right, right);
        if (plan is null)
            plan = Plan(console, parse, options, policy, start, book);
        var tuning = new Improve(plan, start.Weights, goal, pool);
        var folder = resumed ?? TuningProgram.NewFolder(options.OutputFolder(parse));
        TuningProgram.Run(console, parse, options, folder, tuning, start.Tokenizer, pool, cancel);
        return 0;
    }

    private static TuningPlan Plan(
        Spectre.Console.IAnsiConsole console, ParseResult parse, TuningArguments options, PolicyArguments policy,
        TuningProgram.Start start, PromptBook book)
    {
        var plan = policy.Plan(parse, "right", "right") with { MeterWindow = 0 };
        if (parse.GetValue(options.Data) is { Length: > 0 })
        {
            var data = book.Task!.RightIn(TuningProgram.Read(
                console, options.Files(parse), options.SkipsFaulty(parse), ConversationReader.Read));
            if (data.Trials == 0)
                throw new UserException(
                    $"{string.Join(", ", options.Files(parse))}: asks no problem of the task {book.Task.Name}. " +
                    $"`wisp train lessons --task {book.Task.Name}` writes such data.");
            plan = plan with { DataAnswers = (int)data.Trials, DataRight = (int)data.Hits };
        }

        int context = book.LongestPrompt + Slack + plan.MaxTokens, trained = start.Weights.Map.Config.Context;
        if (context > trained)
            throw new UserException(
                $"A problem and an answer have up to {context} tokens; the model was trained for {trained}. Lower " +
                "--max-tokens.");
        // Every round learns from new answers, so the rate does not fall to nothing before the last.
        return (options.Plan(parse, start.Hash, book.Hash, context, plan) with
        {
            Steps = options.Steps(parse, _ => 1)!.Value,
            WarmUp = 0,
            WarmDown = 0,
        }).Validated();
    }
}
