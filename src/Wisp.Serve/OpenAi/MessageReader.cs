using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi;

/// <summary>Messages and tools of /v1/chat/completions.</summary>
internal static class MessageReader
{
    public static List<ChatMessage> Messages(Fields request)
    {
        var list = request.RequiredList("messages");
        if (list.Count == 0)
            throw ApiException.Invalid("Invalid 'messages': empty array. Expected an array with minimum length 1, " +
                "but got an empty array instead.", "messages", "empty_array");
        return [.. list.Select(item => Message(new Fields(item.Value, item.Path)))];
    }

    public static List<AITool> Tools(Fields request)
    {
        request.Refuse("functions", "it was replaced by 'tools'.");
        request.Refuse("function_call", "it was replaced by 'tool_choice'.");
        return [.. (request.List("tools") ?? []).Select(item => Tool(new Fields(item.Value, item.Path)))];
    }

    /// <summary>Which tools may or must be called.</summary>
    public static ChatToolMode? Choice(Fields request)
    {
        if (request.Any("tool_choice") is not { } choice)
            return null;
        if (choice.ValueKind == JsonValueKind.String)
            return choice.GetString() switch
            {
                "auto" => ChatToolMode.Auto,
                "none" => ChatToolMode.None,
                "required" => ChatToolMode.RequireAny,
                var other => throw OneOf("tool_choice", other, "none", "auto", "required"),
            };
        var fields = new Fields(choice, "tool_choice");
        if (fields.RequiredText("type") is not "function" and var type)
            throw OneOf("tool_choice.type", type, "function");
        var mode = ChatToolMode.RequireSpecific(fields.Has("function")
            ? fields.RequiredObject("function").RequiredText("name") : fields.RequiredText("name"));
        return mode;
    }

    /// <summary>Text, JSON, or JSON of a schema.</summary>
    public static ChatResponseFormat? Format(Fields request)
    {
        if (request.Object("response_format") is not { } format)
            return null;
        switch (format.RequiredText("type"))
        {
            case "text":
                return ChatResponseFormat.Text;
            case "json_object":
                // llama.cpp's way to give a schema.
                return format.Any("schema") is { } direct
                    ? ChatResponseFormat.ForJsonSchema(direct.Clone()) : ChatResponseFormat.Json;
            case "json_schema":
                var schema = format.RequiredObject("json_schema");
                schema.Ignore("strict"); // every schema is kept to the letter
                var name = schema.RequiredText("name");
                var description = schema.Text("description");
                var given = schema.Any("schema");
                schema.RefuseUnknown();
                return given is { } element ? ChatResponseFormat.ForJsonSchema(element.Clone(), name, description)
                    : ChatResponseFormat.Json;
            case var other:
                throw OneOf("response_format.type", other, "text", "json_object", "json_schema");
        }
    }

    public static ApiException OneOf(string path, string? found, params ReadOnlySpan<string> wanted) =>
        ApiException.Invalid($"Invalid value: '{found}'. Supported values are: '{string.Join("', '", wanted)}'.",
            path, "invalid_value");

    private static ChatMessage Message(Fields message)
    {
        message.Ignore("name", "audio", "annotations");
        switch (message.RequiredText("role"))
        {
            case "system" or "developer":
                return new ChatMessage(ChatRole.System, Content(message) ?? throw message.Missing("content"));
            case "user":
                return new ChatMessage(ChatRole.User, Content(message) ?? throw message.Missing("content"));
            case "assistant":
                return new ChatMessage(ChatRole.Assistant, Answer(message));
            case "tool":
                var result = new FunctionResultContent(
                    message.RequiredText("tool_call_id"), Content(message) ?? throw message.Missing("content"));
                return new ChatMessage(ChatRole.Tool, [result]);
            case var other:
                throw OneOf(message.PathOf("role"), other, "system", "developer", "user", "assistant", "tool");
        }
    }

    private static List<AIContent> Answer(Fields message)
    {
        var contents = new List<AIContent>();
        if (message.Text("reasoning_content") is { Length: > 0 } thoughts)
            contents.Add(new TextReasoningContent(thoughts));
        var text = Content(message) ?? message.Text("refusal");
        if (!string.IsNullOrEmpty(text))
            contents.Add(new TextContent(text));
        foreach (var (value, path) in message.List("tool_calls") ?? [])
        {
            var call = new Fields(value, path);
            if (call.Text("type") is { } type and not "function")
                throw OneOf(call.PathOf("type"), type, "function");
            var function = call.RequiredObject("function");
            contents.Add(new FunctionCallContent(call.RequiredText("id"), function.RequiredText("name"),
                Arguments(function)));
        }

        if (contents.Count == 0 && text is null)
            throw message.Missing("content");
        return contents;
    }

    /// <summary>Arguments of a call as OpenAI has them: JSON in a string.</summary>
    public static Dictionary<string, object?> Arguments(Fields function)
    {
        var json = function.RequiredText("arguments");
        try
        {
            using var document = JsonDocument.Parse(json.Length == 0 ? "{}" : json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document.RootElement.EnumerateObject().ToDictionary(
                    argument => argument.Name, argument => (object?)argument.Value.Clone());
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Told below.
        }

        throw ApiException.Invalid($"Invalid value for '{function.PathOf("arguments")}': it must be a JSON object in " +
            "a string.", function.PathOf("arguments"), "invalid_value");
    }

    /// <summary>Text, or parts of text; null where there is none.</summary>
    public static string? Content(Fields message, string name = "content")
    {
        if (message.Any(name) is not { } content)
            return null;
        if (content.ValueKind != JsonValueKind.Array)
            return content.ValueKind == JsonValueKind.String ? message.Text(name)
                : throw Fields.WrongType(message.PathOf(name), "a string or an array of parts", content);
        var text = new StringBuilder();
        foreach (var (value, path) in message.List(name)!)
        {
            var part = new Fields(value, path);
            text.Append(part.RequiredText("type") switch
            {
                "text" or "input_text" or "output_text" => part.RequiredText("text"),
                "refusal" => part.RequiredText("refusal"),
                var other => throw ApiException.Invalid($"'{path}' is of type '{other}'; this model reads text only.",
                    path, "unsupported_content"),
            });
        }

        return text.ToString();
    }

    private static AIFunctionDeclaration Tool(Fields tool)
    {
        if (tool.RequiredText("type") is not "function" and var type)
            throw ApiException.Invalid($"'{tool.PathOf("type")}' is '{type}'; only functions can be called here.",
                tool.PathOf("type"), "unsupported_tool");
        return Function(tool.RequiredObject("function"));
    }

    public static AIFunctionDeclaration Function(Fields function)
    {
        function.Ignore("strict", "type"); // arguments of a call that is demanded always keep to their schema
        var parameters = function.Object("parameters") is not null
            ? function.Any("parameters")!.Value.Clone() : JsonElement.Parse("""{"type":"object","properties":{}}""");
        var declaration = AIFunctionFactory.CreateDeclaration(
            function.RequiredText("name"), function.Text("description") ?? "", parameters);
        function.RefuseUnknown();
        return declaration;
    }
}
