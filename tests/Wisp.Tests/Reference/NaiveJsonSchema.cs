using System.Globalization;
using System.Net;
using System.Numerics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Wisp.Tests.Reference;

/// <summary>
/// JSON Schema 2020-12 by the letter, for the words that the engine knows: a value is valid when no word of the schema
/// says otherwise. "format" is asserted.
/// </summary>
internal static class NaiveJsonSchema
{
    public static bool IsValid(JsonElement value, string schema)
    {
        using var document = JsonDocument.Parse(schema);
        return Valid(value, document.RootElement, document.RootElement);
    }

    private static bool Valid(JsonElement v, JsonElement s, JsonElement root)
    {
        if (s.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return s.ValueKind == JsonValueKind.True;
        return s.EnumerateObject().All(word => Holds(v, s, word.Name, word.Value, root));
    }

    private static bool Holds(JsonElement v, JsonElement s, string word, JsonElement arg, JsonElement root)
    {
        bool IsNumber() => v.ValueKind == JsonValueKind.Number;
        bool IsString() => v.ValueKind == JsonValueKind.String;
        bool IsList() => v.ValueKind == JsonValueKind.Array;
        bool IsMap() => v.ValueKind == JsonValueKind.Object;
        int Characters() => v.GetString()!.EnumerateRunes().Count();
        int Properties() => v.EnumerateObject().Select(p => p.Name).Distinct().Count();
        return word switch
        {
            "$ref" => Valid(v, Find(root, arg.GetString()!), root),
            "allOf" => arg.EnumerateArray().All(x => Valid(v, x, root)),
            "anyOf" => arg.EnumerateArray().Any(x => Valid(v, x, root)),
            "oneOf" => arg.EnumerateArray().Count(x => Valid(v, x, root)) == 1,
            "const" => Same(v, arg),
            "enum" => arg.EnumerateArray().Any(x => Same(v, x)),
            "type" => arg.ValueKind == JsonValueKind.Array
                ? arg.EnumerateArray().Any(t => IsOf(v, t.GetString()!))
                : IsOf(v, arg.GetString()!),
            "minimum" => !IsNumber() || Compare(v, arg) >= 0,
            "maximum" => !IsNumber() || Compare(v, arg) <= 0,
            "exclusiveMinimum" => !IsNumber() || Compare(v, arg) > 0,
            "exclusiveMaximum" => !IsNumber() || Compare(v, arg) < 0,
            "minLength" => !IsString() || Characters() >= arg.GetInt32(),
            "maxLength" => !IsString() || Characters() <= arg.GetInt32(),
            "pattern" => !IsString() || Regex.IsMatch(v.GetString()!, arg.GetString()!, RegexOptions.ECMAScript),
            "format" => !IsString() || IsFormat(v.GetString()!, arg.GetString()!),
            "minItems" => !IsList() || v.GetArrayLength() >= arg.GetInt32(),
            "maxItems" => !IsList() || v.GetArrayLength() <= arg.GetInt32(),
            "prefixItems" => !IsList() || v.EnumerateArray().Zip(arg.EnumerateArray()).All(
                p => Valid(p.First, p.Second, root)),
            "items" => !IsList() || v.EnumerateArray()
                .Skip(s.TryGetProperty("prefixItems", out var first) ? first.GetArrayLength() : 0)
                .All(x => Valid(x, arg, root)),
            "required" => !IsMap() || arg.EnumerateArray().All(name => v.TryGetProperty(name.GetString()!, out _)),
            "properties" => !IsMap() || v.EnumerateObject().All(
                p => !arg.TryGetProperty(p.Name, out var inner) || Valid(p.Value, inner, root)),
            "additionalProperties" => !IsMap() || v.EnumerateObject().All(
                p => s.TryGetProperty("properties", out var known) && known.TryGetProperty(p.Name, out _)
                    || Valid(p.Value, arg, root)),
            "minProperties" => !IsMap() || Properties() >= arg.GetInt32(),
            "maxProperties" => !IsMap() || Properties() <= arg.GetInt32(),
            "uniqueItems" => !IsList() || !arg.GetBoolean() || v.GetArrayLength() < 2,
            "$defs" => true,
            _ => throw new ArgumentException($"the reference does not know '{word}'"),
        };
    }

    private static JsonElement Find(JsonElement root, string reference)
    {
        foreach (var part in reference.TrimStart('#').Split('/').Skip(1))
            root = root.ValueKind == JsonValueKind.Array ? root[int.Parse(part)] : root.GetProperty(part);
        return root;
    }

    private static bool IsOf(JsonElement v, string type) => v.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || type == "integer" && Exact(v) is var (n, d) && (n % d).IsZero,
        JsonValueKind.Null => type == "null",
        _ => type == "boolean",
    };

    private static bool Same(JsonElement a, JsonElement b) =>
        a.ValueKind == JsonValueKind.Number && b.ValueKind == JsonValueKind.Number
            ? Compare(a, b) == 0
            : JsonElement.DeepEquals(a, b);

    private static int Compare(JsonElement a, JsonElement b)
    {
        var (an, ad) = Exact(a);
        var (bn, bd) = Exact(b);
        return (an * bd).CompareTo(bn * ad);
    }

    // A number as a fraction, without rounding.
    private static (BigInteger Numerator, BigInteger Denominator) Exact(JsonElement v)
    {
        var parts = v.GetRawText().ToLowerInvariant().Split('e');
        var halves = parts[0].Split('.');
        var digits = BigInteger.Parse(string.Concat(halves), CultureInfo.InvariantCulture);
        var exponent = (parts.Length > 1 ? int.Parse(parts[1]) : 0) - (halves.Length > 1 ? halves[1].Length : 0);
        return exponent >= 0 ? (digits * BigInteger.Pow(10, exponent), 1) : (digits, BigInteger.Pow(10, -exponent));
    }

    private static bool IsFormat(string text, string format) => format switch
    {
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", out _),
        "time" => DateTimeOffset.TryParse("2024-01-01T" + text, out _) && text.Length >= 9,
        "date-time" => DateTimeOffset.TryParse(text, out _) && text[10] == 'T',
        "uuid" => Guid.TryParseExact(text, "D", out _),
        "ipv4" => IPAddress.TryParse(text, out var a) && a.ToString() == text,
        "ipv6" => IPAddress.TryParse(text, out var a) && a.GetAddressBytes().Length == 16,
        "hostname" => Uri.CheckHostName(text) == UriHostNameType.Dns,
        "email" => System.Net.Mail.MailAddress.TryCreate(text, out var a) && a.Address == text,
        "uri" => Uri.TryCreate(text, UriKind.Absolute, out _),
        _ => throw new ArgumentException($"the reference does not know the format '{format}'"),
    };
}
