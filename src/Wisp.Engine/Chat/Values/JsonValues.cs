using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Chat.Values;

/// <summary>JSON nodes as values: what Python's json.loads makes of the same text.</summary>
internal static class JsonValues
{
    /// <summary>
    /// Characters of the node's texts, and one for everything else: a rendering's budget grows with them.
    /// </summary>
    public static long Size(JsonNode? node, Budget budget)
    {
        budget.Enter();
        var size = node switch
        {
            JsonObject o => 1 + o.Sum(pair => pair.Key.Length + Size(pair.Value, budget)),
            JsonArray a => 1 + a.Sum(item => Size(item, budget)),
            JsonValue v when v.GetValueKind() == JsonValueKind.String => 1 + v.GetValue<string>().Length,
            _ => 1,
        };
        budget.Leave();
        return size;
    }

    public static Value From(JsonNode? node, ValueComparer comparer, Budget budget)
    {
        budget.Enter();
        budget.Charge(Budget.Item);
        Value value;
        switch (node)
        {
            case JsonObject o:
                var dict = new DictValue(comparer);
                foreach (var (key, item) in o)
                    dict.Set(key, From(item, comparer, budget));
                value = dict;
                break;
            case JsonArray a:
                value = new ListValue([.. a.Select(item => From(item, comparer, budget))]);
                break;
            case JsonValue v:
                value = v.GetValueKind() switch
                {
                    JsonValueKind.String => v.GetValue<string>(),
                    JsonValueKind.True => true,
                    JsonValueKind.False => false,
                    JsonValueKind.Number => Number(v.ToJsonString()),
                    _ => NoneValue.Instance,
                };
                break;
            default:
                value = NoneValue.Instance;
                break;
        }

        budget.Leave();
        return value;
    }

    // Whole where it is written as a whole number.
    private static Value Number(string text)
    {
        if (text.AsSpan().ContainsAny('.', 'e', 'E'))
            return double.Parse(text, CultureInfo.InvariantCulture);
        return Numbers.TryParseInteger(text, 10, out BigInteger number) ? Numbers.Checked(number)
            : throw new TemplateException($"a number of {text.Length} digits is too long.");
    }
}
