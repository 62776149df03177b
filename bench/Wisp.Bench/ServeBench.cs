using System.CommandLine;
using System.Globalization;
using System.Text;
using Wisp.Bench.Engine;
using Wisp.Model;
using Wisp.Serve;

namespace Wisp.Bench;

/// <summary>
/// The server under load, beside the same work put to its engine directly, in turn. It fails where a request fails,
/// where keys and values or memory leak, where the server reaches less than 80 % of the engine, and where the machine
/// was not quiet enough to tell.
/// </summary>
internal static class ServeBench
{
    private const double Bar = 0.8;

    // A server does what its engine does and more: a share so far above 1 says that the machine changed meanwhile.
    private const double MostShare = 1.1;

    // What is alive or resident after the load may be this much more than after the warm-up: pools are filled by then.
    private const long LeakBytes = 32L << 20;

    private sealed record Result(
        string Model, int Clients, TimeSpan Window, int Rounds, Spread Alone, Spread Served, ServeLoad Load,
        Memory Grown, int Blocks, double Neighbours)
    {
        public double Share => Served.Median / Alone.Median;

        public bool IsMeasured => Share <= MostShare;

        public bool IsGood => Share >= Bar && IsMeasured && Blocks == 0 && Grown is
        {
            Managed: < LeakBytes, Resident: < LeakBytes
        };
    }

    /// <summary>Bytes that the collector finds alive, and that the process has in memory.</summary>
    private readonly record struct Memory(long Managed, long Resident)
    {
        public static Memory Now()
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return new Memory(GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet);
        }

        public static Memory operator -(Memory a, Memory b) => new(a.Managed - b.Managed, a.Resident - b.Resident);
    }

    public static Command Create()
    {
        var command = new Command("serve", "Many clients of the server for a while: throughput, delays, leaks");
        var model = new Option<string>("--model", "-m") { DefaultValueFactory = _ => "models/wisp-chat.gguf" };
        var clients = new Option<int>("--clients") { DefaultValueFactory = _ => 64 };
        var rounds = new Option<int>("--rounds")
        {
            DefaultValueFactory = _ => 6, Description = "Windows of either side, in turn; the medians count",
        };
        var seconds = new Option<double>("--seconds")
        {
            DefaultValueFactory = _ => 10, Description = "Of one window; answers that are begun are finished",
        };
        var page = new Option<string?>("--out") { Description = "Writes the report to a file too" };
        foreach (var option in (Option[])[model, clients, rounds, seconds, page])
            command.Add(option);
        command.SetAction(async (parse, cancel) =>
        {
            var result = await Run(parse.GetRequiredValue(model), parse.GetValue(clients), parse.GetValue(rounds),
                TimeSpan.FromSeconds(parse.GetValue(seconds)));
            var report = Report(result);
            Console.Write(report);
            if (parse.GetValue(page) is { } path)
                await File.WriteAllTextAsync(path, report, cancel);
            return result.IsGood ? 0 : 1;
        });
        return command;
    }

    private static async Task<Result> Run(string model, int clients, int rounds, TimeSpan window)
    {
        var options = new ServeOptions { Models = { model }, Parallel = clients, Queue = clients };
        // All clients at once in the cache: what is measured is work, not waiting for memory. And no more than the
        // warm-up fills, because memory that is touched for the first time would look like a leak.
        using (var file = ModelFile.Open(model))
            options.CacheTokens = Math.Max(file.Config.Context, clients * 4 * ServeLoad.AnswerTokens);
        await using var server = await WispServer.Start(options, new ListenOptions { Port = 0 });
        await server.Ready;
        using var load = new ServeLoad(server, clients);
        await load.Alone(window);
        await load.Served(window);
        load.Forget();

        var before = await Settled(server);
        var neighbours = new Neighbours();
        var (alone, served) = (new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            // Each side comes first in every other round, so that a machine that slows down favours neither.
            if (round % 2 == 1)
                served.Add(await load.Served(window));
            alone.Add(await load.Alone(window));
            if (round % 2 == 0)
                served.Add(await load.Served(window));
        }

        var others = neighbours.Share();
        var grown = await Settled(server) - before;
        var blocks = server.Models.Loaded[0].Model.Writer.Engine.Use.Used;
        await server.Stop();
        return new Result(
            model, clients, window, rounds, Spread.Of(alone), Spread.Of(served), load, grown, blocks, others);
    }

    // Once the last request has left; the engine lets go of its memory a pass later.
    private static async Task<Memory> Settled(WispServer server)
    {
        while (server.Models.Loaded[0].Model.Gate.Inside > 0)
            await Task.Delay(10);
        await Task.Delay(500);
        return Memory.Now();
    }

    private static string Report(Result result)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        var (load, seconds, model) = (result.Load, result.Window.TotalSeconds, Path.GetFileName(result.Model));
        Line($"# The server under load");
        Line($"");
        Line($"{DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores, .NET {Environment.Version}. Made by");
        Line($"`./wisp bench serve --out FILE`; what is timed stands in [METHOD.md](../METHOD.md).");
        Line($"");
        Line($"{result.Clients} clients on {model}, {ServeLoad.AnswerTokens} tokens an answer,");
        Line($"streamed; clients and server share the machine. {result.Rounds} windows of {seconds:0.#} s");
        Line($"of the server and as many of its engine alone, in turn: medians, smallest and largest.");
        Line($"Other programs took {result.Neighbours:P0} of the cores.");
        Line($"");
        Line($"| | |");
        Line($"|---|---|");
        Line($"| requests, all of them whole | {load.First.Count:N0} |");
        Line($"| tokens a second, served | {Shown(result.Served)} |");
        Line($"| tokens a second, the engine alone with the same work | {Shown(result.Alone)} |");
        Line($"| share (the bar is {Bar:P0}) | {result.Share:P1} |");
        Line($"| time to the first token, p50, p99 | {At(load.First, 0.5):0} ms, {At(load.First, 0.99):0} ms |");
        Line($"| between two pieces, p50, p99 | {At(load.Between, 0.5):0} ms, {At(load.Between, 0.99):0} ms |");
        Line($"| KV blocks in use afterwards | {result.Blocks} |");
        Line($"| managed memory, afterwards less before | {Megabytes(result.Grown.Managed)} |");
        Line($"| resident memory, afterwards less before | {Megabytes(result.Grown.Resident)} |");
        if (!result.IsMeasured)
        {
            Line($"");
            Line($"This is no measurement: a server cannot be faster than its engine. A share above {MostShare:P0}");
            Line($"says that other programs had the cores while the engine was alone; it has to be made again.");
        }

        return text.ToString();
    }

    private static FormattableString Shown(Spread of) => $"{of.Median:N0} ({of.Min:N0} to {of.Max:N0})";

    private static FormattableString Megabytes(long bytes) => $"{bytes / 1048576.0:0.0} MB";

    private static double At(List<double> values, double share)
    {
        values.Sort();
        return values.Count == 0 ? 0 : values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }
}
