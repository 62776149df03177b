using Microsoft.Extensions.AI;
using Wisp.Serve.Http;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>Messages of /api/chat. Calls need no ids there: a result answers one by its place or its name.</summary>
internal static class OllamaMessages
{
    public static List<ChatMessage> Read(Fields request)
    {
        var messages = new List<ChatMessage>();
        var open = new List<(string Id, string Name)>(); // calls without a result
        foreach (var (value, path) in request.List("messages") ?? [])
        {
            var message = new Fields(value, path);
            Images(message);
            var text = message.Text("content") ?? "";
            switch (message.RequiredText("role"))
            {
                case "system":
                    messages.Add(new ChatMessage(ChatRole.System, text));
                    break;
                case "user":
                    messages.Add(new ChatMessage(ChatRole.User, text));
                    break;
                case "assistant":
                    messages.Add(new ChatMessage(ChatRole.Assistant, Answer(message, text, open)));
                    break;
                case "tool":
                    messages.Add(Result(message, text, open));
                    break;
                case var other:
                    throw MessageReader.OneOf(message.PathOf("role"), other, "system", "user", "assistant", "tool");
            }
        }

        return messages;
    }

    /// <summary>Refuses images: the model would answer as if it had seen them.</summary>
    public static void Images(Fields message)
    {
        if (message.List("images") is { Count: > 0 })
            throw ApiException.Invalid($"'{message.PathOf("images")}' is set; this model reads text only.",
                message.PathOf("images"));
    }

    private static List<AIContent> Answer(Fields message, string text, List<(string Id, string Name)> open)
    {
        var contents = new List<AIContent>();
        if (message.Text("thinking") is { Length: > 0 } thoughts)
            contents.Add(new TextReasoningContent(thoughts));
        if (text.Length > 0)
            contents.Add(new TextContent(text));
        foreach (var (value, path) in message.List("tool_calls") ?? [])
        {
            var call = new Fields(value, path);
            var function = call.RequiredObject("function");
            // Nine letters and digits, because templates of Mistral take no other id.
            var id = call.Text("id") ?? $"call{open.Count:00000}";
            var name = function.RequiredText("name");
            open.Add((id, name));
            var arguments = function.Object("arguments") is null ? []
                : function.Any("arguments")!.Value.EnumerateObject()
                    .ToDictionary(argument => argument.Name, argument => (object?)argument.Value.Clone());
            contents.Add(new FunctionCallContent(id, name, arguments));
        }

        return contents;
    }

    private static ChatMessage Result(Fields message, string text, List<(string Id, string Name)> open)
    {
        var name = message.Text("tool_name") ?? message.Text("name");
        var id = message.Text("tool_call_id");
        var at = open.FindIndex(call => id is not null ? call.Id == id : name is null || call.Name == name);
        if (at < 0)
            throw ApiException.Invalid($"'{message.PathOf("role")}' is tool, and no call of an earlier message waits " +
                $"for {(name is null ? "a result" : $"the result of '{name}'")}.", message.PathOf("role"));
        var call = open[at];
        open.RemoveAt(at);
        return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.Id, text)]);
    }
}
