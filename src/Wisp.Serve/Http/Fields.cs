using System.Globalization;
using System.Text.Json;

namespace Wisp.Serve.Http;

/// <summary>
/// One JSON object of a request, read field by field. A field of the wrong type is an <see cref="ApiException"/> that
/// names it; null is the same as a field that is not there. What was never asked for can be refused at the end.
/// </summary>
internal sealed class Fields
{
    private readonly JsonElement _object;
    private readonly string _path;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public Fields(JsonElement element, string path = "")
    {
        (_object, _path) = (element, path);
        if (element.ValueKind != JsonValueKind.Object)
            throw WrongType(path, "an object", element);
    }

    /// <summary>The path of a field, as errors name it.</summary>
    public string PathOf(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    public bool Has(string name) => Any(name) is not null;

    /// <summary>The value of any type; null where the field is not there or is null.</summary>
    public JsonElement? Any(string name)
    {
        _known.Add(name);
        return _object.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string? Text(string name) => Any(name) is { } value ? TextOf(value, PathOf(name)) : null;

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public bool? Flag(string name) => Any(name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw WrongType(PathOf(name), "a boolean", value);

    /// <summary>A number within bounds.</summary>
    public float? Number(string name, double least = double.NegativeInfinity, double most = double.PositiveInfinity)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number))
            throw WrongType(PathOf(name), "a number", value);
        return number >= least && number <= most ? (float)number : throw OutOfRange(name, number, least, most);
    }

    /// <summary>A whole number within bounds.</summary>
    public long? Whole(string name, long least = long.MinValue, long most = long.MaxValue)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !TryWhole(value, out var number))
            throw WrongType(PathOf(name), "an integer", value);
        return number >= least && number <= most ? number : throw OutOfRange(name, number, least, most);
    }

    public int? Count(string name, int least, int most = int.MaxValue) => (int?)Whole(name, least, most);

    public Fields? Object(string name) => Any(name) is { } value ? new Fields(value, PathOf(name)) : null;

    public Fields RequiredObject(string name) => Object(name) ?? throw Missing(name);

    /// <summary>The elements of a list, each with its path; null where the field is not there.</summary>
    public List<(JsonElement Value, string Path)>? List(string name)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            throw WrongType(PathOf(name), "an array", value);
        return [.. value.EnumerateArray().Select((item, i) => (item, $"{PathOf(name)}[{i}]"))];
    }

    public List<(JsonElement Value, string Path)> RequiredList(string name) => List(name) ?? throw Missing(name);

    /// <summary>A string, or a list of strings.</summary>
    public List<string>? TextOrTexts(string name) => Any(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? [TextOf(value, PathOf(name))]
        : value.ValueKind == JsonValueKind.Array ? [.. List(name)!.Select(item => TextOf(item.Value, item.Path))]
        : throw WrongType(PathOf(name), "a string or an array of strings", value);

    /// <summary>Fields that are known and change nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _known.Add(name);
    }

    /// <summary>Refuses a field with a reason, unless it is absent, null, false, or an empty list.</summary>
    public void Refuse(string name, string reason)
    {
        if (Any(name) is { } value && value.ValueKind != JsonValueKind.False
            && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
            throw ApiException.Invalid($"'{PathOf(name)}' is not supported: {reason}", PathOf(name),
                "unsupported_parameter");
    }

    /// <summary>Refuses fields that nobody asked for, as OpenAI does: a misspelt one would else do nothing.</summary>
    public void RefuseUnknown()
    {
        foreach (var field in _object.EnumerateObject())
            if (!_known.Contains(field.Name))
                throw ApiException.Invalid($"Unrecognized request argument supplied: {PathOf(field.Name)}",
                    PathOf(field.Name), "unknown_parameter");
    }

    public ApiException Missing(string name) => ApiException.Invalid(
        $"Missing required parameter: '{PathOf(name)}'.", PathOf(name), "missing_required_parameter");

    public static string TextOf(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw WrongType(path, "a string", value);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new ApiException(400, $"'{path}' holds half a character (a lone surrogate).", e)
            {
                Param = path, Code = "invalid_value",
            };
        }
    }

    public static ApiException WrongType(string path, string wanted, JsonElement found) => ApiException.Invalid(
        path.Length == 0 ? $"The body must be {wanted}, but is {Kind(found)}."
            : $"Invalid type for '{path}': expected {wanted}, but got {Kind(found)} instead.",
        path.Length == 0 ? null : path, "invalid_type");

    private static bool TryWhole(JsonElement value, out long number)
    {
        if (value.TryGetInt64(out number))
            return true;
        // 1.0 and 1e3 are whole too.
        if (value.TryGetDouble(out var real) && real == Math.Floor(real) && Math.Abs(real) < 1L << 53)
        {
            number = (long)real;
            return true;
        }

        return false;
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => value.TryGetInt64(out _) ? "an integer" : "a decimal number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    private ApiException OutOfRange(string name, double found, double least, double most) => ApiException.Invalid(
        string.Create(CultureInfo.InvariantCulture, $"Invalid value for '{PathOf(name)}': {found} is not ") +
        (most is double.PositiveInfinity or >= int.MaxValue ? string.Create(CultureInfo.InvariantCulture,
            $"{least} or more.") : string.Create(CultureInfo.InvariantCulture, $"between {least} and {most}.")),
        PathOf(name), "invalid_value");
}
