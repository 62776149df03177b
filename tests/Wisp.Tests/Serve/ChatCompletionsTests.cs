using System.Net;
using System.Text.Json.Nodes;

namespace Wisp.Tests.Serve;

public class ChatCompletionsTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Path = "/v1/chat/completions";

    [Fact]
    public async Task An_answer_comes_whole_or_in_pieces_and_is_the_same()
    {
        const string Ask = """
            "model": "wisp-chat", "seed": 7, "max_tokens": 30,
            "messages": [{"role": "user", "content": "Tell me a story."}]
            """;
        var whole = await server.Post(Path, $$"""{ {{Ask}} }""");
        var pieces = await server.Stream(Path, $$"""
            { {{Ask}}, "stream": true, "stream_options": {"include_usage": true} }
            """);

        Assert.Equal("chat.completion", (string)whole["object"]!);
        Assert.Equal("wisp-chat", (string)whole["model"]!);
        var choice = whole["choices"]![0]!;
        Assert.Equal("assistant", (string)choice["message"]!["role"]!);
        var text = (string)choice["message"]!["content"]!;
        Assert.NotEmpty(text);

        Assert.All(pieces, piece => Assert.Equal("chat.completion.chunk", (string)piece["object"]!));
        Assert.All(pieces, piece => Assert.Equal((string)pieces[0]["id"]!, (string)piece["id"]!));
        Assert.Equal("assistant", (string)pieces[0]["choices"]![0]!["delta"]!["role"]!);
        Assert.Equal(text, string.Concat(pieces.Select(piece =>
            piece["choices"]!.AsArray().Count == 0 ? "" : (string?)piece["choices"]![0]!["delta"]!["content"])));
        Assert.Equal((string)choice["finish_reason"]!, (string)pieces[^2]["choices"]![0]!["finish_reason"]!);
        Assert.All(pieces[..^2], piece => Assert.Null(piece["choices"]![0]!["finish_reason"]));
        foreach (var count in (string[])["prompt_tokens", "completion_tokens", "total_tokens"])
            Assert.Equal((int)whole["usage"]![count]!, (int)pieces[^1]["usage"]![count]!);
        Assert.Equal((int)whole["usage"]!["total_tokens"]!,
            (int)whole["usage"]!["prompt_tokens"]! + (int)whole["usage"]!["completion_tokens"]!);
        // The same prompt again: all whole blocks of 16 but the one of the last token are found.
        var cached = (int)pieces[^1]["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
        Assert.Equal(((int)whole["usage"]!["prompt_tokens"]! - 1) / 16 * 16, cached);
    }

    [Fact]
    public async Task Models_are_listed_and_found_by_name()
    {
        var list = await server.Get("/v1/models");
        Assert.Equal("list", (string)list["object"]!);
        Assert.Equal(["wisp-base", "wisp-chat"], list["data"]!.AsArray().Select(model => (string)model!["id"]!));
        Assert.Equal("model", (string)(await server.Get("/v1/models/wisp-chat"))["object"]!);
        var missing = await server.Get("/v1/models/gpt-7", HttpStatusCode.NotFound);
        Assert.Equal("model_not_found", (string)missing["error"]!["code"]!);
    }

    [Fact]
    public async Task A_server_that_is_ready_says_so()
    {
        var health = await server.Get("/health");
        Assert.Equal("ok", (string)health["status"]!);
    }

    public static TheoryData<string, int, string?, string> Faults => new()
    {
        { "{", 400, null, "parse the JSON" },
        { "[]", 400, null, "must be an object" },
        { "{}", 400, "messages", "Missing required parameter: 'messages'" },
        { """{"messages": []}""", 400, "messages", "empty array" },
        { """{"messages": [{"role": "user"}]}""", 400, "messages[0].content", "Missing" },
        { """{"messages": [{"role": "king", "content": "x"}]}""", 400, "messages[0].role", "'king'" },
        { """{"messages": "x"}""", 400, "messages", "expected an array, but got a string" },
        { """{"messages": [{"role": "user", "content": 5}]}""", 400, "messages[0].content", "got an integer" },
        { """{"model": "gpt-7", "messages": [{"role": "user", "content": "x"}]}""", 404, "model", "'gpt-7'" },
        { """{"messages": [{"role": "user", "content": "x"}], "temprature": 1}""", 400, "temprature",
            "Unrecognized request argument supplied: temprature" },
        { """{"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}""", 400, "temperature",
            "expected a number, but got a string" },
        { """{"messages": [{"role": "user", "content": "x"}], "temperature": -1}""", 400, "temperature", "-1" },
        { """{"messages": [{"role": "user", "content": "x"}], "n": 0}""", 400, "n", "between 1 and 128" },
        { """{"messages": [{"role": "user", "content": "x"}], "top_logprobs": 2}""", 400, "top_logprobs", "logprobs" },
        { """{"messages": [{"role": "user", "content": "x"}], "logit_bias": {"x": 1}}""", 400, "logit_bias", "x" },
        { """{"messages": [{"role": "user", "content": "x"}], "stop": [""]}""", 400, "stop", "empty string" },
        { """{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}""", 400,
            "messages[0].content[0]", "image_url" },
        { """{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "web"}]}""", 400, "tools[0].type",
            "only functions" },
        { """{"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}""", 400, null,
            "'tool_choice' requires a call" },
        { """{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "xml"}}""", 400,
            "response_format.type", "'xml'" },
    };

    [Theory, MemberData(nameof(Faults))]
    public async Task A_faulty_request_is_told_what_is_wrong_in_the_shape_of_OpenAI(
        string body, int status, string? param, string says)
    {
        var error = (await server.Post(Path, body, (HttpStatusCode)status))["error"]!;
        Assert.Contains(says, (string)error["message"]!);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal(status == 404 ? "not_found_error" : "invalid_request_error", (string)error["type"]!);
        Assert.True(error.AsObject().ContainsKey("code"));
    }

    [Fact]
    public async Task A_prompt_that_is_too_long_is_told_with_both_numbers()
    {
        var error = await server.Post(Path, new JsonObject
        {
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new string('7', 20_000) }),
        }.ToJsonString(), HttpStatusCode.BadRequest);
        Assert.Equal("context_length_exceeded", (string)error["error"]!["code"]!);
        Assert.Matches(
            @"come to \d[\d,]* tokens; the context of wisp-chat holds [\d,]+", (string)error["error"]!["message"]!);
    }
}
