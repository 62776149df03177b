using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>A request to /v1/responses, read and checked.</summary>
internal sealed record ResponseRequest
{
    private const int MaxLogProbabilities = 20;

    /// <summary>What was said, without what earlier responses hold.</summary>
    public required List<ChatMessage> Messages { get; init; }

    public required ChatOptions Options { get; init; }

    /// <summary>The items of the input, to be kept with the response.</summary>
    public required JsonArray Input { get; init; }

    /// <summary>The response whose conversation goes on.</summary>
    public string? Previous { get; private init; }

    /// <summary>Whether the response is kept.</summary>
    public bool Store { get; private init; }

    public bool Stream { get; private init; }

    /// <summary>What a response repeats of its request.</summary>
    public required JsonObject Echo { get; init; }

    /// <exception cref="ApiException">The request is none.</exception>
    public static ResponseRequest Read(Fields fields, int vocabulary)
    {
        fields.Ignore("model", "include", "max_tool_calls", "prompt_cache_key", "prompt_cache_retention",
            "safety_identifier", "service_tier", "stream_options");
        fields.Refuse("background", "a response is written only while somebody waits for it.");
        fields.Refuse("conversation", "use 'previous_response_id' instead.");
        fields.Refuse("prompt", "no prompts are kept here; send the text itself.");
        if (fields.Text("truncation") is { } cut and not "disabled")
            throw MessageReader.OneOf("truncation", cut, "disabled");
        if (fields.Any("metadata") is { ValueKind: not JsonValueKind.Object } faulty)
            throw Fields.WrongType("metadata", "an object", faulty);

        var sampling = SamplingFields.Read(fields, new Sampling(), vocabulary);
        var scores = fields.Count("top_logprobs", 0, MaxLogProbabilities);
        var native = new WispChatOptions { Sampling = sampling, LogProbabilities = scores, StreamCalls = true };
        var options = new ChatOptions
        {
            Instructions = fields.Text("instructions"), MaxOutputTokens = fields.Count("max_output_tokens", 1),
            Tools = [.. (fields.List("tools") ?? []).Select(item => Tool(new Fields(item.Value, item.Path)))],
            ToolMode = MessageReader.Choice(fields), AllowMultipleToolCalls = fields.Flag("parallel_tool_calls"),
            ResponseFormat = Format(fields), Reasoning = Reasoning(fields),
            Seed = SamplingFields.Seed(fields) is { } seed ? unchecked((long)seed) : null,
            RawRepresentationFactory = _ => native,
        };
        var (messages, input) = Items(fields);
        var request = new ResponseRequest
        {
            Messages = messages, Input = input, Options = options, Echo = EchoOf(fields, sampling),
            Previous = fields.Text("previous_response_id"), Store = fields.Flag("store") ?? true,
            Stream = fields.Flag("stream") ?? false,
        };
        fields.RefuseUnknown();
        return request;
    }

    private static (List<ChatMessage> Messages, JsonArray Input) Items(Fields fields)
    {
        var messages = new List<ChatMessage>();
        if (fields.Any("input") is not { } given)
            throw fields.Missing("input");
        if (given.ValueKind == JsonValueKind.String)
        {
            var text = Fields.TextOf(given, "input");
            messages.Add(new ChatMessage(ChatRole.User, text));
            return (messages, new JsonArray(new JsonObject
            {
                ["type"] = "message", ["role"] = "user",
                ["content"] = new JsonArray(new JsonObject { ["type"] = "input_text", ["text"] = text }),
            }));
        }

        if (given.ValueKind != JsonValueKind.Array)
            throw Fields.WrongType("input", "a string or an array of items", given);
        ItemReader.Read(messages, fields.List("input")!);
        return (messages, JsonArray.Create(given.Clone())!);
    }

    private static AITool Tool(Fields tool)
    {
        if (tool.RequiredText("type") is not "function" and var type)
            throw ApiException.Invalid($"'{tool.PathOf("type")}' is '{type}'; only functions can be called here.",
                tool.PathOf("type"), "unsupported_tool");
        return MessageReader.Function(tool);
    }

    private static ChatResponseFormat? Format(Fields fields)
    {
        if (fields.Object("text") is not { } text)
            return null;
        text.Ignore("verbosity");
        var format = text.Object("format");
        text.RefuseUnknown();
        switch (format?.RequiredText("type"))
        {
            case null or "text":
                return null;
            case "json_object":
                return ChatResponseFormat.Json;
            case "json_schema":
                format.Ignore("strict"); // every schema is kept to the letter
                _ = format.RequiredObject("schema");
                return ChatResponseFormat.ForJsonSchema(format.Any("schema")!.Value.Clone(),
                    format.RequiredText("name"), format.Text("description"));
            case var other:
                throw MessageReader.OneOf(format.PathOf("type"), other, "text", "json_object", "json_schema");
        }
    }

    private static ReasoningOptions? Reasoning(Fields fields)
    {
        if (fields.Object("reasoning") is not { } reasoning)
            return null;
        reasoning.Ignore("summary", "generate_summary"); // thoughts are told as they are
        var options = ChatRequest.Reasoning(reasoning.Text("effort"));
        reasoning.RefuseUnknown();
        return options;
    }

    // OpenAI's order of the fields; what was left out has its default.
    private static JsonObject EchoOf(Fields fields, Sampling sampling) => new()
    {
        ["instructions"] = Node(fields, "instructions"), ["max_output_tokens"] = Node(fields, "max_output_tokens"),
        ["parallel_tool_calls"] = fields.Flag("parallel_tool_calls") ?? true,
        ["previous_response_id"] = Node(fields, "previous_response_id"),
        ["reasoning"] = Node(fields, "reasoning") ?? new JsonObject { ["effort"] = null, ["summary"] = null },
        ["store"] = fields.Flag("store") ?? true, ["temperature"] = sampling.Temperature,
        ["text"] = Node(fields, "text")
            ?? new JsonObject { ["format"] = new JsonObject { ["type"] = "text" } },
        ["tool_choice"] = Node(fields, "tool_choice") ?? "auto", ["tools"] = Node(fields, "tools") ?? new JsonArray(),
        ["top_p"] = sampling.TopP, ["truncation"] = "disabled", ["user"] = Node(fields, "user"),
        ["metadata"] = Node(fields, "metadata") ?? new JsonObject(),
    };

    private static JsonNode? Node(Fields fields, string name) => fields.Any(name) is not { } value ? null
        : value.ValueKind switch
        {
            JsonValueKind.Object => JsonObject.Create(value.Clone()),
            JsonValueKind.Array => JsonArray.Create(value.Clone()),
            _ => JsonValue.Create(value.Clone()),
        };
}
