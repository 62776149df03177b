using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging;
using Wisp.Serve;
using Wisp.Serve.Watching;

namespace Wisp.Tests.Serve;

/// <summary>What a server tells of its work, and what it does not.</summary>
public class TelemetryTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Secret = "my secret is 12345";

    [Fact]
    public async Task A_request_is_a_span_by_the_conventions_without_any_text()
    {
        using var listener = Listen(out var spans);
        await using var server = await LiveServer.Open(new ServeOptions());
        var reply = await server.Post(Chat, $$"""
            {"messages": [{"role": "user", "content": "{{Secret}}"}], "max_tokens": 7, "temperature": 0.5, "seed": 99}
            """);
        // Other tests' servers are told of too: the answer's id says which is this one's.
        var span = Assert.Single(spans, span => Equals(span.GetTagItem("gen_ai.response.id"), (string)reply["id"]!));
        Assert.Equal("chat wisp-chat", span.OperationName);
        foreach (var (name, value) in ((string, object)[])[("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "wisp"), ("gen_ai.request.model", "wisp-chat"),
            ("gen_ai.request.temperature", 0.5f), ("gen_ai.request.max_tokens", 7), ("gen_ai.request.seed", 99L),
            ("gen_ai.usage.input_tokens", (long)reply["usage"]!["prompt_tokens"]!),
            ("gen_ai.usage.output_tokens", (long)reply["usage"]!["completion_tokens"]!),
            ("gen_ai.usage.cache_read.input_tokens", 0L)])
            Assert.Equal(value, span.GetTagItem(name));
        Assert.DoesNotContain(span.TagObjects, tag => tag.Value?.ToString()?.Contains("secret") == true);
    }

    [Fact]
    public async Task An_answer_on_the_page_counts_as_one_of_the_API()
    {
        using var listener = Listen(out var spans);
        await using var server = await LiveServer.Open(new ServeOptions());
        var conversation = await server.Post("/page/conversations",
            """{"settings": {"temperature": 0.5, "maxTokens": 7, "tools": false}}""");
        var question = await server.Post("/page/messages",
            $$"""{"conversation": {{conversation["id"]}}, "text": "{{Secret}}"}""");
        var news = await server.Lines("/page/answers", $$"""{"message": {{question["id"]}}}""");
        var answer = news[^1]["message"]!;
        var tokens = (long)answer["tokens"]!;
        var span = Assert.Single(spans, span =>
            Equals(span.GetTagItem("gen_ai.response.id"), $"page-{answer["id"]}")
            && Equals(span.GetTagItem("gen_ai.request.max_tokens"), 7));
        Assert.Equal("chat wisp-chat", span.OperationName);
        Assert.Equal((0.5f, tokens), (span.GetTagItem("gen_ai.request.temperature"),
            span.GetTagItem("gen_ai.usage.output_tokens")));
        Assert.DoesNotContain(span.TagObjects, tag => tag.Value?.ToString()?.Contains("secret") == true);

        // All that this server did was this answer.
        var metrics = await server.Http.GetStringAsync("/metrics");
        const string Labels = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"wisp\"," +
            "gen_ai_request_model=\"wisp-chat\",gen_ai_response_model=\"wisp-chat\"";
        Assert.Contains($"gen_ai_server_request_duration_seconds_count{{{Labels}}} 1\n", metrics);
        Assert.Contains($"gen_ai_server_time_to_first_token_seconds_count{{{Labels}}} 1\n", metrics);
        Assert.Contains($"gen_ai_client_token_usage_sum{{{Labels},gen_ai_token_type=\"output\"}} {tokens}\n", metrics);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_log_holds_numbers_and_texts_only_where_they_were_asked_for(bool content)
    {
        using var log = new Lines();
        await using (var server = await LiveServer.Open(new ServeOptions { LogContent = content },
            new ListenOptions { Logging = logging => logging.AddProvider(log) }))
        {
            await server.Post(Chat, $$"""
                {"messages": [{"role": "user", "content": "{{Secret}}"}], "max_tokens": 7}
                """);
            await server.Post(Chat, $$"""{"messages": [{"role": "{{Secret}}"}]}""", HttpStatusCode.BadRequest);
        }

        Assert.Contains(log.Written, line => line.Contains("chat wisp-chat: ") && line.Contains(" tokens read"));
        Assert.Equal(content, log.Written.Any(line => line.Contains(Secret)));
    }

    private static ActivityListener Listen(out ConcurrentQueue<Activity> spans)
    {
        var kept = spans = [];
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name, ActivityStopped = kept.Enqueue,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    /// <summary>A log that keeps its lines.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Written { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Written.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
