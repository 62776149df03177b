using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Conversations;

/// <summary>One object of a data file, and where it stands for whoever has to mend it.</summary>
internal readonly record struct JsonRecord(JsonObject Fields, string Where)
{
    // A record is one conversation; the longest in the public sets have less than a megabyte.
    private const int MaxLineBytes = 16 << 20;

    // An array is read whole.
    private const int MaxFileBytes = 512 << 20;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>
    /// The records of a .jsonl file, one a line, or of a .json file that holds one array; both may be packed as .gz or
    /// .zst.
    /// </summary>
    /// <param name="faulty">Is told of a line that cannot be read, which is then left out; null throws.</param>
    /// <exception cref="InvalidDataException">The message names the file and the line.</exception>
    public static IEnumerable<JsonRecord> Read(string path, Action<string>? faulty = null)
    {
        CorpusFiles.KindOf(path, out var compression);
        var inner = compression.Length > 0 ? Path.GetFileNameWithoutExtension(path) : path;
        return Path.GetExtension(inner).ToLowerInvariant() switch
        {
            ".jsonl" => Lines(path, compression, faulty),
            ".json" => Items(path, compression),
            _ => throw new InvalidDataException(
                $"{path}: conversations and pairs come as .jsonl (one object a line) or .json (one array), each also " +
                "as .gz or .zst."),
        };
    }

    /// <summary>
    /// The same, each record turned into something, or into nothing. One that cannot be is told to
    /// <paramref name="faulty"/> and left out, or thrown where there is nobody to tell.
    /// </summary>
    public static IEnumerable<T> Read<T>(string path, Func<JsonRecord, T?> read, Action<string>? faulty = null)
        where T : class
    {
        foreach (var record in Read(path, faulty))
        {
            T? value = null;
            try
            {
                value = record.Reading(read);
            }
            catch (InvalidDataException e) when (faulty is not null)
            {
                faulty(e.Message);
            }

            if (value is not null)
                yield return value;
        }
    }

    public InvalidDataException Fault(string what) => new($"{Where}: {what}");

    /// <summary>A text; null where the field is missing or null.</summary>
    public string? Text(string field)
    {
        if (Fields[field] is not { } node)
            return null;
        return node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>()
            : throw Fault($"field '{field}' is a JSON {node.GetValueKind()}, not a string.");
    }

    /// <summary>The objects of a list; null where the field is missing or null.</summary>
    public IReadOnlyList<JsonRecord>? List(string field)
    {
        if (Fields[field] is not { } node)
            return null;
        if (node is not JsonArray items)
            throw Fault($"field '{field}' is a JSON {node.GetValueKind()}, not a list.");
        var records = new List<JsonRecord>();
        foreach (var item in items)
            records.Add(new JsonRecord(
                item as JsonObject ?? throw Fault($"item {records.Count + 1} of '{field}' is no object."),
                $"{Where}, {field}[{records.Count}]"));
        return records;
    }

    /// <summary>The fields that there are, for messages.</summary>
    public string Names => Fields.Count == 0 ? "none"
        : CorpusFiles.Printable(string.Join(", ", Fields.Select(pair => pair.Key).Take(12)));

    /// <summary>
    /// Does what reads a record. Nodes of JSON tell of halves of characters only when they are asked, each in its own
    /// way.
    /// </summary>
    public T Reading<T>(Func<JsonRecord, T> read)
    {
        try
        {
            return read(this);
        }
        catch (Exception e) when (e is InvalidOperationException or JsonException or ArgumentException)
        {
            throw new InvalidDataException($"{Where}: faulty JSON: {e.Message}", e);
        }
    }

    /// <summary>A JSON object in a string, as OpenAI writes the arguments of a call.</summary>
    public JsonObject Parse(string text, string field)
    {
        try
        {
            if (JsonNode.Parse(text, documentOptions: s_strict) is JsonObject fields)
                return fields;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
        }

        throw Fault($"field '{field}' is no JSON object: {CorpusFiles.Printable(text[..Math.Min(60, text.Length)])}");
    }

    private static IEnumerable<JsonRecord> Lines(string path, string compression, Action<string>? faulty)
    {
        using var stream = CorpusReader.Open(path, compression);
        foreach (var record in Lines(stream, path, faulty))
            yield return record;
    }

    /// <summary>The records of a stream, one a line.</summary>
    /// <param name="path">What the stream is called in messages.</param>
    internal static IEnumerable<JsonRecord> Lines(Stream stream, string path, Action<string>? faulty = null)
    {
        var lines = new LineReader(stream, path, MaxLineBytes);
        while (lines.Next())
        {
            if (Content(lines.Line).IsEmpty)
                continue;
            JsonRecord? record = null;
            try
            {
                record = Of(Content(lines.Line), $"{path}:{lines.Number}");
            }
            catch (InvalidDataException e) when (faulty is not null)
            {
                faulty(e.Message);
            }

            if (record is { } whole)
                yield return whole;
        }
    }

    // Without blanks around it and the byte-order mark that some editors begin a file with.
    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> text) =>
        text.TrimStart("\uFEFF"u8).Trim(" \t\r\n"u8);

    private static JsonRecord Of(ReadOnlySpan<byte> line, string where)
    {
        try
        {
            return new JsonRecord(
                JsonNode.Parse(line, documentOptions: s_strict) as JsonObject
                    ?? throw new InvalidDataException($"{where}: no JSON object. Each line of a .jsonl file is one."),
                where);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{where}: not a line of JSON (at byte {e.BytePositionInLine}). Each line of a .jsonl file is one " +
                "object.", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{where}: faulty JSON: {e.Message}", e); // half a character in a name
        }
    }

    private static IEnumerable<JsonRecord> Items(string path, string compression)
    {
        JsonArray items;
        using (var stream = CorpusReader.Open(path, compression))
        {
            try
            {
                using var whole = new MemoryStream();
                var buffer = new byte[1 << 16];
                for (int read; (read = stream.Read(buffer)) > 0;)
                {
                    whole.Write(buffer, 0, read);
                    if (whole.Length > MaxFileBytes)
                        throw new InvalidDataException(
                            $"{path}: more than {MaxFileBytes >> 20} MB in one array. Make it JSON lines (.jsonl).");
                }

                items = JsonNode.Parse(
                    Content(whole.GetBuffer().AsSpan(0, (int)whole.Length)), documentOptions: s_strict) as JsonArray
                    ?? throw new InvalidDataException(
                        $"{path}: holds no list. A .json file is one array of objects; one object a line is .jsonl.");
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}:{e.LineNumber + 1}: not JSON: {e.Message}", e);
            }
            catch (InvalidOperationException e)
            {
                throw new InvalidDataException($"{path}: faulty JSON: {e.Message}", e);
            }
        }

        for (var i = 0; i < items.Count; i++)
            yield return new JsonRecord(
                items[i] as JsonObject ?? throw new InvalidDataException($"{path}: item {i + 1} is no object."),
                $"{path}: item {i + 1}");
    }
}
