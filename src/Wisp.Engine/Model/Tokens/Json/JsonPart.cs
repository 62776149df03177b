using System.Text.Json;
using System.Text.Unicode;

namespace Wisp.Model;

/// <summary>
/// A value in a JSON file and the way to it. What is asked for and is not there, or is of another kind, is an
/// <see cref="InvalidDataException"/> that names the file, the place and what was found.
/// </summary>
internal readonly struct JsonPart
{
    // The largest tokenizer.json of today has 35 MB.
    private const long MaxFileBytes = 1 << 28;

    private const int MaxMessage = 2_000; // a refused expression is shown whole

    private readonly JsonElement _element; // Undefined where nothing is there
    private readonly string _place;

    private JsonPart(JsonElement element, string place) => (_element, _place) = (element, place);

    /// <summary>Reads a file; nothing where it is missing. It must hold an object.</summary>
    public static JsonPart Open(string path)
    {
        if (!File.Exists(path))
            return new JsonPart(default, path);
        if (new FileInfo(path).Length > MaxFileBytes)
            throw new InvalidDataException($"{path}: is larger than {MaxFileBytes >> 20} MiB, which no tokenizer is.");
        return Parse(File.ReadAllBytes(path), path);
    }

    /// <summary>The same of bytes in memory.</summary>
    public static JsonPart Parse(ReadOnlyMemory<byte> json, string path)
    {
        if (json.Span.StartsWith("\ufeff"u8))
            json = json[3..];
        // Checked at once, for the parser looks at the bytes of a text only when somebody asks for it.
        if (!Utf8.IsValid(json.Span))
            throw new InvalidDataException($"{path}: is no UTF-8, as JSON has to be.");
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 64 });
            var part = new JsonPart(document.RootElement.Clone(), path);
            return part._element.ValueKind == JsonValueKind.Object ? part : throw part.Fault("an object");
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException(OneLine($"{path}: is not valid JSON: {e.Message}"), e);
        }
    }

    /// <summary>Whether something other than null is there.</summary>
    public bool Exists => _element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public bool IsObject => _element.ValueKind == JsonValueKind.Object;

    public bool IsArray => _element.ValueKind == JsonValueKind.Array;

    public bool IsString => _element.ValueKind == JsonValueKind.String;

    public bool IsNumber => _element.ValueKind == JsonValueKind.Number;

    public bool IsBool => _element.ValueKind is JsonValueKind.True or JsonValueKind.False;

    /// <summary>A member; nothing where this is no object or has none of that name.</summary>
    public JsonPart this[string name] => new(
        IsObject && _element.TryGetProperty(name, out var found) ? found : default, $"{_place}: {name}");

    public string Text()
    {
        if (!IsString)
            throw Fault("a string");
        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException e) // an escape such as \ud800, which no text has
        {
            throw new InvalidDataException($"{_place}: holds half a surrogate pair.", e);
        }
    }

    public int Int(int min = 0, int max = int.MaxValue) =>
        IsNumber && _element.TryGetInt32(out var value) && value >= min && value <= max
            ? value : throw Fault($"a whole number from {min} to {max}");

    public uint UInt() =>
        IsNumber && _element.TryGetUInt32(out var value) ? value : throw Fault("a whole number from 0");

    public float Float()
    {
        if (IsNumber && _element.TryGetSingle(out var value) && float.IsFinite(value))
            return value;
        // JSON has no infinity; this is how our own files spell it.
        return IsString && Text() is "Infinity" or "-Infinity"
            ? Text()[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity
            : throw Fault("a number");
    }

    public bool Bool() => IsBool ? _element.GetBoolean() : throw Fault("true or false");

    public bool Bool(string name, bool otherwise) => this[name] is { Exists: true } found ? found.Bool() : otherwise;

    /// <summary>The type of an object of a tokenizer.json; "" where nothing is there.</summary>
    public string Type => !Exists ? "" : this["type"].Text();

    public int Count => IsArray ? _element.GetArrayLength() : throw Fault("an array");

    public IEnumerable<JsonPart> Items()
    {
        if (!IsArray)
            throw Fault("an array");
        var index = 0;
        foreach (var item in _element.EnumerateArray())
            yield return new JsonPart(item, $"{_place}[{index++}]");
    }

    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (!IsObject)
            throw Fault("an object");
        foreach (var member in _element.EnumerateObject())
        {
            string name;
            try
            {
                name = member.Name;
            }
            catch (InvalidOperationException e)
            {
                throw new InvalidDataException($"{_place}: a name holds half a surrogate pair.", e);
            }

            yield return (name, new JsonPart(member.Value, _place));
        }
    }

    /// <summary>What was found instead of what is expected.</summary>
    public InvalidDataException Fault(string expected)
    {
        var found = !Exists ? "nothing" : _element.ValueKind is JsonValueKind.Object or JsonValueKind.Array
            ? $"an {_element.ValueKind.ToString().ToLowerInvariant()}" : Short(_element.GetRawText());
        return Refusal($"is {found}, expected {expected}.");
    }

    /// <summary>Something that is understood and not supported.</summary>
    public InvalidDataException Refusal(string what) => new(OneLine($"{_place}: {what}"));

    /// <summary>A message that may quote a file: one line, and not a long one.</summary>
    public static string OneLine(string message)
    {
        message = message.ReplaceLineEndings(" ");
        return message.Length <= MaxMessage ? message : message[..MaxMessage] + "...";
    }

    /// <summary>The value as its file spells it, cut where it is long.</summary>
    public string Raw => Short(_element.GetRawText());

    private static string Short(string text) => text.Length <= 300 ? text : text[..297] + "...";
}
