using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// Conversations from the shapes that data comes in, told apart by the fields of each record: OpenAI's
/// <c>messages</c>, ShareGPT's <c>conversations</c>, and Alpaca's <c>instruction</c>, <c>input</c>, <c>output</c>.
/// </summary>
public static class ConversationReader
{
    /// <summary>Every shape that is read, for messages.</summary>
    public const string Shapes =
        "'messages' (OpenAI), 'conversations' (ShareGPT) or 'instruction' and 'output' (Alpaca)";

    /// <summary>
    /// The conversations of a file to learn from: each is whole and ends with a turn of the assistant.
    /// </summary>
    /// <param name="faulty">Is told of each record that is refused, which is then left out; null throws.</param>
    /// <exception cref="InvalidDataException">The message names the file and the line.</exception>
    public static IEnumerable<Conversation> Read(string path, Action<string>? faulty = null) =>
        JsonRecord.Read(path, Of, faulty);

    private static Conversation Of(JsonRecord record)
    {
        var conversation = (Bare(record) with { Tools = Tools(record) }).Validated(record.Where);
        return conversation.Turns[^1].Role == Role.Assistant ? conversation
            : throw record.Fault("the last turn is not the assistant's, so there is no answer to learn from it.");
    }

    /// <summary>The turns of a record of any shape, unchecked.</summary>
    internal static Conversation Bare(JsonRecord record) =>
        record.List("messages") is { } messages ? OfMessages(messages)
        : record.List("conversations") is { } turns ? OfShareGpt(turns)
        : record.Fields.ContainsKey("instruction") && record.Fields.ContainsKey("output") ? OfAlpaca(record)
        : throw record.Fault($"no conversation: the fields are {record.Names}; known are {Shapes}.");

    /// <summary>The turns of OpenAI's messages.</summary>
    internal static Conversation OfMessages(IReadOnlyList<JsonRecord> messages)
    {
        return new Conversation([.. messages.Select(message => new ConversationTurn(
            (message.Text("role") ?? throw message.Fault("has no 'role'.")) switch
            {
                "system" or "developer" => Role.System,
                "user" => Role.User,
                "assistant" => Role.Assistant,
                "tool" or "function" => Role.Tool,
                var other => throw message.Fault(
                    $"the role is '{CorpusFiles.Printable(other)}'; known are system, user, assistant and tool."),
            },
            Content(message))
        {
            Thought = message.Text("reasoning_content"),
            Calls = [.. (message.List("tool_calls") ?? []).Select(Call)],
        })]);
    }

    /// <summary>The prompt of Alpaca's shape, with the answer that is to follow it.</summary>
    internal static Conversation OfInstruction(JsonRecord record, string answer)
    {
        var instruction = (record.Text("instruction") ?? "").Trim();
        var input = (record.Text("input") ?? "").Trim();
        var turns = new List<ConversationTurn>();
        if (record.Text("system") is { Length: > 0 } system)
            turns.Add(new ConversationTurn(Role.System, system));
        turns.Add(new ConversationTurn(Role.User, input.Length == 0 ? instruction : $"{instruction}\n\n{input}"));
        turns.Add(new ConversationTurn(Role.Assistant, answer));
        return new Conversation(turns);
    }

    // The list itself, or a string with the list in it, as some sets have it.
    internal static JsonArray? Tools(JsonRecord record)
    {
        var node = record.Fields["tools"];
        if (node?.GetValueKind() == JsonValueKind.String)
            node = record.Parse($"{{\"tools\": {node.GetValue<string>()}}}", "tools")["tools"];
        return node switch
        {
            null => null,
            JsonArray { Count: 0 } => null,
            JsonArray tools => (JsonArray)tools.DeepClone(),
            _ => throw record.Fault("field 'tools' is no list of functions."),
        };
    }

    private static Conversation OfAlpaca(JsonRecord record) => OfInstruction(record, record.Text("output") ?? "");

    private static Conversation OfShareGpt(IReadOnlyList<JsonRecord> turns) => new([.. turns.Select(turn =>
    {
        var text = turn.Text("value") ?? throw turn.Fault("has no 'value'.");
        return (turn.Text("from") ?? throw turn.Fault("has no 'from'.")) switch
        {
            "system" => new ConversationTurn(Role.System, text),
            "human" or "user" => new ConversationTurn(Role.User, text),
            "gpt" or "assistant" or "chatgpt" or "bot" or "model" => new ConversationTurn(Role.Assistant, text),
            "function_call" => new ConversationTurn(Role.Assistant, "")
            {
                Calls = [Call(turn with { Fields = turn.Parse(text, "value") })],
            },
            "tool" or "observation" or "function_response" => new ConversationTurn(Role.Tool, text),
            var other => throw turn.Fault(
                $"'from' is '{CorpusFiles.Printable(other)}'; known are system, human, gpt, function_call and " +
                "observation."),
        };
    })]);

    // A text, or a list of parts of which only texts can be read.
    private static string Content(JsonRecord message)
    {
        if (message.Fields["content"] is not JsonArray)
            return message.Text("content") ?? "";
        return string.Concat(message.List("content")!.Select(part => part.Text("type") == "text"
            ? part.Text("text") : throw part.Fault("a part of the content is no text, and only text is read.")));
    }

    private static ToolCall Call(JsonRecord call)
    {
        var function = call.Fields["function"] is JsonObject inner ? call with { Fields = inner } : call;
        var arguments = function.Fields["arguments"] ?? function.Fields["parameters"];
        return new ToolCall(
            function.Text("name") ?? throw call.Fault("a call without the name of a function."),
            arguments switch
            {
                null => [],
                JsonObject fields => (JsonObject)fields.DeepClone(),
                _ when arguments.GetValueKind() == JsonValueKind.String =>
                    function.Parse(arguments.GetValue<string>(), "arguments"),
                _ => throw call.Fault("the arguments of a call are no object."),
            });
    }
}
