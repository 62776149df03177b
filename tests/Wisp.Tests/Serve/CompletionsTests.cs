using System.Net;
using System.Text.Json.Nodes;

namespace Wisp.Tests.Serve;

public class CompletionsTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Path = "/v1/completions";

    [Fact]
    public async Task A_text_goes_on_whole_or_in_pieces_and_is_the_same()
    {
        const string Ask = """
            "prompt": ["Once upon a time", "The fox"], "n": 2, "seed": 3, "max_tokens": 10, "logprobs": 2
            """;
        var whole = await server.Post(Path, $$"""{ {{Ask}} }""");
        var pieces = await server.Stream(Path, $$"""
            { {{Ask}}, "stream": true, "stream_options": {"include_usage": true} }
            """);
        var choices = whole["choices"]!.AsArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(choice => (int)choice!["index"]!));
        Assert.Equal(4, choices.Select(choice => (string)choice!["text"]!).Distinct().Count());
        foreach (var choice in choices)
        {
            var own = pieces.SelectMany(piece => piece["choices"]!.AsArray())
                .Where(piece => (int)piece!["index"]! == (int)choice!["index"]!).ToList();
            Assert.Equal((string)choice!["text"]!, string.Concat(own.Select(piece => (string)piece!["text"]!)));
            Assert.Equal((string)choice["finish_reason"]!, (string)own[^1]!["finish_reason"]!);
            Assert.All(own[..^1], piece => Assert.Null(piece!["finish_reason"]));
            var scores = choice["logprobs"]!;
            Assert.Equal(scores["tokens"]!.AsArray().Count, scores["token_logprobs"]!.AsArray().Count);
            Assert.Equal(0, (int)scores["text_offset"]![0]!);
            Assert.Equal(scores["tokens"]!.AsArray().Select(token => (string)token!), own.SelectMany(
                piece => piece!["logprobs"]!["tokens"]!.AsArray().Select(token => (string)token!)));
        }

        Assert.Equal((int)whole["usage"]!["completion_tokens"]!, (int)pieces[^1]["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task Tokens_are_a_prompt_too_and_an_echo_repeats_it()
    {
        var tokens = (await server.Post("/tokenize", """{"content": "Once upon a time"}"""))["tokens"]!;
        const string Rest = "\"seed\": 3, \"max_tokens\": 5";
        var text = TextOf(await server.Post(Path, $$"""{"prompt": "Once upon a time", {{Rest}}}"""));
        var reply = await server.Post(Path, $$"""{"prompt": {{tokens.ToJsonString()}}, "echo": true, {{Rest}}}""");
        Assert.Equal("Once upon a time" + text, TextOf(reply));
    }

    [Fact]
    public async Task A_stop_string_ends_a_text_and_is_not_shown()
    {
        const string Rest = "\"prompt\": \"Once upon a time\", \"seed\": 3, \"max_tokens\": 40";
        var text = TextOf(await server.Post(Path, $$"""{ {{Rest}} }"""));
        var stop = text[8..11];
        var reply = await server.Post(Path, $$"""{ {{Rest}}, "stop": {{LiveServer.Quoted(stop)}} }""");
        var choice = reply["choices"]![0]!;
        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], (string)choice["text"]!);
        Assert.Equal("stop", (string)choice["finish_reason"]!);
    }

    [Fact]
    public async Task A_grammar_and_biases_are_kept()
    {
        var reply = await server.Post(Path, """
            {"prompt": "Yes or no?", "grammar": "root ::= \"yes\" | \"no\"", "max_tokens": 9}
            """);
        Assert.Contains(TextOf(reply), (string[])["yes", "no"]);
        var fox = (int)(await server.Post("/tokenize", """{"content": "x"}"""))["tokens"]![0]!;
        var biased = await server.Post(Path, $$$"""
            {"prompt": "a", "logit_bias": {"{{{fox}}}": 100}, "max_tokens": 3}
            """);
        Assert.Equal("xxx", TextOf(biased));
    }

    private static string TextOf(JsonNode reply) => (string)reply["choices"]![0]!["text"]!;

    [Theory]
    [InlineData("""{"prompt": 5}""", "prompt", "expected a string")]
    [InlineData("""{"prompt": []}""", "prompt", "1 to 128")]
    [InlineData("""{"prompt": [70000000]}""", "prompt[0]", "tokens of this model are")]
    [InlineData("""{"prompt": "x", "suffix": "y"}""", "suffix", "not supported")]
    [InlineData("""{"prompt": "x", "grammar": "root ::= ("}""", "grammar", "grammar")]
    [InlineData("""{"prompt": "x", "max_tokens": 0}""", "max_tokens", "1 or more")]
    [InlineData("""{"prompt": "x", "logit_bias": {"90000000": 1}}""", "logit_bias", "no token id")]
    public async Task A_faulty_request_is_told_what_is_wrong(string body, string param, string says)
    {
        var error = (await server.Post(Path, body, HttpStatusCode.BadRequest))["error"]!;
        Assert.Contains(says, (string)error["message"]!);
        Assert.Equal(param, (string)error["param"]!);
    }

    [Fact]
    public async Task A_prompt_that_is_too_long_is_told_with_both_numbers()
    {
        var reply = await server.Post(
            Path, $$"""{"prompt": "{{new string('7', 20_000)}}"}""", HttpStatusCode.BadRequest);
        var error = reply["error"]!;
        Assert.Equal("context_length_exceeded", (string)error["code"]!);
        Assert.Matches(@"has \d[\d,]+ tokens; the context of this model holds \d[\d,]+", (string)error["message"]!);
    }

    [Fact]
    public async Task Vectors_come_as_numbers_or_as_base64_and_are_the_same()
    {
        var numbers = await server.Post("/v1/embeddings", """{"input": ["a cat", [5, 6, 7]]}""");
        var packed = await server.Post("/v1/embeddings", """
            {"input": ["a cat", [5, 6, 7]], "encoding_format": "base64"}
            """);
        for (var i = 0; i < 2; i++)
        {
            var vector = numbers["data"]![i]!["embedding"]!.AsArray().Select(z => (float)z!).ToArray();
            var bytes = Convert.FromBase64String((string)packed["data"]![i]!["embedding"]!);
            Assert.Equal(vector, Enumerable.Range(0, vector.Length).Select(at => BitConverter.ToSingle(bytes, 4 * at)));
        }

        var fault = await server.Post(
            "/v1/embeddings", """{"input": "x", "dimensions": 7}""", HttpStatusCode.BadRequest);
        Assert.Equal("dimensions", (string)fault["error"]!["param"]!);
    }
}
