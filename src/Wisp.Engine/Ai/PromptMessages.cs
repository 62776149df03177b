using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Grammar;

namespace Wisp.Ai;

/// <summary>Messages and functions as chat templates expect them: the JSON of OpenAI's API.</summary>
internal static class PromptMessages
{
    /// <param name="instructions">Stand before all else in the system message.</param>
    /// <exception cref="ArgumentException">A message that no template could say.</exception>
    /// <exception cref="NotSupportedException">Content of a kind that the engine does not read.</exception>
    public static JsonArray Of(IEnumerable<ChatMessage> messages, string? instructions)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var all = messages.ToList();
        if (all.Count == 0)
            throw new ArgumentException("There are no messages; a chat needs one to answer.", nameof(messages));

        // Templates take one system message, at the beginning.
        var leading = all.FindIndex(message => message is not null && message.Role != ChatRole.System);
        leading = leading < 0 ? all.Count : leading;
        var system = new List<string>();
        if (!string.IsNullOrEmpty(instructions))
            system.Add(instructions);
        for (var i = 0; i < leading; i++)
            system.Add(new Contents(all[i], i).TextOnly());

        var json = new JsonArray();
        if (system.Count > 0)
            json.Add((JsonNode)new JsonObject { ["role"] = "system", ["content"] = string.Join("\n\n", system) });
        var names = new Dictionary<string, string>(); // of functions, by the id of their call
        for (var i = leading; i < all.Count; i++)
            Add(json, all[i], i, names);
        return json;
    }

    /// <summary>The functions that the model is told of.</summary>
    public static JsonArray Of(IEnumerable<AIFunctionDeclaration> functions)
    {
        var json = new JsonArray();
        foreach (var function in functions)
            json.Add((JsonNode)new JsonObject
            {
                ["type"] = "function",
                ["function"] = new JsonObject
                {
                    ["name"] = function.Name,
                    ["description"] = function.Description,
                    ["parameters"] = function.JsonSchema.ValueKind == JsonValueKind.Undefined ? new JsonObject()
                        : JsonNode.Parse(function.JsonSchema.GetRawText()),
                },
            });
        return json;
    }

    private static void Add(JsonArray json, ChatMessage? message, int index, Dictionary<string, string> names)
    {
        var contents = new Contents(message, index);
        if (message!.Role == ChatRole.Tool)
        {
            foreach (var result in contents.Results())
                json.Add((JsonNode)new JsonObject
                {
                    ["role"] = "tool", ["content"] = Written(result.Result, $"the result of call '{result.CallId}'"),
                    ["tool_call_id"] = result.CallId, ["name"] = names.GetValueOrDefault(result.CallId, ""),
                });
            return;
        }

        var said = new JsonObject { ["role"] = message.Role.Value };
        json.Add((JsonNode)said);
        if (message.Role == ChatRole.User || message.Role == ChatRole.System)
        {
            said["content"] = contents.TextOnly();
            return;
        }

        if (message.Role != ChatRole.Assistant)
            throw new ArgumentException(
                $"Message {index} has the role '{message.Role.Value}'; there are system, user, assistant and tool.");
        var (text, thoughts, calls) = contents.Answer();
        said["content"] = text;
        if (thoughts.Length > 0)
            said["reasoning_content"] = thoughts;
        if (calls.Count == 0)
            return;
        var list = new JsonArray();
        foreach (var call in calls)
        {
            names[call.CallId] = call.Name;
            list.Add((JsonNode)new JsonObject
            {
                ["id"] = call.CallId, ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = Arguments(call) },
            });
        }

        said["tool_calls"] = list;
    }

    private static JsonNode Arguments(FunctionCallContent call)
    {
        var arguments = new JsonObject();
        foreach (var (name, value) in call.Arguments ?? new Dictionary<string, object?>())
            arguments[name] = NodeOf(value, $"argument '{name}' of the call '{call.CallId}'");
        return arguments;
    }

    private static string Written(object? value, string what) => value switch
    {
        null => "",
        string text => text,
        TextContent text => text.Text,
        AIContent other => throw new NotSupportedException(
            $"{what} holds a {other.GetType().Name}; this model reads text and JSON."),
        IEnumerable<AIContent> several => string.Concat(several.Select(content => Written(content, what))),
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        _ => JsonText.Written(NodeOf(value, what)),
    };

    private static JsonNode? NodeOf(object? value, string what)
    {
        try
        {
            return value is null ? null
                : JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType()));
        }
        catch (Exception e) when (e is NotSupportedException or JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"{what} is a {value!.GetType().Name} that cannot be written as JSON: " +
                $"{e.Message} Give it as a string or a JsonElement.", e);
        }
    }

    /// <summary>The contents of one message, each of a kind that its role may have.</summary>
    private sealed class Contents
    {
        private readonly ChatMessage _message;
        private readonly int _index;

        public Contents(ChatMessage? message, int index)
        {
            (_message, _index) = (message ?? throw new ArgumentException($"Message {index} is null."), index);
        }

        public string TextOnly() =>
            string.Concat(Own().Select(content => content is TextContent text ? text.Text : throw Unread(content)));

        public List<FunctionResultContent> Results()
        {
            List<FunctionResultContent> results =
                [.. Own().Select(content => content as FunctionResultContent ?? throw Unread(content))];
            return results.Count > 0 ? results
                : throw new ArgumentException($"Message {_index} of role tool holds no FunctionResultContent.");
        }

        public (string Text, string Thoughts, List<FunctionCallContent> Calls) Answer()
        {
            var (text, thoughts, calls) = ("", "", new List<FunctionCallContent>());
            foreach (var content in Own())
            {
                switch (content)
                {
                    case TextReasoningContent thought:
                        thoughts += thought.Text;
                        break;
                    case TextContent said:
                        text += said.Text;
                        break;
                    case FunctionCallContent call:
                        calls.Add(call);
                        break;
                    default:
                        throw Unread(content);
                }
            }

            return (text, thoughts, calls);
        }

        // What an earlier answer cost says nothing to the model.
        private IEnumerable<AIContent> Own() => _message.Contents.Where(content => content is not UsageContent);

        private NotSupportedException Unread(AIContent content) => new(
            $"Message {_index} of role {_message.Role.Value} holds a {content.GetType().Name}; this model reads " +
            (_message.Role == ChatRole.Tool ? "FunctionResultContent there."
            : _message.Role == ChatRole.Assistant ? "TextContent, TextReasoningContent and FunctionCallContent there."
            : "TextContent there."));
    }
}
