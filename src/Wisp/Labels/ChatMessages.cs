using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Train.Align.Conversations;

namespace Wisp.Labels;

/// <summary>Conversations of data files as the messages of a chat client, and its answers as turns.</summary>
internal static class ChatMessages
{
    public static List<ChatMessage> Of(Conversation conversation)
    {
        var messages = new List<ChatMessage>();
        var (calls, results) = (0, 0);
        foreach (var turn in conversation.Turns)
            messages.Add(turn.Role switch
            {
                Role.System => new ChatMessage(ChatRole.System, turn.Text),
                Role.User => new ChatMessage(ChatRole.User, turn.Text),
                // Data files rarely carry ids: results follow their calls in order.
                Role.Tool => new ChatMessage(
                    ChatRole.Tool, [new FunctionResultContent($"call-{results++}", turn.Text)]),
                _ => new ChatMessage(ChatRole.Assistant,
                [
                    .. turn.Thought is { Length: > 0 } thought ? [new TextReasoningContent(thought)] : (AIContent[])[],
                    .. turn.Text.Length > 0 ? [new TextContent(turn.Text)] : (AIContent[])[],
                    .. turn.Calls.Select(call => new FunctionCallContent(
                        $"call-{calls++}", call.Name, call.Arguments.ToDictionary(
                            pair => pair.Key, pair => (object?)Element(pair.Value)))),
                ]),
            });
        return messages;
    }

    /// <summary>The functions of a conversation; null where it has none.</summary>
    public static List<AITool>? ToolsOf(Conversation conversation) => conversation.Tools?.Select(tool =>
    {
        var function = tool?["function"] ?? tool;
        return (AITool)AIFunctionFactory.CreateDeclaration(
            function?["name"]?.GetValue<string>() ?? "", function?["description"]?.GetValue<string>(),
            Element(function?["parameters"] ?? new JsonObject()));
    }).ToList();

    /// <summary>What was answered, as the assistant's turn.</summary>
    public static ConversationTurn TurnOf(ChatResponse response)
    {
        AIContent[] contents = [.. response.Messages.SelectMany(message => message.Contents)];
        var thought = string.Concat(contents.OfType<TextReasoningContent>().Select(content => content.Text)).Trim();
        return new ConversationTurn(
            Role.Assistant, string.Concat(contents.OfType<TextContent>().Select(content => content.Text)).Trim())
        {
            Thought = thought.Length > 0 ? thought : null,
            Calls = [.. contents.OfType<FunctionCallContent>().Select(call => new ToolCall(
                call.Name, JsonSerializer.SerializeToNode(
                    call.Arguments ?? new Dictionary<string, object?>(),
                    AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)))!.AsObject()))],
        };
    }

    // Without reflection, which a program compiled ahead of time has none of.
    private static JsonElement Element(JsonNode? node)
    {
        using var document = JsonDocument.Parse(node?.ToJsonString() ?? "null");
        return document.RootElement.Clone();
    }
}
