using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>One schema object and where it stands; reads its words with their types checked.</summary>
internal sealed class SchemaNode(JsonObject words, string pointer, string file)
{
    // Counts beyond a hundred thousand characters or items are no counts that a model could keep.
    private const int MaxCount = 1_000_000;

    public JsonObject Words { get; } = words;

    public string Pointer { get; } = pointer;

    public bool Has(string word) => Words.ContainsKey(word);

    public JsonNode? this[string word] => Words[word];

    public string At(string word) => $"{Pointer}/{Part(word)}";

    /// <summary>A word as part of a pointer.</summary>
    public static string Part(string word) =>
        word.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    public InvalidDataException Fault(string message) => Fault(Pointer, message);

    public InvalidDataException FaultAt(string word, string message) => Fault(At(word), message);

    public InvalidDataException Fault(string place, string message)
    {
        var shown = place.Length > 200 ? place[..200] + "..." : place.Length == 0 ? "the root" : place;
        return new InvalidDataException(JsonSchema.OneLine($"{file}, at {shown}: {message}."));
    }

    public string? Text(string word) => !Has(word) ? null
        : Words[word] is JsonValue v && v.TryGetValue<string>(out var text) ? text
        : throw FaultAt(word, $"'{word}' must be a string");

    public bool? Flag(string word) => !Has(word) ? null
        : Words[word] is JsonValue v && v.TryGetValue<bool>(out var flag) ? flag
        : throw FaultAt(word, $"'{word}' must be true or false");

    public JsonArray? List(string word) => !Has(word) ? null
        : Words[word] as JsonArray ?? throw FaultAt(word, $"'{word}' must be a list");

    public JsonObject? Map(string word) => !Has(word) ? null
        : Words[word] as JsonObject ?? throw FaultAt(word, $"'{word}' must be an object");

    public int? Count(string word)
    {
        if (!Has(word))
            return null;
        if (Number(word, open: false) is { IsInteger: true, Sign: >= 0 } number && number.Floor() <= MaxCount)
            return (int)number.Floor();
        throw FaultAt(word, $"'{word}' must be a whole number from 0 to {MaxCount}");
    }

    public JsonNumbers.Bound? Number(string word, bool open)
    {
        if (!Has(word))
            return null;
        if (Words[word] is not JsonValue v || v.GetValueKind() != JsonValueKind.Number)
            throw FaultAt(word, $"'{word}' must be a number");
        return JsonNumbers.Bound.TryParse(v.ToJsonString(), open, out var bound)
            ? bound
            : throw FaultAt(word, $"'{word}' has more digits than are taken");
    }
}
