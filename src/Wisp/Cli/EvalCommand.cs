using System.CommandLine;
using System.Text;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Pairs;
using Wisp.Train.Eval;
using Wisp.Train.Eval.Tasks;

namespace Wisp.Cli;

/// <summary><c>wisp eval</c>: what a model can do, in figures with intervals.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var command = new Verb("eval", "Examine a model: figures with intervals, and guards against fooling oneself",
            "Models",
            "wisp eval -m models/wisp-chat.gguf",
            "wisp eval -m models/wisp-base.gguf --data tests/ --tasks all --limit 500 --out eval/base",
            "wisp eval -m runs/chat --data tests/ --tasks arc_easy,piqa,story.txt --training-text books/",
            "wisp eval -m runs/better --against runs/chat --judge runs/judge --prompts prompts.jsonl");
        var options = new EvalArguments(command);
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, options, cancel), cancel));
        command.Check = parse =>
        {
            var settings = options.Read(parse);
            if (settings.Tasks.Count > 0)
                TaskShelf.Open(settings.Tasks, settings.Data);
        };
        return command;
    }

    private static int Run(ParseResult parse, EvalArguments options, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var settings = options.Read(parse); // before anything that takes time
        using var pool = new WorkerPool(Threads.Count(settings.Threads));
        using var line = new ProgressLine(Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
        line.Report("opening the tests", 0, 0);
        var tasks = settings.Tasks.Count == 0 ? [] : TaskShelf.Open(settings.Tasks, settings.Data)
            .Select(task => task.Limited(settings.Limit, settings.Options.Seed)).ToList();
        foreach (var path in settings.TrainingText.Where(path => !File.Exists(path) && !Directory.Exists(path)))
            throw new UserException(
                $"{path}: no such file or folder. --training-text names what the model learned from.");
        line.Report("opening the model", 0, 0);
        using var model = new EvalModel(Models.Open(settings.Model), pool, cancel);
        var examination = new Examination(model, settings.Options);
        var results = new List<TaskResult>();
        foreach (var task in tasks)
        {
            results.Add(examination.Run(task, line.Report, cancel));
            // Whatever is known is kept: a long examination that is stopped has not been for nothing.
            Write(parse, settings, model, results);
        }

        if (settings.TrainingText.Count > 0)
            results = [.. Examination.WithOverlap(
                tasks, results, TrainingText.Read(settings.TrainingText), line.Report, cancel)];
        results.AddRange(WinRates(settings, model, pool, line.Report, cancel));
        line.Dispose();
        Show(console, results);
        foreach (var path in Write(parse, settings, model, results))
            console.Profile.Out.Writer.WriteLine($"written: {path}");
        return 0;
    }

    private static IEnumerable<TaskResult> WinRates(
        EvalSettings settings, EvalModel model, WorkerPool pool, Action<string, long, long> progress,
        CancellationToken cancel)
    {
        if (settings.Against is { } against)
        {
            var prompts = ConversationReader.Read(settings.Prompts!)
                .Select(conversation => conversation.Take(conversation.Turns.Count - 1))
                .Take(settings.Limit > 0 ? settings.Limit : int.MaxValue).ToList();
            using var other = new EvalModel(Models.Open(against), pool, cancel);
            using var judged = Models.Open(settings.Judge!);
            using var judge = new RewardModel(judged, pool);
            yield return WinRate.Judged(model, other, judge, prompts, settings.Options.Seed, progress, cancel);
        }

        if (settings.Comparisons is { } comparisons)
            yield return WinRate.ByPeople(comparisons, model.Hash, settings.Options.Seed);
    }

    private static void Show(IAnsiConsole console, IReadOnlyList<TaskResult> results)
    {
        var rows = results.SelectMany(EvalPages.Rows).ToList();
        if (!console.Profile.Out.IsTerminal)
        {
            // One line each with tabs between, for programs; the task stands on every line.
            var task = "";
            foreach (var row in rows)
            {
                task = row.Task.Length > 0 ? row.Task : task;
                console.Profile.Out.Writer.WriteLine(string.Join('\t', ((string[])
                    [task, row.Metric, row.Value, row.Interval, row.Trials, row.Chance]).Select(Terminal.Clean)));
            }

            return;
        }

        var table = new Table { Border = TableBorder.Simple };
        foreach (var (name, right) in ((string, bool)[])[("task", false), ("metric", false), ("value", true),
            ("95 % interval", false), ("of", true), ("chance", true)])
            table.AddColumn(new TableColumn(name) { Alignment = right ? Justify.Right : Justify.Left });
        foreach (var row in rows)
        {
            var style = row.IsControl ? "grey" : row.IsChance ? "yellow" : "default";
            table.AddRow(((string[])[row.Task, (row.IsControl ? "  " : "") + row.Metric, row.Value, row.Interval,
                row.Trials, row.Chance]).Select(text =>
                    new Markup($"[{style}]{Markup.Escape(Terminal.Clean(text))}[/]")));
        }

        console.Write(table);
        Terminal.Say(console, "Yellow: what a guess reaches lies within the interval. Grey: controls.");
        foreach (var result in results.Where(result => result.Metrics.Count > 0 && result.Notes.Count > 0))
            Terminal.Say(console, $"{result.Name}: {Terminal.Clean(string.Join("; ", result.Notes))}");
    }

    private static IEnumerable<string> Write(
        ParseResult parse, EvalSettings settings, EvalModel model, IReadOnlyList<TaskResult> results)
    {
        if (settings.Out is not { } name)
            return [];
        var report = new EvalReport
        {
            Model = model.Name, ModelHash = model.Hash, Parameters = model.Config.Parameters,
            Date = TimeProvider.System.GetUtcNow(), CommandLine = CommandLine.Of(parse), Seed = settings.Options.Seed,
            Limit = settings.Limit, Shots = settings.Options.Shots,
            TrainingText = string.Join(", ", settings.TrainingText.Select(path =>
                Path.GetFileName(Path.TrimEndingDirectorySeparator(path)))),
            Tasks = results,
        };
        AtomicFile.Write(name + ".json", file => file.Write(Encoding.UTF8.GetBytes(report.ToJson())));
        AtomicFile.Write(name + ".md", file => file.Write(Encoding.UTF8.GetBytes(EvalPages.Markdown(report))));
        return [name + ".json", name + ".md"];
    }
}
