using System.Formats.Tar;
using System.IO.Compression;
using ZstdSharp;

namespace Wisp.Train.Data;

/// <summary>
/// Streams the documents of files, folders and archives, one at a time: a plain text is one document, a line of JSON
/// is one, a tar holds any of these. Compressed files are unpacked on the way and never touch the disk.
/// </summary>
public sealed class CorpusReader(CorpusOptions options, Tally skipped)
{
    private byte[] _buffer = new byte[1 << 16];

    public IEnumerable<Document> Read(IEnumerable<CorpusFile> files) => files.SelectMany(Read);

    public IEnumerable<Document> Read(CorpusFile file)
    {
        var kind = CorpusFiles.KindOf(file.Path, out var compression);
        if (Path.GetExtension(file.Path).Equals(".json", StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException($"{file.Path}: one JSON document. Make it JSON lines (.jsonl), one object " +
                "a line.");
        using var stream = Open(file.Path, compression);
        if (kind == TextKind.Tar)
        {
            foreach (var document in ReadTar(stream, file))
                yield return document;
            yield break;
        }

        // A file that the user named is read as plain text whatever its extension.
        foreach (var document in ReadStream(stream, kind, file.Path, file.Source, file.Licence, file.Named))
            yield return document;
    }

    internal static NamedStream Open(string path, string compression)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16,
                FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: cannot be opened ({e.Message}).", e);
        }

        return Unpack(file, compression, file.Length, path);
    }

