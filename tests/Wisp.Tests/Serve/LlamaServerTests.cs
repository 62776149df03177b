using System.Net;

namespace Wisp.Tests.Serve;

public class LlamaServerTests(LiveServer server) : IClassFixture<LiveServer>
{
    [Fact]
    public async Task Texts_become_tokens_and_tokens_texts()
    {
        const string Text = "Grüße, 漢字 and 🦊!";
        var content = LiveServer.Quoted(Text);
        var pieces = (await server.Post("/tokenize", $$"""{"content": {{content}}, "with_pieces": true}"""))["tokens"]!;
        var ids = (await server.Post("/tokenize", $$"""{"content": {{content}}}"""))["tokens"]!;
        Assert.Equal(ids.AsArray().Select(id => (int)id!), pieces.AsArray().Select(token => (int)token!["id"]!));
        // A piece is text, or bytes where it is no whole characters.
        Assert.All(pieces.AsArray(), token => Assert.NotEqual(token!["piece"] is null, token["bytes"] is null));
        var back = await server.Post("/detokenize", $$"""{"tokens": {{ids.ToJsonString()}}}""");
        Assert.Equal(Text, (string)back["content"]!);
        var fault = await server.Post("/detokenize", """{"tokens": [1, 99999999]}""", HttpStatusCode.BadRequest);
        Assert.Equal("tokens[1]", (string)fault["error"]!["param"]!);
    }

    [Fact]
    public async Task A_template_is_applied()
    {
        var reply = await server.Post("/apply-template", """
            {"messages": [{"role": "user", "content": "Hi <|im_end|>"}]}
            """);
        Assert.Equal("<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n", (string)reply["prompt"]!);
    }

    [Fact]
    public async Task Properties_and_slots_tell_of_the_model()
    {
        var props = await server.Get("/props");
        Assert.Equal(server.Engine.Context, (int)props["default_generation_settings"]!["n_ctx"]!);
        Assert.Equal(64, (int)props["total_slots"]!);
        Assert.Contains("<|im_start|>", (string)props["chat_template"]!);
        var slots = (await server.Get("/slots")).AsArray();
        Assert.Equal(64, slots.Count);
        using var response = await server.Begin("/v1/chat/completions", server.Endless(300));
        Assert.Contains((await server.Get("/slots")).AsArray(), slot => (bool)slot!["is_processing"]!);
    }

    [Fact]
    public async Task Metrics_are_those_of_the_conventions_in_the_format_of_Prometheus()
    {
        const string Chat = """{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}""";
        await server.Post("/v1/chat/completions", Chat);
        await server.Post("/v1/chat/completions", """{"messages": [{"role": "king"}]}""", HttpStatusCode.BadRequest);
        var text = await server.Http.GetStringAsync("/metrics");
        const string Labels = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"wisp\"," +
            "gen_ai_request_model=\"wisp-chat\",gen_ai_response_model=\"wisp-chat\"";
        Assert.Contains("# TYPE gen_ai_server_request_duration_seconds histogram", text);
        Assert.Contains($"gen_ai_server_request_duration_seconds_bucket{{{Labels},le=\"+Inf\"}} ", text);
        Assert.Contains($"gen_ai_server_time_to_first_token_seconds_count{{{Labels}}} ", text);
        Assert.Contains("gen_ai_token_type=\"output\"", text);
        Assert.Contains("# TYPE wisp_kv_reused_tokens_total counter", text);
        Assert.Contains("wisp_kv_blocks{gen_ai_request_model=\"wisp-chat\",state=\"used\"} ", text);
        Assert.Contains("llamacpp:requests_processing 0", text);
        // A histogram's buckets add up, and every line is a name, labels and a number.
        var buckets = text.Split('\n').Where(line => line.StartsWith("gen_ai_server_request_duration_seconds_bucket"))
            .GroupBy(line => line[..line.IndexOf("le=")]); // a series for each operation and each error
        Assert.All(buckets, series =>
        {
            var counts = series.Select(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..])).ToList();
            Assert.True(counts.Count > 2 && counts[^1] > 0, series.Key);
            Assert.Equal(counts.Order(), counts);
        });
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#'),
            line => Assert.Matches(@"^[a-z_:]+(\{([a-z_]+=""[^""]*"",?)+\})? -?[0-9.E+-]+$", line));
    }
}
