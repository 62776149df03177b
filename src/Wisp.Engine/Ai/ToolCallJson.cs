using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Grammar;

namespace Wisp.Ai;

/// <summary>Calls of functions as models write them in JSON.</summary>
internal static class ToolCallJson
{
    /// <summary>
    /// The calls in an object, or in a list of them; null where one of them is none. The arguments stand under
    /// "arguments" or "parameters", as an object or as a string that holds one; without them there are none.
    /// </summary>
    public static List<FunctionCallContent>? ReadCalls(string json, Func<string> newCallId) => Read(json, root =>
    {
        var calls = new List<FunctionCallContent>();
        foreach (var item in root.ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray()] : new[] { root })
        {
            if (item.ValueKind != JsonValueKind.Object
                || !item.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String
                || name.GetString() is not { Length: > 0 } text || ArgumentsOf(item) is not { } arguments)
                return null;
            calls.Add(new FunctionCallContent(newCallId(), text, arguments));
        }

        return calls.Count > 0 ? calls : null;
    });

    /// <summary>The arguments alone, or null where the text is no object.</summary>
    public static Dictionary<string, object?>? ReadArguments(string json) => Read(json, Members);

    /// <summary>The JSON of arguments that were read here.</summary>
    public static string Written(IDictionary<string, object?>? arguments)
    {
        var json = new JsonObject();
        foreach (var (name, value) in arguments ?? new Dictionary<string, object?>())
            json[name] = value is JsonElement element ? JsonNode.Parse(element.GetRawText()) : null;
        return JsonText.Written(json);
    }

    private static Dictionary<string, object?>? ArgumentsOf(JsonElement call)
    {
        if (!call.TryGetProperty("arguments", out var found) && !call.TryGetProperty("parameters", out found))
            return [];
        return found.ValueKind switch
        {
            JsonValueKind.Object => Members(found),
            JsonValueKind.String => ReadArguments(found.GetString()!),
            JsonValueKind.Null => [],
            _ => null,
        };
    }

    private static Dictionary<string, object?>? Members(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return null;
        var members = new Dictionary<string, object?>();
        foreach (var member in element.EnumerateObject())
            members[member.Name] = member.Value.ValueKind == JsonValueKind.Null ? null : member.Value.Clone();
        return members;
    }

    private static T? Read<T>(string json, Func<JsonElement, T?> read) where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null; // not JSON, or with half a surrogate pair, which shows only when the string is read
        }
    }
}
