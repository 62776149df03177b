using System.CommandLine;
using System.Diagnostics;
using System.Threading.Channels;
using Spectre.Console;
using Wisp.Labels;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp label</c>: a page on which a person compares answers.</summary>
internal static class LabelCommand
{
    // Comparisons made ahead: some minutes of reading for a person, some seconds of work for a model.
    private const int Ahead = 8;

    private const int MostTold = 3; // prompts that were left out, each with its reason

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var command = new Verb("label", "Compare a model's answers on a page, to learn from what is better", "Train",
            "wisp label -m wisp-chat --prompts prompts.txt",
            "wisp label -m new.gguf --versus wisp-chat --prompts prompts.jsonl --out duel.jsonl",
            "wisp label stats labels.jsonl")
        {
            LabelStatsCommand.Create(),
        };
        var arguments = new LabelArguments(command);
        command.SetAction((parse, cancel) => RunAsync(parse, arguments, cancel));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, LabelArguments arguments, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var desk = arguments.Desk(parse);
        _ = arguments.Port(parse); // a fault of the command line is told before a model is loaded
        using var log = LabelLog.Open(arguments.File(parse));
        if (log.TornBytes > 0)
            Terminal.Say(console, $"{log.Path}: the last {log.TornBytes} bytes were half a record, left by a program " +
                "that was killed; nothing that was reported as saved is lost.");
        var models = new List<LabelModel>();
        try
        {
            var work = Source(parse, arguments, desk, log, models, cancel);
            await ServeAsync(parse, arguments, desk, log, work, cancel).ConfigureAwait(false);
        }
        finally
        {
            foreach (var model in models)
                await model.DisposeAsync().ConfigureAwait(false);
        }

        LabelRecord[] own = [.. log.Reading.Live.Where(record => record.Labeller == desk.Labeller)];
        var judged = own.Count(record => record.Kind == LabelKind.Judgment);
        console.Profile.Out.Writer.WriteLine();
        Terminal.Say(console, $"{arguments.File(parse)} of {desk.Labeller}: {Human.Count(judged)} judgments, " +
            $"{Human.Count(own.Length - judged)} skips. Figures: wisp label stats " +
            CommandLine.Quoted(arguments.File(parse)));
        return 0;
    }

    // Until Ctrl-C.
    private static async Task ServeAsync(
        ParseResult parse, LabelArguments arguments, DeskOptions desk, LabelLog log, LabelWork work,
        CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var fresh = Channel.CreateBounded<Comparison>(Ahead);
        using var table = new LabelDesk(log, desk, fresh.Reader);
        var progress = new LabelProgress(table, desk.Labeller, work.Keys, log.Path);
        work.Passed = reason =>
        {
            if (progress.Pass() <= MostTold)
                Terminal.Say(console, $"left out: {Terminal.Clean(reason)}");
        };
        await using var server = await StartAsync(table, progress, arguments.Port(parse), cancel)
            .ConfigureAwait(false);
        Terminal.Say(console, $"{desk.Labeller} compares at {server.Url}");
        Terminal.Say(console, $"Every judgment is saved at once in {log.Path}. Ctrl-C ends; the same command goes on.");
        if (arguments.Opens(parse))
            Open(console, server.Url);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var pump = PumpAsync(work.Comparisons(ends.Token), fresh.Writer, ends.Token);
        try
        {
            await Task.Delay(Timeout.Infinite, cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // This is how it ends.
        }

        await ends.CancelAsync().ConfigureAwait(false);
        await pump.ConfigureAwait(false);
        if (progress.Passed > MostTold)
            Terminal.Say(console, $"left out {Human.Count(progress.Passed)} prompts in all");
    }

    private static LabelWork Source(
        ParseResult parse, LabelArguments arguments, DeskOptions desk, LabelLog log, List<LabelModel> models,
        CancellationToken cancel)
    {
        var done = LabelDesk.DoneBy(desk.Labeller, log.Reading);
        if (arguments.Candidates(parse) is { } file)
            return LabelWork.Of([.. CandidateReader.Read(file)], done, file);
        var prompts = new List<Conversation>();
        foreach (var path in arguments.Prompts(parse))
            prompts.AddRange(PromptReader.Read(path));
        if (prompts.Count == 0)
            throw new UserException("There are no prompts: the file is empty.");
        var (count, names) = arguments.Models(parse);
        var sampling = arguments.Sampling(parse);
        ProgressLine? line = null; // only where there is something to wait for
        var begin = Stopwatch.GetTimestamp();
        try
        {
            foreach (var name in names)
                models.Add(new LabelModel(Models.Find(name), NameOf(name), sampling, Report, cancel));
            return LabelWork.Of(prompts, done, log.Reading, desk.Seed, count, models);
        }
        finally
        {
            line?.Dispose();
        }

        void Report(string stage, long at, long total)
        {
            if (Stopwatch.GetElapsedTime(begin) > s_patience)
                line ??= new ProgressLine(Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
            line?.Report(stage, at, total);
        }
    }

    private static string NameOf(string model) =>
        Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(model)) is { Length: > 0 } name
            ? name : model;

    private static async Task<LabelServer> StartAsync(
        LabelDesk desk, LabelProgress progress, int port, CancellationToken cancel)
    {
        try
        {
            return await LabelServer.StartAsync(desk, progress, port, cancel).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new UserException(
                $"Port {port} cannot be listened on: {e.Message} Choose another, or leave --port out.", e);
        }
    }

    private static async Task PumpAsync(
        IAsyncEnumerable<Comparison> comparisons, ChannelWriter<Comparison> fresh, CancellationToken cancel)
    {
        Exception? fault = null;
        try
        {
            await foreach (var comparison in comparisons.ConfigureAwait(false))
                await fresh.WriteAsync(comparison, cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The end of the program.
        }
        catch (Exception e)
        {
            fault = e; // the page tells of it
        }

        fresh.Complete(fault);
    }

    private static void Open(IAnsiConsole console, string url)
    {
        var program = OperatingSystem.IsWindows() ? "explorer" : OperatingSystem.IsMacOS() ? "open" : "xdg-open";
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, [url])
            {
                RedirectStandardError = true, RedirectStandardOutput = true,
            });
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            Terminal.Say(console, $"No browser could be opened ({program}: {e.Message}); open the address yourself.");
        }
    }
}
