using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Run;
using Wisp.Serve;
using Wisp.Serve.Loading;

namespace Wisp.Bench;

/// <summary>
/// The work of a window, put to a server or to its engine: so many clients begin together, and each asks for one answer
/// after another until the time is over. Prompts, lengths, sampling and seeds are the same on both sides.
/// </summary>
internal sealed class ServeLoad : IDisposable
{
    /// <summary>Tokens of every answer: those that would end one sooner are forbidden.</summary>
    public const int AnswerTokens = 64;

    private readonly int _clients;
    private readonly WritingModel _model;
    private readonly HttpClient _http;
    private readonly string _bias;
    private readonly Sampling _sampling;
    private readonly Lock _lock = new();
    private int _window;

    public ServeLoad(WispServer server, int clients)
    {
        (_clients, _model) = (clients, server.Models.Loaded[0].Model.Writer);
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients })
        {
            BaseAddress = server.Address, Timeout = Timeout.InfiniteTimeSpan,
        };
        var end = _model.Tokenizer.EndOfGeneration;
        _bias = string.Join(", ", end.Select(id => $"\"{id}\": -100"));
        _sampling = new Sampling { LogitBias = end.ToDictionary(id => id, _ => float.NegativeInfinity) };
    }

    /// <summary>Milliseconds from sending each request to its first piece of text; guarded by the lock.</summary>
    public List<double> First { get; } = [];

    /// <summary>Milliseconds between one piece and the next.</summary>
    public List<double> Between { get; } = [];

    /// <summary>A window of clients that stream answers over the loopback.</summary>
    /// <returns>Tokens a second, from the first request to the end of the last answer.</returns>
    /// <exception cref="InvalidOperationException">An answer failed or was cut off.</exception>
    public Task<double> Served(TimeSpan time) => Window(time, Ask);

    /// <summary>The same work put to the engine directly, from as many tasks.</summary>
    /// <returns>Tokens a second, from the first request to the end of the last answer.</returns>
    public Task<double> Alone(TimeSpan time) => Window(time, Continue);

    /// <summary>Forgets the delays so far: those of a warm-up.</summary>
    public void Forget()
    {
        First.Clear();
        Between.Clear();
    }

    public void Dispose() => _http.Dispose();

    private async Task<double> Window(TimeSpan time, Func<string, int, Task<int>> answer)
    {
        var (window, tokens) = (++_window, 0L);
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, _clients).Select(client => Task.Run(async () =>
        {
            // No window asks what another asked: its prompts would be found in the cache.
            for (var turn = 0; clock.Elapsed < time; turn++)
                Interlocked.Add(ref tokens, await answer($"Window {window:000}, client {client:000}, question " +
                    $"{turn:00}: tell me a story of a fox who counts {client + (7 * turn):000} stars.", turn));
        })));
        return tokens / clock.Elapsed.TotalSeconds;
    }

    private async Task<int> Continue(string question, int seed)
    {
        var prompt = _model.Chat.Prompt([new(ChatRole.User, question)]);
        await using var stream = _model.Engine.Start(new EngineRequest
        {
            Prompt = _model.Tokenizer.Encode(prompt, addSpecial: true, parseSpecial: true), MaxTokens = AnswerTokens,
            End = _model.Tokenizer.EndOfGeneration, Seed = (ulong)seed, Sampling = _sampling,
        });
        var tokens = 0;
        await foreach (var _ in stream.ReadAllAsync())
            tokens++;
        return Whole(tokens, stream.End == GenerationEnd.Count, question);
    }

    private async Task<int> Ask(string question, int seed)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent($$"""
                {"messages": [{"role": "user", "content": "{{question}}"}], "max_tokens": {{AnswerTokens}},
                 "seed": {{seed}}, "stream": true, "stream_options": {"include_usage": true},
                 "logit_bias": { {{_bias}} } }
                """, Encoding.UTF8, "application/json"),
        };
        var delays = new List<double>(AnswerTokens);
        var last = Stopwatch.GetTimestamp();
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        if (response.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException($"{(int)response.StatusCode}: {await reader.ReadToEndAsync()}");
        var (tokens, done) = (0, false);
        while (await reader.ReadLineAsync() is { } line)
        {
            done |= line == "data: [DONE]";
            if (line.Contains("\"content\":\"", StringComparison.Ordinal) && !line.Contains("\"content\":\"\"",
                StringComparison.Ordinal))
            {
                delays.Add(Stopwatch.GetElapsedTime(last).TotalMilliseconds);
                last = Stopwatch.GetTimestamp();
            }
            else if (line.Contains("\"usage\":", StringComparison.Ordinal))
                tokens = JsonElement.Parse(line["data: ".Length..]).GetProperty("usage")
                    .GetProperty("completion_tokens").GetInt32();
        }

        lock (_lock)
        {
            First.AddRange(delays.Take(1));
            Between.AddRange(delays.Skip(1));
        }

        return Whole(tokens, done, question);
    }

    private static int Whole(int tokens, bool done, string question) => done && tokens == AnswerTokens ? tokens
        : throw new InvalidOperationException(
            $"{question} The answer has {tokens} tokens of {AnswerTokens} and is {(done ? "whole" : "cut off")}.");
}