    private static NamedStream Unpack(Stream packed, string compression, long length, string where)
    {
        // The decompressors take a stump for the packed form of nothing, where even nothing packs to a frame of these
        // sizes.
        var least = compression switch { "gz" => 18, "zst" => 9, _ => 0 };
        if (length < least)
            throw new InvalidDataException($"{where}: has {length} bytes, so it was cut short. Fetch or make the " +
                "file again.");
        // Without this switch the runtime takes a gzip that was cut anywhere for a whole one; with it, it throws. It is
        // read once, at the first end of a stream, and no other code of the process unpacks gzip before.
        AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);
        return new NamedStream(compression switch
        {
            "gz" => new GZipStream(packed, CompressionMode.Decompress),
            "zst" => new DecompressionStream(packed, leaveOpen: false),
            _ => packed,
        }, where);
    }

    private IEnumerable<Document> ReadTar(NamedStream stream, CorpusFile file)
    {
        using var tar = new TarReader(stream, leaveOpen: true);
        while (Next(tar, stream, file.Path) is { } entry)
        {
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile or
                TarEntryType.ContiguousFile))
                continue;
            var name = CorpusFiles.Printable(entry.Name);
            if (name.StartsWith("./", StringComparison.Ordinal)) // as `tar -C folder .` writes them
                name = name[2..];
            var source = $"{file.Source}!{name}";
            var hidden = name.Split('/').Any(part => part.StartsWith('.'));
            var reason = hidden ? "hidden" : CorpusFiles.ReasonToSkip(Path.GetFileName(name));
            var kind = CorpusFiles.KindOf(name, out var compression);
            if (reason is null && kind == TextKind.Tar)
                reason = "archive in an archive";
            if (reason is not null || entry.DataStream is not { } content)
            {
                skipped.Add(reason ?? "empty", source, entry.Length);
                continue;
            }

            var where = $"{file.Path}!{name}";
            using var unpacked = Unpack(content, compression, entry.Length, where);
            foreach (var document in ReadStream(unpacked, kind, where, source, file.Licence, named: false))
                yield return document;
        }

        // What a compressor writes behind the last block proves that the blocks were whole.
        while (stream.Read(_buffer) > 0)
        {
        }
    }

    private static TarEntry? Next(TarReader tar, NamedStream stream, string path)
    {
        TarEntry? entry;
        try
        {
            entry = tar.GetNextEntry();
        }
        catch (Exception e) when (e is not InvalidDataException || e.InnerException is null)
        {
            throw new InvalidDataException($"{path}: a damaged tar ({e.Message}). Fetch or make the file again.", e);
        }

        // A tar ends in blocks of zeros. One cut exactly between two files would otherwise pass as complete.
        if (entry is null && !stream.EndsInZeroBlock)
            throw new InvalidDataException($"{path}: the tar ends without its end mark, so it was cut short. Fetch " +
                "it again.");
        return entry;
    }

    private IEnumerable<Document> ReadStream(
        NamedStream stream, TextKind kind, string where, string source, string licence, bool named)
    {
        if (kind != TextKind.JsonLines)
        {
            var count = Fill(stream, where);
            if (Accept(_buffer.AsSpan(0, count), where, source, named) is { } bytes)
                yield return new Document(source, licence, Utf8Text.Normalise(bytes));
            yield break;
        }

        var lines = new LineReader(stream, where, options.MaxDocumentBytes);
        while (lines.Next())
        {
            if (FromLine(lines, where, source, licence, named) is { } document)
                yield return document;
        }
    }

    private Document? FromLine(LineReader lines, string where, string source, string licence, bool named)
    {
        var line = lines.Line;
        if (lines.Number == 1 && line is [0xEF, 0xBB, 0xBF, ..])
            line = line[3..];
        if (line.Trim(" \t\r"u8).IsEmpty)
            return null;

        var (at, name) = ($"{where}:{lines.Number}", $"{source}#{lines.Number}");
        if (Accept(line, at, name, named) is not { } bytes)
            return null;
        if (JsonLine.Field(bytes, options.TextField, at) is { } text)
            return new Document(name, licence, Utf8Text.Normalise(text));
        if (options.OnInvalidUtf8 == OnInvalidUtf8.Refuse)
            throw new InvalidDataException($"{at}: an escape such as \\ud83d stands without its other half.");
        skipped.Add(Utf8Text.Invalid, name, bytes.Length);
        return null;
    }

    /// <summary>
    /// A copy of the bytes when they are text, repaired if that was asked for; null when they are left out.
    /// </summary>
    private byte[]? Accept(ReadOnlySpan<byte> bytes, string where, string source, bool named)
    {
        if (Utf8Text.BinaryReason(bytes) is { } reason)
        {
            if (named)
                throw new InvalidDataException($"{where}: {reason}.");
            skipped.Add(Utf8Text.Binary, source, bytes.Length);
            return null;
        }

        var invalid = Utf8Text.FirstInvalid(bytes);
        if (invalid < 0)
            return bytes.ToArray();
        switch (options.OnInvalidUtf8)
        {
            case OnInvalidUtf8.Replace:
                skipped.Add("repaired UTF-8 (kept)", source, bytes.Length);
                return Utf8Text.Replace(bytes);
            case OnInvalidUtf8.Skip:
                skipped.Add(Utf8Text.Invalid, source, bytes.Length);
                return null;
            default:
                throw new InvalidDataException(
                    $"{where}: byte {invalid} (0x{bytes[invalid]:x2}) is not UTF-8. " +
                    "Convert the file, or choose to replace damaged characters or to skip such files.");
        }
    }

    /// <summary>Reads the stream to its end into the shared buffer.</summary>
    private int Fill(Stream stream, string where)
    {
        var count = 0;
        while (true)
        {
            if (count == _buffer.Length)
                Array.Resize(ref _buffer, (int)Math.Min(2L * count, (long)options.MaxDocumentBytes + 1));
            var read = stream.Read(_buffer, count, _buffer.Length - count);
            if (read == 0)
                return count;
            count += read;
            if (count > options.MaxDocumentBytes)
                throw TooLong(where, options.MaxDocumentBytes);
        }
    }

    internal static InvalidDataException TooLong(string where, int limit) => new(
        $"{where}: one document of more than {limit >> 20} MB unpacked. Split it, or raise the limit if it is no " +
        "mistake.");
}
