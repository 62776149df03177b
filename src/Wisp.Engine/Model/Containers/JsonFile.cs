using System.Text.Json;
using System.Text.Unicode;

namespace Wisp.Model.Containers;

/// <summary>An object of a JSON file; whatever it lacks or has of another type is a message that names file and
/// field.</summary>
internal sealed class JsonFile
{
    private const long MaxBytes = 64 << 20; // config files have some kilobytes, an index of a giant model a few MB

    private readonly JsonElement _root;

    private JsonFile(string path, JsonElement root) => (Path, _root) = (path, root);

    public string Path { get; }

    /// <exception cref="InvalidDataException">No sound JSON, no object, or too large.</exception>
    public static JsonFile Open(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > MaxBytes)
            throw new InvalidDataException($"{path}: has {length} bytes; {MaxBytes} are the limit.");
        var bytes = File.ReadAllBytes(path);
        if (!Utf8.IsValid(bytes))
            throw new InvalidDataException($"{path}: is no UTF-8, as JSON has to be.");
        try
        {
            using var json = JsonDocument.Parse(bytes);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                return new JsonFile(path, json.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{path}: is no sound JSON ({e.Message.Split('\n', '\r')[0].TrimEnd('.')}).", e);
        }

        throw new InvalidDataException($"{path}: a JSON object was expected.");
    }

    /// <summary>As <see cref="Open"/>, or null where there is no such file.</summary>
    public static JsonFile? OpenIfThere(string path) => File.Exists(path) ? Open(path) : null;

    public bool Has(string name) => Find(name) is not null;

    public JsonFile? Object(string name) => Find(name) is { ValueKind: JsonValueKind.Object } found
        ? new JsonFile(Path, found) : Missing<JsonFile>(name, "an object");

    public string? String(string name) => Find(name) is { ValueKind: JsonValueKind.String } found
        ? Text(found, name) : Missing<string>(name, "a text");

    /// <summary>The text, or null where the field is missing or holds something else.</summary>
    public string? TextOrNull(string name) =>
        Find(name) is { ValueKind: JsonValueKind.String } found ? Text(found, name) : null;

    public bool? Bool(string name) => Find(name) is not { } found ? null : found.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Fault(name, "true or false"),
    };

    /// <summary>A count that a model may have.</summary>
    public int? Count(string name)
    {
        if (Find(name) is not { } found)
            return null;
        if (found.ValueKind == JsonValueKind.Number && found.TryGetInt32(out var count) && count >= 0)
            return count;
        throw Fault(name, "a whole number from 0 to 2147483647");
    }

    public double? Number(string name)
    {
        if (Find(name) is not { } found)
            return null;
        if (found.ValueKind == JsonValueKind.Number && found.TryGetDouble(out var value) && double.IsFinite(value))
            return value;
        throw Fault(name, "a number");
    }

    public float[]? Floats(string name)
    {
        if (Find(name) is not { } found)
            return null;
        if (found.ValueKind == JsonValueKind.Array &&
            found.EnumerateArray().All(x => x.ValueKind == JsonValueKind.Number && x.TryGetSingle(out _)))
            return [.. found.EnumerateArray().Select(x => x.GetSingle())];
        throw Fault(name, "an array of numbers");
    }

    /// <summary>Name and text of every member, which must all be texts.</summary>
    public IEnumerable<(string Name, string Text)> Texts()
    {
        foreach (var member in _root.EnumerateObject())
            yield return member.Value.ValueKind == JsonValueKind.String
                ? (member.Name, Text(member.Value, member.Name)) : throw Fault(member.Name, "a text");
    }

    /// <summary>The first id where there are several: generation may stop at any of a list.</summary>
    public int? TokenId(string name)
    {
        if (Find(name) is not { } found)
            return null;
        var id = found.ValueKind == JsonValueKind.Array && found.GetArrayLength() > 0 ? found[0] : found;
        return id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value) && value >= 0
            ? value : throw Fault(name, "a token id");
    }

    public InvalidDataException Fault(string name, string expected) => new(
        $"{Path}: {OneLine.Of(name)} is {OneLine.Of(Find(name)?.GetRawText() ?? "missing")}, expected {expected}.");

    // A null stands for a field that is not there, as in Python.
    private JsonElement? Find(string name) =>
        _root.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    private T? Missing<T>(string name, string expected)
        where T : class => Find(name) is null ? null : throw Fault(name, expected);

    private string Text(JsonElement found, string name)
    {
        try
        {
            return found.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Fault(name, "a text without half a surrogate pair");
        }
    }
}
