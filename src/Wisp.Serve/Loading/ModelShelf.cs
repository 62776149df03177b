namespace Wisp.Serve.Loading;

/// <param name="Id">What clients call it.</param>
/// <param name="Path">A file, or the folder of a Hugging Face model.</param>
internal sealed record ShelfEntry(string Id, string Path)
{
    public DateTimeOffset Modified => File.GetLastWriteTimeUtc(Path);

    /// <summary>Bytes of the file, or of all files of the folder.</summary>
    public long Bytes => Directory.Exists(Path)
        ? new DirectoryInfo(Path).EnumerateFiles().Sum(file => file.Length) : new FileInfo(Path).Length;
}

/// <summary>
/// The models that can be asked for. A client's name is compared with what is there and never becomes a path.
/// </summary>
internal sealed class ModelShelf
{
    private readonly ServeOptions _options;

    public ModelShelf(ServeOptions options) => _options = options;

    /// <summary>What stands there now, by name; files that were named go before those of folders.</summary>
    public IReadOnlyList<ShelfEntry> Entries
    {
        get
        {
            var found = new Dictionary<string, ShelfEntry>(StringComparer.OrdinalIgnoreCase);
            foreach (var path in _options.Models)
                Add(found, path);
            foreach (var folder in _options.Folders.Where(Directory.Exists))
                foreach (var path in Inside(folder))
                    Add(found, path);
            return [.. found.Values.OrderBy(entry => entry.Id, StringComparer.Ordinal)];
        }
    }

    /// <summary>The name of the model that answers where none is named; null where there is none.</summary>
    public string? DefaultId => _options.DefaultModel ??
        (_options.Models.Count > 0 ? IdOf(_options.Models[0]) : null);

    /// <summary>The model of a name, with or without Ollama's tag ":latest"; null where there is none.</summary>
    public ShelfEntry? Find(string name)
    {
        const string Latest = ":latest";
        var entries = Entries;
        return Of(name) ?? (name.EndsWith(Latest, StringComparison.Ordinal) ? Of(name[..^Latest.Length]) : null);

        ShelfEntry? Of(string id) => entries.FirstOrDefault(entry => entry.Id == id)
            ?? entries.FirstOrDefault(entry => string.Equals(entry.Id, id, StringComparison.OrdinalIgnoreCase));
    }

    private static string IdOf(string path) => Directory.Exists(path)
        ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))
        : Path.GetFileNameWithoutExtension(path);

    private static void Add(Dictionary<string, ShelfEntry> found, string path)
    {
        var id = IdOf(path);
        found.TryAdd(id, new ShelfEntry(id, path));
    }

    // Of shards the first stands for all.
    private static IEnumerable<string> Inside(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*.gguf").Where(path =>
            !path.Contains("-of-", StringComparison.Ordinal) || path.Contains("-00001-of-", StringComparison.Ordinal)),
        .. Directory.EnumerateDirectories(folder).Where(path => File.Exists(Path.Combine(path, "config.json"))),
    ];
}
