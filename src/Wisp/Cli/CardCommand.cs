using System.CommandLine;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Train.Eval;
using Wisp.Train.Report;
using Wisp.Train.Report.Card;

namespace Wisp.Cli;

/// <summary><c>wisp train card</c>: one page for a model's whole life, from what its runs left.</summary>
internal static class CardCommand
{
    public static Command Create()
    {
        var runs = new Argument<string[]>("RUN")
        {
            Description = "Folders of runs, in the order in which they were done",
        };
        var folder = new Option<string>("--out", "-o")
        {
            Description = "Folder for card.html, card.md and card.json", HelpName = "DIR",
        };
        var evaluations = new Option<string[]>("--eval")
        {
            Description = "What `wisp eval --out` wrote of the runs' models, .json",
            AllowMultipleArgumentsPerToken = true, HelpName = "FILE",
        };
        var prompts = new Option<string[]>("--prompt")
        {
            Description = "What every stage's model is to answer; again for more", HelpName = "TEXT",
        };
        var title = new Option<string>("--title") { Description = "Name on the card", HelpName = "TEXT" };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var command = new Verb("card", "Write a model's whole life on one page", "Train",
            "wisp train card runs/base runs/chat runs/better --eval eval/base.json eval/chat.json --out runs/card");
        command.Add(runs);
        command.Add("Options", folder, evaluations, prompts, title, threads);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var console = Terminal.On(parse.InvocationConfiguration.Output);
            if (parse.GetValue(folder) is not { Length: > 0 } to || File.Exists(to))
                throw new UserException("Name the folder for the card: --out DIR");
            string[] from = parse.GetValue(runs) is { Length: > 0 } some ? some
                : throw new UserException("Name the folders of the runs, in the order in which they were done.");
            using var pool = new WorkerPool(Threads.Count(parse.GetValue(threads)));
            Write(console, new CardOrder(
                parse.GetValue(title) ?? NameOf(from[^1]), [.. from.Select(run => (NameOf(run), run))],
                [.. (parse.GetValue(evaluations) ?? []).Select(EvalReport.Read)], to)
            {
                Prompts = parse.GetValue(prompts) is { Length: > 0 } asked ? asked : StageSamples.DefaultPrompts,
            }, pool, cancel);
        }, cancel));
        return command;
    }

    private static string NameOf(string run) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run)));

    /// <summary>What a card is made of.</summary>
    /// <param name="Runs">By name the folders, in order.</param>
    public sealed record CardOrder(
        string Title, IReadOnlyList<(string Name, string Folder)> Runs, IReadOnlyList<EvalReport> Evaluations,
        string Out)
    {
        public IReadOnlyList<string> Prompts { get; init; } = StageSamples.DefaultPrompts;
    }

    public static void Write(IAnsiConsole console, CardOrder order, WorkerPool pool, CancellationToken cancel)
    {
        if (order.Runs.CountBy(run => run.Name).FirstOrDefault(pair => pair.Value > 1) is { Key: { } twice })
            throw new UserException($"Two runs are called '{twice}'. A card names them by their folders; rename one.");
        var card = ReportCard.Of(
            order.Title, [.. order.Runs.Select(run => (run.Name, RunReport.Read(run.Folder)))], order.Evaluations,
            TimeProvider.System.GetUtcNow());
        using (var line = new ProgressLine(console, TimeProvider.System))
            card = card with
            {
                Samples = StageSamples.Of(
                    [.. card.Stages.Where(stage => !stage.IsJudge).Select(stage => stage.Name)],
                    name => new EvalModel(Models.Open(order.Runs.First(run => run.Name == name).Folder), pool, cancel),
                    order.Prompts, line.Report, cancel),
            };
        CardWriter.Write(order.Out, card);
        console.Profile.Out.Writer.WriteLine($"card: {Path.Combine(order.Out, "card.html")}");
    }
}
