using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Wisp.Tests.Serve;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

/// <summary>What <c>wisp serve</c> sends by OTLP, as a collector gets it.</summary>
public sealed class ServeTelemetryTests
{
    private const string Secret = "my secret is 12345";

    [Fact, Trait("cost", "medium")]
    public async Task Spans_and_metrics_arrive_by_the_conventions_without_any_text()
    {
        var received = new ConcurrentQueue<(string Path, string? Type, byte[] Body)>();
        await using var collector = Collector(received);
        await collector.StartAsync();
        using var folder = new TempFolder();
        var start = CtrlC.Program("serve", "--port", "0", "-m", LiveServer.ModelPath, "--quiet");
        start.Environment["XDG_DATA_HOME"] = folder.Path;
        start.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First();
        start.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        using var process = Process.Start(start)!;
        string answer;
        try
        {
            using var http = new HttpClient { BaseAddress = await ServeCommandTests.Ready(process) };
            using var response = await http.PostAsync("/v1/chat/completions", LiveServer.Body($$"""
                {"messages": [{"role": "user", "content": "{{Secret}}"}], "max_tokens": 40, "temperature": 0}
                """));
            var reply = System.Text.Json.Nodes.JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            answer = (string)reply["choices"]![0]!["message"]!["content"]!;
            CtrlC.Press(process);
            await process.WaitForExitAsync(); // what is left is sent at the end
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }

        Assert.True(answer.Length > 8, answer);
        Assert.All(received, message => Assert.Equal("application/x-protobuf", message.Type));
        // TracesData.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans, Span.name, Span.attributes,
        // KeyValue.key: opentelemetry-proto, trace.proto and common.proto.
        var spans = Bodies("/v1/traces").SelectMany(body => At(body, 1, 2, 2)).ToList();
        var chat = Assert.Single(spans, span => Texts(At(span, 5)).Contains("chat wisp-chat"));
        Assert.Superset(
            new HashSet<string>(["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                "gen_ai.request.max_tokens", "gen_ai.response.id", "gen_ai.response.finish_reasons",
                "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"]),
            Texts(At(chat, 9, 1)).ToHashSet());
        // MetricsData.resource_metrics, ResourceMetrics.scope_metrics, ScopeMetrics.metrics, Metric.name.
        var metrics = Texts(Bodies("/v1/metrics").SelectMany(body => At(body, 1, 2, 2, 1))).ToHashSet();
        Assert.Superset(
            new HashSet<string>(["gen_ai.server.request.duration", "gen_ai.server.time_to_first_token",
                "gen_ai.client.token.usage"]), metrics);
        foreach (var (_, _, body) in received)
            foreach (var text in (string[])["secret", "12345", answer])
                Assert.False(body.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0, $"'{text}' was sent");

        IEnumerable<ReadOnlyMemory<byte>> Bodies(string path) =>
            received.Where(message => message.Path == path).Select(message => (ReadOnlyMemory<byte>)message.Body);
    }

    private static WebApplication Collector(ConcurrentQueue<(string Path, string? Type, byte[] Body)> received)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add($"http://{IPAddress.Loopback}:0");
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received.Enqueue((context.Request.Path, context.Request.ContentType, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf"; // an empty message: all was taken
        });
        return app;
    }

    private static IEnumerable<string> Texts(IEnumerable<ReadOnlyMemory<byte>> fields) =>
        fields.Select(field => Encoding.UTF8.GetString(field.Span));

    /// <summary>The fields of a message of protobuf at a path of field numbers.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> At(ReadOnlyMemory<byte> message, params int[] path) =>
        path.Aggregate((IEnumerable<ReadOnlyMemory<byte>>)[message],
            (found, number) => found.SelectMany(inner => Fields(inner, number)));

    // Of the kind that has a length: texts and messages. Others are passed over.
    private static List<ReadOnlyMemory<byte>> Fields(ReadOnlyMemory<byte> message, int number)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        for (var at = 0; at < message.Length;)
        {
            var tag = Number(message.Span, ref at);
            var length = (tag & 7) switch
            {
                0 => 0,
                1 => 8,
                2 => (int)Number(message.Span, ref at),
                5 => 4,
                var kind => throw new InvalidDataException($"no kind of protobuf: {kind}"),
            };
            if ((tag & 7) == 0)
                Number(message.Span, ref at);
            if ((tag & 7) == 2 && tag >> 3 == (ulong)number)
                found.Add(message.Slice(at, length));
            at += length;
        }

        return found;
    }

    private static ulong Number(ReadOnlySpan<byte> bytes, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var part = bytes[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
    }
}
