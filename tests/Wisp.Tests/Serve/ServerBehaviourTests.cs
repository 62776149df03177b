using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>What a server does that has more clients than it likes, or worse ones.</summary>
public class ServerBehaviourTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Hello = """{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}""";

    [Fact]
    public async Task A_closed_connection_ends_its_answer_at_once_and_gives_its_memory_back()
    {
        await using var server = await LiveServer.Open(new ServeOptions());
        const int Tokens = 300;
        var body = server.Endless(Tokens);
        // A busy machine may write an answer to its end before the connection is seen to close, but not fifty of them.
        var begun = 0;
        do
        {
            using (var response = await server.Begin(Chat, body))
            using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync()))
            {
                for (var line = 0; line < 8; line++) // four pieces
                    Assert.NotNull(await reader.ReadLineAsync());
            }

            begun++;
            // The engine's thread lets go of requests between two passes.
            while (server.Engine.Use.Used > 0)
                await Task.Yield();
        }
        while (begun < 50 && server.Engine.ComputedRows >= begun * Tokens);
        Assert.True(server.Engine.ComputedRows < begun * Tokens, "they were written to their end");
        await server.Post(Chat, Hello);
    }

    [Fact]
    public async Task An_answer_that_nobody_streams_ends_with_its_connection_too()
    {
        await using var server = await LiveServer.Open(new ServeOptions());
        using var end = new CancellationTokenSource();
        var asked = server.Begin(Chat, server.Endless(300, stream: false), end.Token);
        while (server.Engine.Use.Used == 0)
            await Task.Yield();
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        while (server.Engine.Use.Used > 0)
            await Task.Yield();
        Assert.True(server.Engine.ComputedRows < 300);
    }

    [Fact]
    public async Task Who_finds_the_queue_full_is_told_when_to_come_back()
    {
        await using var server = await LiveServer.Open(new ServeOptions { Parallel = 1, Queue = 1 });
        var body = server.Endless(400);
        using (var runs = await server.Begin(Chat, body))
        using (var waits = await server.Begin(Chat, body))
        {
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (runs.StatusCode, waits.StatusCode));
            using var refused = await server.Http.PostAsync(Chat, LiveServer.Body(Hello));
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
            var error = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["error"]!;
            Assert.Equal(("rate_limit_error", "queue_full"), ((string)error["type"]!, (string)error["code"]!));
        }

        // Both have hung up; their places come back as soon as the server notices.
        while (true)
        {
            using var response = await server.Http.PostAsync(Chat, LiveServer.Body(Hello));
            if (response.IsSuccessStatusCode)
                break;
            Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        }
    }

    [Fact]
    public async Task Requests_at_the_same_time_get_the_answers_they_would_get_alone()
    {
        await using var server = await LiveServer.Open(new ServeOptions());
        static string Ask(int i) => $$"""
            {"messages": [{"role": "user", "content": "What is {{i}} and {{i}}?"}], "max_tokens": 12, "seed": {{i}}}
            """;
        var together = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => server.Post(Chat, Ask(i))));
        for (var i = 0; i < together.Length; i += 5)
            Assert.Equal(Text(await server.Post(Chat, Ask(i))), Text(together[i]));
        while (server.Engine.Use.Used > 0)
            await Task.Yield();

        static string Text(JsonNode reply) => (string)reply["choices"]![0]!["message"]!["content"]!;
    }

    [Fact]
    public async Task A_key_opens_the_server_and_no_other()
    {
        await using var server = await LiveServer.Open(new ServeOptions(),
            new ListenOptions { ApiKeys = ["first-key", "second-key"] });
        foreach (var (key, status) in ((string?, HttpStatusCode)[])[(null, HttpStatusCode.Unauthorized),
            ("first-kex", HttpStatusCode.Unauthorized), ("", HttpStatusCode.Unauthorized),
            ("second-key", HttpStatusCode.OK), ("first-key", HttpStatusCode.OK)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            if (key is not null)
                request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
            using var response = await server.Http.SendAsync(request);
            Assert.Equal(status, response.StatusCode);
            var body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            Assert.Equal(status == HttpStatusCode.OK ? null : "invalid_api_key", (string?)body["error"]?["code"]);
        }

        await server.Get("/health"); // probes have no key
    }

    [Fact]
    public async Task Other_names_and_other_pages_are_let_in_only_where_they_are_allowed()
    {
        await using var server = await LiveServer.Open(new ServeOptions(), new ListenOptions
        {
            AllowedHosts = ["friendly.example"], AllowedOrigins = ["http://page.example"],
        });
        foreach (var (host, origin, allowed) in ((string?, string?, bool)[])[
            ("evil.example", null, false), ("evil.example:8080", null, false),
            ("127.0.0.1.evil.example", null, false), ("localhost", null, true), ("friendly.example", null, true),
            (null, "http://evil.example", false), (null, "null", false), (null, "http://page.example", true),
            (null, server.Server.Address.ToString().TrimEnd('/'), true)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = LiveServer.Body(Hello) };
            request.Headers.Host = host;
            if (origin is not null)
                request.Headers.TryAddWithoutValidation("Origin", origin);
            using var response = await server.Http.SendAsync(request);
            Assert.True(allowed == response.IsSuccessStatusCode, $"{host} {origin}: {response.StatusCode}");
            Assert.True(allowed || response.StatusCode == HttpStatusCode.Forbidden, $"{host} {origin}");
            Assert.Equal(origin == "http://page.example",
                response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_before_it_is_read()
    {
        await using var server = await LiveServer.Open(new ServeOptions { MaxRequestBytes = 10_000 });
        var error = await server.Post(Chat, Hello + new string(' ', 20_000), HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal("request_too_large", (string)error["error"]!["code"]!);
        await server.Post(Chat, Hello);
    }

    [Fact, Trait("cost", "medium")]
    public async Task A_client_that_is_too_slow_is_let_go_and_the_server_serves_on()
    {
        await using var server = await LiveServer.Open(
            new ServeOptions(), new ListenOptions { Patience = TimeSpan.FromSeconds(1.2) });
        foreach (var begun in (string[])["POST /v1/models HT", "POST /v1/chat/completions HTTP/1.1\r\n" +
            "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"messages\""])
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Server.Address.Port);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(begun));
            using var reader = new StreamReader(client.GetStream());
            var answer = await reader.ReadToEndAsync(); // ends only when the server hangs up
            Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), answer);
        }

        await server.Post(Chat, Hello);
    }

    [Fact]
    public async Task A_server_that_stops_finishes_what_it_writes_and_takes_nothing_new()
    {
        await using var server = await LiveServer.Open(new ServeOptions());
        using var response = await server.Begin(Chat, server.Endless(200));
        var stopping = server.Server.Stop();
        var text = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("data: [DONE]\n\n", text);
        Assert.Contains("\"finish_reason\":\"length\"", text);
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Http.GetAsync("/health"));
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_keeps_the_server_from_being_ready()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        await File.WriteAllTextAsync(path, "no model");
        try
        {
            await using var server = await WispServer.Start(
                new ServeOptions { Models = { path } }, new ListenOptions { Port = 0 });
            await Assert.ThrowsAnyAsync<Exception>(() => server.Ready);
            using var http = new HttpClient { BaseAddress = server.Address };
            using var health = await http.GetAsync("/health");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            using var chat = await http.PostAsync(Chat, LiveServer.Body(Hello));
            Assert.Equal(HttpStatusCode.InternalServerError, chat.StatusCode);
            var error = JsonNode.Parse(await chat.Content.ReadAsStringAsync())!["error"]!;
            Assert.Equal("model_not_loaded", (string)error["code"]!);
            Assert.Contains("is not a GGUF file", (string)error["message"]!);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task An_address_that_nothing_answers_to_is_told_in_the_shape_of_OpenAI()
    {
        await using var server = await LiveServer.Open(new ServeOptions());
        var error = await server.Post("/v1/nonsense", "{}", HttpStatusCode.NotFound);
        Assert.Contains("POST /v1/nonsense", (string)error["error"]!["message"]!);
    }
}
