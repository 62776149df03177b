using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Eval.Scoring;

/// <summary>A call that is right, with all values that count for each argument.</summary>
/// <param name="Arguments">
/// By name the values that are right; an empty text among them says that the argument may be left out.
/// </param>
/// <param name="Schema">The function's parameters as JSON Schema describes them; null checks no types.</param>
public sealed record ExpectedCall(
    string Name, IReadOnlyDictionary<string, IReadOnlyList<JsonNode?>> Arguments, JsonObject? Schema = null);

/// <summary>
/// Whether calls are those that were expected, as the Berkeley function-calling leaderboard judges them by syntax tree:
/// Patil et al. 2025, "BFCL", section on AST evaluation. Names are equal; no required argument is missing and none is
/// made up; types are the schema's, where a whole number may stand for a float; texts are compared without case,
/// blanks and punctuation; lists keep their order; objects are compared field by field.
/// </summary>
public static class CallMatch
{
    // What the leaderboard leaves out of texts before it compares them.
    private const string Ignored = " ,./-_*^";

    /// <summary>All calls are there and no others; their order does not count.</summary>
    public static bool All(IReadOnlyList<ToolCall> made, IReadOnlyList<ExpectedCall> expected)
    {
        if (made.Count != expected.Count)
            return false;
        var left = made.ToList();
        foreach (var one in expected)
        {
            var at = left.FindIndex(call => One(call, one));
            if (at < 0)
                return false;
            left.RemoveAt(at);
        }

        return true;
    }

    public static bool One(ToolCall made, ExpectedCall expected)
    {
        if (made.Name != expected.Name && made.Name != expected.Name.Replace('.', '_'))
            return false;
        var types = expected.Schema?["properties"] as JsonObject;
        foreach (var (name, value) in made.Arguments)
        {
            if (!expected.Arguments.TryGetValue(name, out var right))
                return false; // made up
            var type = types?[name] as JsonObject;
            if (!right.Any(one => Same(value, one, type)))
                return false;
        }

        foreach (var (name, right) in expected.Arguments)
            if (!made.Arguments.ContainsKey(name) && !right.Any(IsEmpty))
                return false;
        return (expected.Schema?["required"] as JsonArray ?? [])
            .All(name => made.Arguments.ContainsKey(name!.GetValue<string>()));
    }

    private static bool Same(JsonNode? value, JsonNode? right, JsonObject? type)
    {
        if (value is null || right is null)
            return value is null && right is null;
        var kind = (type?["type"] as JsonValue)?.ToString();
        switch (value)
        {
            case JsonArray items:
                return kind is null or "array" or "any" && right is JsonArray wanted && items.Count == wanted.Count
                    && items.Zip(wanted).All(pair => Same(pair.First, pair.Second, type?["items"] as JsonObject));
            case JsonObject fields:
                return kind is null or "object" or "any" && right is JsonObject possible
                    && Fields(fields, possible, type?["properties"] as JsonObject);
        }

        switch (value.GetValueKind())
        {
            case JsonValueKind.String:
                return kind is null or "string" or "any" && right.GetValueKind() == JsonValueKind.String
                    && Plain(value.GetValue<string>()) == Plain(right.GetValue<string>());
            case JsonValueKind.Number:
                return (kind is null or "number" or "any" || (kind == "integer" && IsWhole(value)))
                    && right.GetValueKind() == JsonValueKind.Number && Number(value) == Number(right);
            default:
                return kind is null or "boolean" or "any" && value.GetValueKind() == right.GetValueKind();
        }
    }

    // In an object of an answer each field has its values that count, as arguments have.
    private static bool Fields(JsonObject made, JsonObject possible, JsonObject? types)
    {
        foreach (var (name, value) in made)
            if (possible[name] is not { } right
                || !Values(right).Any(one => Same(value, one, types?[name] as JsonObject)))
                return false;
        return possible.All(field => made.ContainsKey(field.Key) || Values(field.Value).Any(IsEmpty));

        static IEnumerable<JsonNode?> Values(JsonNode? right) => right is JsonArray many ? many : [right];
    }

    private static bool IsEmpty(JsonNode? node) =>
        node is not null && node.GetValueKind() == JsonValueKind.String && node.GetValue<string>().Length == 0;

    private static bool IsWhole(JsonNode node) => !node.ToJsonString().AsSpan().ContainsAny('.', 'e', 'E');

    private static double Number(JsonNode node) =>
        double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);

    private static string Plain(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text)
            if (!Ignored.Contains(c))
                plain.Append(c == '\'' ? '"' : char.ToLowerInvariant(c));
        return plain.ToString();
    }
}
