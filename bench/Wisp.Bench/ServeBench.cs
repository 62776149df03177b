using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve;

namespace Wisp.Bench;

/// <summary>
/// The server under load: clients that stream one answer after another over the loopback, beside the same work put to
/// the engine directly. It fails where a request fails, where keys and values or memory leak, or where the server
/// reaches less than 80 % of the engine.
/// </summary>
internal static class ServeBench
{
    private const double Bar = 0.8;
    private const int AnswerTokens = 64;

    // What is alive after the load may be this much more than after the warm-up: pools and caches are filled by then.
    private const long LeakBytes = 32L << 20;

    private sealed record Measured(double TokensPerSecond, List<double> First, List<double> Between, int Requests);

    public static Command Create()
    {
        var command = new Command("serve", "Many clients of the server for a while: throughput, delays, leaks");
        var model = new Option<string>("--model", "-m") { DefaultValueFactory = _ => "models/wisp-chat.gguf" };
        var clients = new Option<int>("--clients") { DefaultValueFactory = _ => 64 };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 60 };
        var page = new Option<string?>("--out") { Description = "Writes the report to a file too" };
        foreach (var option in (Option[])[model, clients, seconds, page])
            command.Add(option);
        command.SetAction((parse, _) => Run(parse.GetRequiredValue(model), parse.GetValue(clients),
            TimeSpan.FromSeconds(parse.GetValue(seconds)), parse.GetValue(page)));
        return command;
    }

    private static async Task<int> Run(string model, int clients, TimeSpan time, string? page)
    {
        var options = new ServeOptions { Models = { model }, Parallel = clients, Queue = clients };
        // All clients at once in the cache: what is measured is work, not waiting for memory.
        using (var file = ModelFile.Open(model))
            options.CacheTokens = clients * file.Config.Context;
        await using var server = await WispServer.Start(options, new ListenOptions { Port = 0 });
        await server.Ready;
        var writer = server.Models.Loaded[0].Model.Writer;
        var end = writer.Tokenizer.EndOfGeneration;

        // The engine before and after, because the machine is not the same all the time.
        await Alone(writer.Engine, writer.Chat, writer.Tokenizer, clients, TimeSpan.FromSeconds(5));
        await Served(server.Address, end, clients, TimeSpan.FromSeconds(5));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var alone = await Alone(writer.Engine, writer.Chat, writer.Tokenizer, clients, time / 4);
        var served = await Served(server.Address, end, clients, time);
        var again = await Alone(writer.Engine, writer.Chat, writer.Tokenizer, clients, time / 4);
        while (writer.Engine.Use.Used > 0 && server.Models.Loaded[0].Model.Gate.Inside > 0)
            await Task.Delay(10);
        await Task.Delay(200);
        var leaked = GC.GetTotalMemory(forceFullCollection: true) - before;
        var blocks = writer.Engine.Use.Used;

        var bare = (alone.TokensPerSecond + again.TokensPerSecond) / 2;
        var ratio = served.TokensPerSecond / bare;
        var report = Report(model, clients, time, bare, served, leaked, blocks);
        Console.Write(report);
        if (page is not null)
            await File.WriteAllTextAsync(page, report);
        await server.Stop();
        return ratio >= Bar && leaked < LeakBytes && blocks == 0 ? 0 : 1;
    }

    private static string Prompt(int client, int turn) =>
        $"This is question {turn} of client {client}. Tell me a story of a fox and {client + (7 * turn)} stars.";

    // The same prompts and the same options as the clients send.
    private static async Task<Measured> Alone(
        Wisp.Run.Engine engine, Ai.WispChatClient chat, Tokenizer tokenizer, int clients, TimeSpan time)
    {
        var bias = tokenizer.EndOfGeneration.ToDictionary(id => id, _ => float.NegativeInfinity);
        using var stop = new CancellationTokenSource(time);
        var (tokens, requests) = (0L, 0);
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            for (var turn = 0; !stop.IsCancellationRequested; turn++)
            {
                var prompt = chat.Prompt([new(Microsoft.Extensions.AI.ChatRole.User, Prompt(client, turn))]);
                await using var stream = engine.Start(new EngineRequest
                {
                    Prompt = tokenizer.Encode(prompt, addSpecial: true, parseSpecial: true), MaxTokens = AnswerTokens,
                    End = tokenizer.EndOfGeneration, Seed = (ulong)turn, Sampling = new Sampling { LogitBias = bias },
                }, stop.Token);
                await foreach (var _ in stream.ReadAllAsync())
                    Interlocked.Increment(ref tokens);
                Interlocked.Increment(ref requests);
            }
        })));
        return new Measured(tokens / clock.Elapsed.TotalSeconds, [], [], requests);
    }

    private static async Task<Measured> Served(Uri address, IEnumerable<int> end, int clients, TimeSpan time)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients })
        {
            BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan,
        };
        var bias = string.Join(", ", end.Select(id => $"\"{id}\": -100"));
        var tokens = 0L;
        var delays = new (List<double> First, List<double> Between)[clients];
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            delays[client] = ([], []);
            for (var turn = 0; clock.Elapsed < time; turn++)
                Interlocked.Add(ref tokens, await Ask(http, client, turn, bias, delays[client]));
        })));
        return new Measured(tokens / clock.Elapsed.TotalSeconds, [.. delays.SelectMany(own => own.First)],
            [.. delays.SelectMany(own => own.Between)], delays.Sum(own => own.First.Count));
    }

    // One streamed answer; how many tokens it had.
    private static async Task<int> Ask(
        HttpClient http, int client, int turn, string bias, (List<double> First, List<double> Between) delays)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent($$"""
                {"messages": [{"role": "user", "content": "{{Prompt(client, turn)}}"}], "max_tokens": {{AnswerTokens}},
                 "seed": {{turn}}, "stream": true, "stream_options": {"include_usage": true},
                 "logit_bias": { {{bias}} } }
                """, Encoding.UTF8, "application/json"),
        };
        var last = Stopwatch.GetTimestamp();
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        if (response.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException($"{(int)response.StatusCode}: {await reader.ReadToEndAsync()}");
        var (isFirst, cost, done) = (true, 0, false);
        while (await reader.ReadLineAsync() is { } line)
        {
            done |= line == "data: [DONE]";
            if (line.Contains("\"content\":\"", StringComparison.Ordinal) && !line.Contains("\"content\":\"\"",
                StringComparison.Ordinal))
            {
                (isFirst ? delays.First : delays.Between).Add(Stopwatch.GetElapsedTime(last).TotalMilliseconds);
                (isFirst, last) = (false, Stopwatch.GetTimestamp());
            }
            else if (line.Contains("\"usage\":", StringComparison.Ordinal))
            {
                cost = JsonElement.Parse(line["data: ".Length..]).GetProperty("usage")
                    .GetProperty("completion_tokens").GetInt32();
            }
        }

        return done && cost == AnswerTokens ? cost : throw new InvalidOperationException(
            $"client {client}, answer {turn}: {cost} tokens, {(done ? "whole" : "cut off")}.");
    }

    private static string Report(
        string model, int clients, TimeSpan time, double bare, Measured served, long leaked, int blocks)
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        Line($"# The server under load");
        Line($"");
        Line($"{DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores, .NET {Environment.Version}. Made by");
        Line($"`./wisp bench serve --out FILE`; what is timed stands in [METHOD.md](../METHOD.md).");
        Line($"");
        Line($"{clients} clients for {time.TotalSeconds:0} s on {Path.GetFileName(model)}, {AnswerTokens} tokens an");
        Line($"answer, streamed; clients and server share the machine.");
        Line($"");
        Line($"| | |");
        Line($"|---|---|");
        Line($"| requests, all of them whole | {served.Requests:N0} |");
        Line($"| tokens a second, served | {served.TokensPerSecond:N0} |");
        Line($"| tokens a second, the engine alone with the same requests | {bare:N0} |");
        Line($"| share (the bar is {Bar:P0}) | {served.TokensPerSecond / bare:P1} |");
        Line($"| time to the first token, p50, p99 | {At(served.First, 0.5):0} ms, {At(served.First, 0.99):0} ms |");
        Line($"| between two pieces, p50, p99 | {At(served.Between, 0.5):0} ms, {At(served.Between, 0.99):0} ms |");
        Line($"| KV blocks in use afterwards | {blocks} |");
        Line($"| managed memory, afterwards less before | {leaked / 1048576.0:0.0} MB |");
        return text.ToString();
    }

    private static double At(List<double> sorted, double share)
    {
        sorted.Sort();
        return sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(share * sorted.Count))];
    }
}
