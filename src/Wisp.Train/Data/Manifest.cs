using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Wisp.Train.Data;

/// <summary>
/// What a model was trained on: one line of JSON for each document, in the order of the corpus. The hash of the file is
/// stored in every model, so that the question "was this text in it?" has an answer that can be checked.
/// </summary>
public sealed class Manifest
{
    public const string Train = "train";
    public const string HeldOut = "heldout";

    // A document takes about 200 bytes of manifest; a line of this length is not one of ours.
    private const int LongestLine = 1 << 16;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private Manifest(IReadOnlyList<Line> lines, string hash) => (Lines, Hash) = (lines, hash);

    /// <param name="Sha256">Of the text as it was learnt, in hex.</param>
    /// <param name="Split"><see cref="Train"/> or <see cref="HeldOut"/>.</param>
    public sealed record Line(string Source, string Licence, long Bytes, string Sha256, string Split, long Tokens);

    public IReadOnlyList<Line> Lines { get; }

    /// <summary>SHA-256 of the file, in hex.</summary>
    public string Hash { get; }

    /// <summary>The manifest of these lines, written to a stream.</summary>
    public static Manifest Write(IReadOnlyList<Line> lines, Stream stream)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var line in lines)
        {
            var bytes = Canonical(line);
            hash.AppendData(bytes);
            stream.Write(bytes);
        }

        return new Manifest(lines, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    public static Manifest Read(string path)
    {
        using var stream = new NamedStream(Open(path), path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var lines = new List<Line>();
        var reader = new LineReader(stream, path, LongestLine);
        while (reader.Next())
        {
            var line = Parse(reader.Line, $"{path}:{reader.Number}");
            var canonical = Canonical(line);
            // One text for one meaning: otherwise the same documents could have two hashes.
            if (!canonical.AsSpan(0, canonical.Length - 1).SequenceEqual(reader.Line))
                throw new InvalidDataException($"{path}:{reader.Number}: not as Wisp writes it. The file was edited; " +
                    "make it again.");
            hash.AppendData(canonical);
            lines.Add(line);
        }

        return new Manifest(lines, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Throws InvalidDataException unless the token files hold exactly these documents.</summary>
    public void Check(TokenShards train, TokenShards heldOut)
    {
        Check(Train, train);
        Check(HeldOut, heldOut);
    }

    private void Check(string split, TokenShards shards)
    {
        var document = 0;
        foreach (var line in Lines.Where(line => line.Split == split))
        {
            if (document == shards.DocumentCount || shards.Length(document) != line.Tokens ||
                shards.RawLength(document) != line.Bytes)
                throw new InvalidDataException(
                    $"{shards.Path}: document {document} is not '{line.Source}' of the manifest. Delete the folder's " +
                    "token files.");
            document++;
        }

        if (document != shards.DocumentCount)
            throw new InvalidDataException(
                $"{shards.Path}: {shards.DocumentCount} documents, the manifest has {document}. Delete the folder's " +
                "token files.");
    }

    private static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: cannot be opened ({e.Message}).", e);
        }
    }

    private static byte[] Canonical(Line line)
    {
        using var stream = new MemoryStream(256);
        using (var json = new Utf8JsonWriter(stream, Plain))
        {
            json.WriteStartObject();
            json.WriteString("source", line.Source);
            json.WriteString("licence", line.Licence);
            json.WriteNumber("bytes", line.Bytes);
            json.WriteString("sha256", line.Sha256);
            json.WriteString("split", line.Split);
            json.WriteNumber("tokens", line.Tokens);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static Line Parse(ReadOnlySpan<byte> json, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(Encoding.UTF8.GetString(json));
            var root = document.RootElement;
            var line = new Line(root.GetProperty("source").GetString()!, root.GetProperty("licence").GetString()!,
                root.GetProperty("bytes").GetInt64(), root.GetProperty("sha256").GetString()!,
                root.GetProperty("split").GetString()!, root.GetProperty("tokens").GetInt64());
            if (line.Split is Train or HeldOut && line.Sha256?.Length == 64 && line.Bytes >= 0 && line.Tokens >= 0 &&
                line.Source is not null && line.Licence is not null)
                return line;
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{where}: not a line of a manifest ({e.Message}).", e);
        }

        throw new InvalidDataException($"{where}: not a line of a manifest.");
    }
}
