using System.CommandLine;
using System.Security.Cryptography;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Pairs;
using Wisp.Train.Align.Policies;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp train grpo</c> and <c>wisp train ppo</c>: learning from one's own answers and what they earn.
/// </summary>
internal static class PolicyCommand
{
    private const string PromptsName = "prompts.jsonl";

    // A task may draw a prompt that is longer by a token or two than any that was looked at.
    private const int Slack = 8;

    public static Command Create(TuningStage stage)
    {
        var name = Name(stage);
        var command = new Verb(
            name, stage == TuningStage.Grpo ? "Improve a model by a reward, its answers compared with each other"
                : "Improve a model by a reward, its answers compared with a critic's guess", "Train",
            $"wisp train {name} -m runs/sums --task arithmetic --out runs/{name}",
            $"wisp train {name} -m models/wisp-chat.gguf --prompts chats.jsonl --reward runs/judge --judge runs/other");
        var options = new TuningArguments(command, stage,
            "Conversations whose first requests are answered, in any shape that `wisp train sft` reads");
        var policy = new PolicyArguments(command, stage);
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, options, policy, stage, cancel), cancel));
        command.Check = parse => options.CheckPrompts(parse);
        return command;
    }

    internal static string Name(TuningStage stage) => stage.ToString().ToLowerInvariant();

    private static int Run(
        ParseResult parse, TuningArguments options, PolicyArguments policy, TuningStage stage, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        using var pool = new WorkerPool(options.Threads(parse));
        using var judges = new Judges(pool);
        if (options.ResumeFolder(parse) is { } resumed)
        {
            var (tuning, tokenizer) = Reopen(resumed, stage, judges, pool);
            TuningProgram.Run(console, parse, options, resumed, tuning, tokenizer, pool, cancel);
            return 0;
        }

        var (begun, folder, start) = Prepare(console, parse, options, policy, judges, pool);
        TuningProgram.Run(console, parse, options, folder, begun, start.Tokenizer, pool, cancel);
        return 0;
    }

    private static (ITuning Tuning, string Folder, TuningProgram.Start Start) Prepare(
        IAnsiConsole console, ParseResult parse, TuningArguments options, PolicyArguments policy, Judges judges,
        WorkerPool pool)
    {
        var task = policy.Task(parse);
        if ((task is null) == (parse.GetValue(options.Data) is not { Length: > 0 }))
            throw new UserException("Say what to answer: --task NAME or --prompts FILE, one of the two.");
        if (task is null && parse.GetValue(policy.Reward) is null)
            throw new UserException(
                "Say what is paid for: --reward MODEL, a model by `wisp train reward`, or a name (see --help).");
        string rewardName = parse.GetValue(policy.Reward) ?? "shaped",
            judgeName = parse.GetValue(policy.Judge) ?? (task is null ? "format" : "right");
        if (rewardName == judgeName)
            throw new UserException(
                $"Reward and judge are both '{rewardName}': nothing would ever part. Name another --judge.");

        var start = TuningProgram.Open(parse.GetValue(options.Model));
        var reference = parse.GetValue(policy.Reference) is { } other
            ? TuningProgram.OpenReference(other, start) : null;
        // Its weights are kept beside the policy's, in the same places.
        if (reference is not null && reference.Weights.Map.Config != start.Weights.Map.Config)
            throw new UserException(
                $"{parse.GetValue(policy.Reference)}: is of another shape than the model. Choose a reference that " +
                "the model comes from.");
        var trained = start.Weights.Map.Config.Context;
        var plan = policy.Plan(parse, Judges.HashOf(rewardName), Judges.HashOf(judgeName));
        PromptBook book;
        IReadOnlyList<Conversation> conversations = [];
        if (task is not null)
        {
            book = new PromptBook(task, start.Tokenizer, plan.HeldOut, options.Seed(parse));
        }
        else
        {
            conversations = TuningProgram.Read(
                console, options.Files(parse), options.SkipsFaulty(parse), ConversationReader.Read);
            book = new PromptBook(conversations, start.Tokenizer, options.Context(parse, trained) - plan.MaxTokens,
                options.HeldOut(parse), options.Seed(parse));
        }

        var context = task is null ? options.Context(parse, trained)
            : options.GivenContext(parse) ?? book.LongestPrompt + Slack + plan.MaxTokens;
        if (context > trained)
            throw new UserException(
                $"A prompt and an answer have up to {context} tokens; the model was trained for {trained}. Lower " +
                "--max-tokens.");
        var goal = new PolicyGoal(
            book, judges.Open(rewardName, book, trained), judges.Open(judgeName, book, trained));
        var whole = (options.Plan(parse, start.Hash, book.Hash, context, plan) with
        {
            HeldOut = options.HeldOut(parse),
            Beta = policy.Beta(parse),
            WarmDown = 1,
        }).Validated();
        whole = whole with { Steps = options.Steps(parse, _ => 1)!.Value };
        var tuning = new PolicyTuning(whole, start.Weights, goal, pool, reference?.Weights);
        var folder = TuningProgram.NewFolder(options.OutputFolder(parse));
        Judges.Keep(rewardName, Path.Combine(folder, Judges.RewardFile));
        Judges.Keep(judgeName, Path.Combine(folder, Judges.JudgeFile));
        if (task is null)
            ConversationFile.Write(Path.Combine(folder, PromptsName), conversations);
        return (tuning, folder, start);
    }

    private static (ITuning Tuning, Tokenizer Tokenizer) Reopen(
        string folder, TuningStage stage, Judges judges, WorkerPool pool)
    {
        var plan = TuningProgram.PlanIn(folder, stage);
        var start = TuningProgram.Open(Path.Combine(folder, Checkpoint.FileName));
        var policy = plan.Policy!;
        var path = Path.Combine(folder, PromptsName);
        var book = policy.Task is { } task
            ? new PromptBook(Train.Align.Tasks.VerifiableTask.Named(task), start.Tokenizer, policy.HeldOut, plan.Seed)
            : new PromptBook([.. ConversationReader.Read(path)], start.Tokenizer, plan.Context - policy.MaxTokens,
                plan.HeldOut, plan.Seed);
        if (book.Hash != plan.DataHash)
            throw TuningProgram.OtherData(policy.Task is null ? path : $"task {policy.Task}", book.Hash, plan);
        var trained = start.Weights.Map.Config.Context;
        var goal = new PolicyGoal(
            book, judges.Reopen(policy.Reward, Path.Combine(folder, Judges.RewardFile), book, trained),
            judges.Reopen(policy.Judge, Path.Combine(folder, Judges.JudgeFile), book, trained));
        return (new PolicyTuning(plan, start.Weights, goal, pool), start.Tokenizer);
    }

    /// <summary>Scores by name, or reward models by file; a run keeps a copy of those.</summary>
    internal sealed class Judges(WorkerPool pool) : IDisposable
    {
        public const string RewardFile = "reward.gguf", JudgeFile = "judge.gguf";

        private static readonly string[] s_ofTasks = ["right", "shaped"];

        private readonly List<IDisposable> _open = [];

        private static bool IsName(string name) => s_ofTasks.Contains(name) || AnswerScore.Names.Contains(name);

        /// <summary>The name, or what identifies the model's file.</summary>
        public static string HashOf(string name)
        {
            if (IsName(name))
                return name;
            using var file = File.OpenRead(Models.Find(name));
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }

        public AnswerScore Open(string name, PromptBook book, int context) => name switch
        {
            "right" or "shaped" when book.Task is null => throw new UserException(
                $"'{name}' judges the problems of a task, and --prompts asks something else. Name a reward model."),
            "right" => AnswerScore.Right(book.Task!),
            "shaped" => AnswerScore.Shaped(book.Task!),
            "format" => AnswerScore.Format(book.Tokenizer),
            "repetition" => AnswerScore.Repetition,
            "length" => AnswerScore.Length,
            _ => OpenModel(name, name, context),
        };

        public AnswerScore Reopen(string nameOrHash, string path, PromptBook book, int context)
        {
            if (IsName(nameOrHash))
                return Open(nameOrHash, book, context);
            return HashOf(path) == nameOrHash ? OpenModel(nameOrHash[..12], path, context) : throw new UserException(
                $"{path}: is not the reward model that the run began with (expected {nameOrHash[..12]}).");
        }

        public static void Keep(string name, string path)
        {
            if (!IsName(name))
                File.Copy(Models.Find(name), path, overwrite: true);
        }

        private AnswerScore OpenModel(string name, string file, int context)
        {
            var model = Models.Open(file);
            _open.Add(model);
            if (model.Config.Context < context)
                throw new UserException(
                    $"{model.Path}: reads {model.Config.Context} tokens, and answers may have up to {context} with " +
                    "their prompts. Choose a reward model that was made from this one.");
            var scorer = new RewardModel(model, pool);
            _open.Insert(0, scorer);
            return AnswerScore.Of(name, scorer);
        }

        public void Dispose()
        {
            foreach (var open in _open)
                open.Dispose();
        }
    }
}
