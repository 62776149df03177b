using System.Formats.Tar;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Data;

namespace Wisp.Train.Eval.Tasks;

/// <summary>
/// The files of a data folder, found by name wherever below it they lie: as they are, packed as .gz or .zst, or in a
/// tar archive, which is read once.
/// </summary>
internal sealed class TaskFiles
{
    // The largest file of the known sets has 10 MB.
    private const int MaxEntryBytes = 256 << 20;

    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyDictionary<string, byte[]>> _archives = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">There is no such folder.</exception>
    public TaskFiles(string folder)
    {
        Folder = folder;
        if (!Directory.Exists(folder))
            throw new InvalidDataException($"{folder}: no such folder. --data names one that holds test sets.");
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 6 };
        // The first in ordinal order, so that a copy further down changes nothing by chance.
        foreach (var path in Directory.EnumerateFiles(folder, "*", options).Order(StringComparer.Ordinal))
            _paths.TryAdd(Path.GetRelativePath(folder, path).Replace('\\', '/'), path);
    }

    public string Folder { get; }

    /// <summary>The path of a file whose name ends so, or null.</summary>
    public string? Find(string name) => _paths.FirstOrDefault(
        pair => pair.Key == name || pair.Key.EndsWith("/" + name, StringComparison.Ordinal)).Value;

    public bool Has(string archive, string entry) => Find(entry) is not null || Find(archive) is not null;

    /// <summary>A file by the end of its name: lying about, or in the archive.</summary>
    /// <exception cref="InvalidDataException">It is in neither.</exception>
    public byte[] Read(string archive, string entry)
    {
        if (Find(entry) is { } path)
            return Whole(path);
        var entries = Entries(archive);
        return entries.FirstOrDefault(pair => pair.Key.EndsWith("/" + entry, StringComparison.Ordinal)).Value
            ?? throw new InvalidDataException($"{Find(archive)}: holds no {entry}. Fetch the archive again.");
    }

    /// <summary>All files of an archive, by their names in it, in its order.</summary>
    public IReadOnlyDictionary<string, byte[]> Entries(string archive)
    {
        var path = Find(archive) ?? throw new InvalidDataException($"{Folder}: holds no {archive}.");
        if (_archives.TryGetValue(path, out var known))
            return known;
        var entries = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        CorpusFiles.KindOf(path, out var compression);
        using var stream = CorpusReader.Open(path, compression);
        using var tar = new TarReader(stream);
        try
        {
            while (tar.GetNextEntry() is { } entry)
                if (entry.DataStream is { } content)
                    entries["/" + entry.Name] = Whole(content, $"{path}!{entry.Name}");
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{path}: a damaged tar ({e.Message}). Fetch it again.", e);
        }

        return _archives[path] = entries;
    }

    public static byte[] Whole(string path)
    {
        CorpusFiles.KindOf(path, out var compression);
        using var stream = CorpusReader.Open(path, compression);
        return Whole(stream, path);
    }

    private static byte[] Whole(Stream stream, string where)
    {
        using var whole = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            whole.Write(buffer, 0, read);
            if (whole.Length > MaxEntryBytes)
                throw new InvalidDataException($"{where}: more than {MaxEntryBytes >> 20} MB. This is no test set.");
        }

        return whole.ToArray();
    }

    /// <summary>The objects of JSON lines, or of one array; what reads them tells of faults by place.</summary>
    public static IEnumerable<T> Objects<T>(byte[] json, string where, Func<JsonNode, T> read)
    {
        var text = json.AsSpan().StartsWith("\uFEFF"u8) ? json.AsMemory(3) : json.AsMemory();
        if (text.Span.TrimStart(" \t\r\n"u8) is [(byte)'[', ..])
        {
            var items = Parse(text.Span, where) as JsonArray ?? [];
            for (var i = 0; i < items.Count; i++)
                yield return Reading(items[i]!, $"{where}: item {i + 1}", read);
            yield break;
        }

        var number = 0;
        foreach (var range in Lines(text))
        {
            number++;
            if (!range.Span.Trim(" \t\r"u8).IsEmpty)
                yield return Reading(Parse(range.Span, $"{where}:{number}"), $"{where}:{number}", read);
        }
    }

    public static JsonNode Parse(ReadOnlySpan<byte> json, string where)
    {
        try
        {
            return JsonNode.Parse(json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{where}: not JSON: {e.Message}", e);
        }
    }

    public static T Reading<T>(JsonNode node, string where, Func<JsonNode, T> read)
    {
        try
        {
            return read(node);
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException or FormatException
            or ArgumentException or OverflowException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"{where}: not of the shape that this set has ({e.Message}). Fetch the set again.", e);
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Lines(ReadOnlyMemory<byte> text)
    {
        while (!text.IsEmpty)
        {
            var end = text.Span.IndexOf((byte)'\n');
            yield return end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
        }
    }
}
