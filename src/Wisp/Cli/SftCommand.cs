using System.CommandLine;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Train;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;

namespace Wisp.Cli;

/// <summary><c>wisp train sft</c>: from a model that continues text to one that answers.</summary>
internal static class SftCommand
{
    private const string DataName = "conversations.jsonl";

    public static Command Create()
    {
        var command = new Verb(
            "sft", "Teach a model to answer, from conversations", "Train",
            "wisp train sft -m models/wisp-base.gguf --data chats.jsonl --minutes 20 --out runs/chat",
            "wisp train sft -m models/wisp-base.gguf --data chats.jsonl --lora 8 --out runs/chat",
            "wisp train sft --resume runs/chat");
        var options = new TuningArguments(command, TuningStage.Sft,
            $"Conversations, .jsonl or .json, with {ConversationReader.Shapes}; also as .gz or .zst");
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, options, cancel), cancel));
        command.Check = parse => options.Check(parse, ConversationReader.Read);
        return command;
    }

    private static int Run(ParseResult parse, TuningArguments options, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        using var pool = new WorkerPool(options.Threads(parse));
        var (folder, plan, start, text) = options.ResumeFolder(parse) is { } resumed
            ? Reopen(resumed) : Prepare(console, parse, options, pool, cancel);
        TuningProgram.Run(
            console, parse, options, folder, new Sft(plan, start.Weights, text, pool), start.Tokenizer, pool, cancel);
        return 0;
    }

    private static (string Folder, TuningPlan Plan, TuningProgram.Start Start, SftText Text) Prepare(
        IAnsiConsole console, ParseResult parse, TuningArguments options, WorkerPool pool, CancellationToken cancel)
    {
        var start = TuningProgram.Open(parse.GetValue(options.Model));
        var context = options.Context(parse, start.Weights.Map.Config.Context);
        var conversations = TuningProgram.Read(
            console, options.Files(parse), options.SkipsFaulty(parse), ConversationReader.Read);
        var text = new SftText(
            conversations, start.Tokenizer, context, options.HeldOut(parse), options.Seed(parse));
        var plan = options.Plan(parse, start.Hash, text.Hash, context) with { HeldOut = options.HeldOut(parse) };
        var steps = options.Steps(parse, epochs => Sft.StepsOf(plan, text, epochs));
        if (steps is null)
            plan = TuningProgram.Measured(console, plan, options.Minutes(parse)!.Value,
                trial => new Sft(trial, TuningProgram.Copy(start.Weights), text, pool), cancel);
        else
            plan = plan with { Steps = steps.Value };
        var folder = TuningProgram.NewFolder(options.OutputFolder(parse));
        ConversationFile.Write(Path.Combine(folder, DataName), conversations);
        return (folder, plan, start, text);
    }

    private static (string Folder, TuningPlan Plan, TuningProgram.Start Start, SftText Text) Reopen(string folder)
    {
        var plan = TuningProgram.PlanIn(folder, TuningStage.Sft);
        var start = TuningProgram.Open(Path.Combine(folder, Checkpoint.FileName));
        var path = Path.Combine(folder, DataName);
        var text = new SftText([.. ConversationReader.Read(path)], start.Tokenizer, plan.Context, plan.HeldOut,
            plan.Seed);
        return text.Hash == plan.DataHash ? (folder, plan, start, text)
            : throw TuningProgram.OtherData(path, text.Hash, plan);
    }
}
