using System.Text;
using System.Text.Json;

namespace Wisp.Train.Data;

/// <summary>Takes one text field out of one line of JSON, without building the rest of it.</summary>
internal static class JsonLine
{
    private static readonly JsonReaderOptions Strict = new() { MaxDepth = 64 };

    /// <summary>
    /// The text, unescaped, or null when an escape stands for half a surrogate pair, which no UTF-8 can hold.
    /// Throws InvalidDataException with <paramref name="where"/> (file:line) in front.
    /// </summary>
    public static byte[]? Field(ReadOnlySpan<byte> line, string field, string where)
    {
        try
        {
            return Find(line, field, where);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{where}: not a line of JSON ({Place(e)}). Each line of a .jsonl file is one object.", e);
        }
    }

    private static byte[]? Find(ReadOnlySpan<byte> line, string field, string where)
    {
        var reader = new Utf8JsonReader(line, Strict);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new InvalidDataException($"{where}: a JSON {reader.TokenType}, not an object with a field " +
                $"'{field}'.");

        byte[]? text = null;
        var seen = false;
        var found = new List<string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isField = reader.ValueTextEquals(field);
            if (found.Count < 12)
                found.Add(Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(40, reader.ValueSpan.Length)]));
            reader.Read();
            if (!isField || seen)
            {
                reader.Skip();
                continue;
            }

            if (reader.TokenType != JsonTokenType.String)
                throw new InvalidDataException($"{where}: field '{field}' is a JSON {reader.TokenType}, not a string.");
            (text, seen) = (Unescape(ref reader), true);
        }

        // What follows the object on the same line is an error the reader reports by itself.
        while (reader.Read())
        {
        }

        if (!seen)
            throw new InvalidDataException(
                $"{where}: no field '{field}'. The fields are: {CorpusFiles.Printable(string.Join(", ", found))}. " +
                "Choose one of them as the text field.");
        return text;
    }

    private static byte[]? Unescape(ref Utf8JsonReader reader)
    {
        var buffer = new byte[reader.ValueSpan.Length]; // unescaping never makes a string longer
        try
        {
            var length = reader.CopyString(buffer);
            return length == buffer.Length ? buffer : buffer[..length];
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Place(JsonException e) => $"at byte {e.BytePositionInLine}";
}
