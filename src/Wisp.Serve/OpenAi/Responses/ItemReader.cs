using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>The items of a response's input, and of earlier outputs, as messages.</summary>
internal static class ItemReader
{
    /// <summary>Adds the messages that the items are.</summary>
    public static void Read(List<ChatMessage> messages, IEnumerable<(JsonElement Value, string Path)> items)
    {
        foreach (var (value, path) in items)
            Read(messages, new Fields(value, path));
    }

    private static void Read(List<ChatMessage> messages, Fields item)
    {
        switch (item.Text("type") ?? "message")
        {
            case "message":
                var text = MessageReader.Content(item) ?? throw item.Missing("content");
                switch (item.RequiredText("role"))
                {
                    case "system" or "developer":
                        messages.Add(new ChatMessage(ChatRole.System, text));
                        break;
                    case "user":
                        messages.Add(new ChatMessage(ChatRole.User, text));
                        break;
                    case "assistant":
                        Answer(messages).Contents.Add(new TextContent(text));
                        break;
                    case var other:
                        throw MessageReader.OneOf(
                            item.PathOf("role"), other, "system", "developer", "user", "assistant");
                }

                break;
            case "function_call":
                Answer(messages).Contents.Add(new FunctionCallContent(
                    item.RequiredText("call_id"), item.RequiredText("name"), MessageReader.Arguments(item)));
                break;
            case "function_call_output":
                messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(item.RequiredText("call_id"),
                    MessageReader.Content(item, "output") ?? throw item.Missing("output"))]));
                break;
            case "reasoning":
                foreach (var (value, path) in item.List("content") ?? [])
                    Answer(messages).Contents.Add(
                        new TextReasoningContent(new Fields(value, path).RequiredText("text")));
                break;
            case var other:
                throw MessageReader.OneOf(item.PathOf("type"), other, "message", "function_call",
                    "function_call_output", "reasoning");
        }
    }

    // What the assistant said, thought and called one after another is one message of it.
    private static ChatMessage Answer(List<ChatMessage> messages)
    {
        if (messages.Count == 0 || messages[^1].Role != ChatRole.Assistant)
            messages.Add(new ChatMessage(ChatRole.Assistant, new List<AIContent>()));
        return messages[^1];
    }
}
