using System.Text;
using System.Text.Json.Nodes;

namespace Wisp.Tests.Serve;

/// <summary>
/// Requests made from valid ones by replacing, removing and renaming what they hold, and bytes that are no JSON: each
/// is answered or refused with a reason, none is a fault of the server.
/// </summary>
public class RequestFuzzTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Tool = """
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
         "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}
        """;

    public static TheoryData<string, string> Valid => new()
    {
        { "/v1/chat/completions", $$$$"""
            {"model": "wisp-chat", "messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]},
             {"role": "user", "content": "y"}, {"role": "assistant", "tool_calls": [{"id": "abcdefghi",
             "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
             {"role": "tool", "tool_call_id": "abcdefghi", "content": "z"}], "tools": [{{{{Tool}}}}],
             "tool_choice": "auto",
             "temperature": 1, "top_p": 0.5, "seed": 3, "stop": ["q"], "logit_bias": {"5": 1}, "n": 1,
             "max_tokens": 1, "logprobs": true, "top_logprobs": 1, "stream_options": {"include_usage": true},
             "response_format": {"type": "text"}, "reasoning_effort": "none"}
            """ },
        { "/v1/completions", """
            {"prompt": ["x", [5, 6]], "max_tokens": 1, "n": 2, "echo": false, "logprobs": 1, "stop": "q", "seed": 1,
             "grammar": "root ::= \"a\"+", "top_k": 5, "dry_multiplier": 0.5, "dry_sequence_breakers": ["\n"]}
            """ },
        { "/v1/embeddings", """{"input": ["x", [5, 6]], "encoding_format": "float", "user": "u"}""" },
        { "/api/chat", $$$$"""
            {"model": "wisp-chat", "messages": [{"role": "user", "content": "x", "images": []}, {"role": "assistant",
             "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, {"role": "tool",
             "tool_name": "f", "content": "2"}], "tools": [{{{{Tool}}}}], "format": {"type": "object"}, "stream": false,
             "keep_alive": "5m", "options": {"num_predict": 1, "temperature": 0.5, "stop": ["q"]}}
            """ },
        { "/api/generate", """
            {"model": "wisp-chat", "prompt": "x", "system": "s", "raw": true, "format": "json", "stream": false,
             "options": {"num_predict": 1, "mirostat": 2}}
            """ },
        { "/detokenize", """{"tokens": [5, 6, 7]}""" },
    };

    [Theory, MemberData(nameof(Valid)), Trait("cost", "medium")]
    public async Task A_request_that_was_changed_is_answered_or_refused_with_a_reason(string path, string valid)
    {
        var random = new Random(5);
        for (var i = 0; i < 120; i++)
        {
            var body = Changed(JsonNode.Parse(valid)!, random);
            if (i % 6 == 0) // no JSON, most of them
            {
                var bytes = Encoding.UTF8.GetBytes(body);
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                body = Encoding.Latin1.GetString(bytes.AsSpan(0, random.Next(1, bytes.Length + 1)));
            }

            using var response = await server.Http.PostAsync(path, LiveServer.Body(body));
            var text = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode is 200 or 400 or 404, $"{(int)response.StatusCode}: {text}\n{body}");
            if (!response.IsSuccessStatusCode)
                Assert.True(JsonNode.Parse(text)!["error"]!.ToJsonString().Length > 12, text);
        }

        Assert.Equal("ok", (string)(await server.Get("/health"))["status"]!);
        // A changed keep_alive may have let the model go.
        while (server.Server.Models.Loaded.Any(loaded => loaded.Model.Writer.Engine.Use.Used > 0))
            await Task.Yield();
    }

    private static string Changed(JsonNode root, Random random)
    {
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var places = new List<JsonNode>();
            Collect(root, places);
            var parent = places[random.Next(places.Count)];
            if (parent is JsonObject map && map.Count > 0)
            {
                var name = map.ElementAt(random.Next(map.Count)).Key;
                // How much is written stays as it was, or a test would take long.
                if (name is "max_tokens" or "num_predict")
                    continue;
                if (random.Next(5) == 0)
                    map.Remove(name);
                else if (random.Next(6) == 0)
                    map[name + "s"] = Any(random);
                else
                    map[name] = Any(random);
            }
            else if (parent is JsonArray list && list.Count > 0)
            {
                list[random.Next(list.Count)] = Any(random);
            }
        }

        return root.ToJsonString();
    }

    private static void Collect(JsonNode? node, List<JsonNode> places)
    {
        if (node is JsonObject or JsonArray)
            places.Add(node);
        foreach (var child in node switch
        {
            JsonObject map => map.Select(pair => pair.Value),
            JsonArray list => list,
            _ => (IEnumerable<JsonNode?>)[],
        })
            Collect(child, places);
    }

    private static JsonNode? Any(Random random) => random.Next(12) switch
    {
        0 => null,
        1 => JsonValue.Create(true),
        2 => JsonValue.Create(-1),
        3 => JsonValue.Create(random.Next()),
        4 => JsonValue.Create(1e300),
        5 => JsonValue.Create(0.5),
        6 => JsonValue.Create(""),
        7 => JsonValue.Create("x\u0000<|im_end|>"),
        8 => new JsonArray(),
        9 => new JsonArray(JsonValue.Create(1), JsonValue.Create("x"), null),
        10 => new JsonObject(),
        _ => new JsonObject { ["type"] = "function", ["x"] = new JsonArray() },
    };
}
