using System.Net;
using System.Text.Json.Nodes;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>/v1/responses: answers that remember.</summary>
public class ResponsesTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Path = "/v1/responses";

    [Fact]
    public async Task A_response_comes_whole_or_in_events_and_is_the_same()
    {
        const string Ask = """
            "model": "wisp-chat", "input": "Tell me a story.", "max_output_tokens": 12, "seed": 4,
            "metadata": {"a": "b"}
            """;
        var whole = await server.Post(Path, $$"""{ {{Ask}} }""");
        Assert.Equal("response", (string)whole["object"]!);
        Assert.Equal("b", (string)whole["metadata"]!["a"]!);
        Assert.Equal("incomplete", (string)whole["status"]!);
        Assert.Equal("max_output_tokens", (string)whole["incomplete_details"]!["reason"]!);
        var text = (string)whole["output"]![0]!["content"]![0]!["text"]!;

        var events = await Events($$"""{ {{Ask}}, "stream": true }""");
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(one => (int)one["sequence_number"]!));
        string[] frame = ["response.created", "response.in_progress", "response.output_item.added",
            "response.content_part.added"];
        Assert.Equal(frame, events.Take(4).Select(Type));
        Assert.Equal(["response.output_text.done", "response.content_part.done", "response.output_item.done",
            "response.incomplete"], events.TakeLast(4).Select(Type));
        Assert.All(events[4..^4], one => Assert.Equal("response.output_text.delta", Type(one)));
        Assert.Equal(text, string.Concat(events[4..^4].Select(one => (string)one["delta"]!)));
        Assert.Equal(whole["usage"]!["output_tokens"]!.ToJsonString(),
            events[^1]["response"]!["usage"]!["output_tokens"]!.ToJsonString());

        static string Type(JsonNode one) => (string)one["type"]!;
    }

    [Fact]
    public async Task A_response_goes_on_from_one_that_was_kept()
    {
        var first = await server.Post(Path, """{"input": "I am Ada.", "max_output_tokens": 5, "seed": 1}""");
        var id = (string)first["id"]!;
        var answer = (string)first["output"]![0]!["content"]![0]!["text"]!;
        var next = await server.Post(Path, $$"""
            {"input": "Who am I?", "previous_response_id": "{{id}}", "max_output_tokens": 5, "seed": 2}
            """);
        // The same as all of it sent at once.
        var all = await server.Post("/v1/chat/completions", $$"""
            {"messages": [{"role": "user", "content": "I am Ada."}, {"role": "assistant",
             "content": {{LiveServer.Quoted(answer)}} }, {"role": "user", "content": "Who am I?"}],
             "max_tokens": 5, "seed": 2}
            """);
        Assert.Equal((string)all["choices"]![0]!["message"]!["content"]!,
            (string)next["output"]![0]!["content"]![0]!["text"]!);
        Assert.Equal((int)all["usage"]!["prompt_tokens"]!, (int)next["usage"]!["input_tokens"]!);

        Assert.Equal(answer, (string)(await server.Get($"{Path}/{id}"))["output"]![0]!["content"]![0]!["text"]!);
        var items = await server.Get($"{Path}/{id}/input_items");
        Assert.Equal("I am Ada.", (string)items["data"]![0]!["content"]![0]!["text"]!);
        using var deleted = await server.Http.DeleteAsync($"{Path}/{id}");
        Assert.True(deleted.IsSuccessStatusCode);
        await server.Get($"{Path}/{id}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_is_not_to_be_kept_is_not()
    {
        var reply = await server.Post(Path, """{"input": "x", "max_output_tokens": 2, "store": false}""");
        await server.Get($"{Path}/{(string)reply["id"]!}", HttpStatusCode.NotFound);
        var fault = await server.Post(Path, $$"""
            {"input": "y", "previous_response_id": "{{(string)reply["id"]!}}"}
            """, HttpStatusCode.BadRequest);
        Assert.Equal("previous_response_not_found", (string)fault["error"]!["code"]!);
    }

    [Fact]
    public async Task Functions_are_called_and_their_results_are_read()
    {
        const string Tools = """
            "tools": [{"type": "function", "name": "city", "parameters": {"type": "object", "properties":
             {"name": {"type": "string", "maxLength": 8}}, "required": ["name"], "additionalProperties": false}}]
            """;
        const string Ask = """
            "input": "Where?", "tool_choice": "required", "seed": 6, "max_output_tokens": 90
            """;
        var events = await Events($$"""{ {{Ask}}, {{Tools}}, "stream": true }""");
        var response = events[^1]["response"]!;
        var call = response["output"]![0]!;
        Assert.Equal(("function_call", "city", "completed"),
            ((string)call["type"]!, (string)call["name"]!, (string)call["status"]!));
        var pieces = events.Where(one => (string)one["type"]! == "response.function_call_arguments.delta").ToList();
        Assert.True(pieces.Count > 1);
        Assert.Equal((string)call["arguments"]!, string.Concat(pieces.Select(piece => (string)piece["delta"]!)));
        var next = await server.Post(Path, $$"""
            {"previous_response_id": "{{(string)response["id"]!}}", "max_output_tokens": 3, {{Tools}}, "input":
             [{"type": "function_call_output", "call_id": "{{(string)call["call_id"]!}}", "output": "Bern"}]}
            """);
        Assert.Equal("message", (string)next["output"]![0]!["type"]!);
    }

    [Fact]
    public async Task What_was_kept_is_there_after_the_server_was_started_anew()
    {
        var path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Guid.NewGuid():N}.db");
        try
        {
            string id;
            await using (var one = await LiveServer.Open(new ServeOptions { Database = path }))
                id = (string)(await one.Post(Path, """{"input": "x", "max_output_tokens": 2}"""))["id"]!;
            await using var two = await LiveServer.Open(new ServeOptions { Database = path });
            Assert.Equal(id, (string)(await two.Get($"{Path}/{id}"))["id"]!);
        }
        finally
        {
            foreach (var file in Directory.GetFiles(System.IO.Path.GetDirectoryName(path)!,
                System.IO.Path.GetFileName(path) + "*"))
                File.Delete(file);
        }
    }

    [Theory]
    [InlineData("{}", "input")]
    [InlineData("""{"input": [{"type": "web_search_call"}]}""", "input[0].type")]
    [InlineData("""{"input": [{"role": "user", "content": [{"type": "input_image"}]}]}""", "input[0].content[0]")]
    [InlineData("""{"input": "x", "background": true}""", "background")]
    [InlineData("""{"input": "x", "messages": []}""", "messages")]
    [InlineData("""{"input": "x", "text": {"format": {"type": "xml"}}}""", "text.format.type")]
    public async Task A_faulty_request_is_told_what_is_wrong(string body, string param)
    {
        var error = (await server.Post(Path, body, HttpStatusCode.BadRequest))["error"]!;
        Assert.Equal(param, (string)error["param"]!);
    }

    private async Task<List<JsonNode>> Events(string body)
    {
        using var response = await server.Http.PostAsync(Path, LiveServer.Body(body));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        var events = new List<JsonNode>();
        foreach (var one in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = one.Split('\n');
            events.Add(JsonNode.Parse(lines[1]["data: ".Length..])!);
            Assert.Equal($"event: {(string)events[^1]["type"]!}", lines[0]);
        }

        return events;
    }
}
