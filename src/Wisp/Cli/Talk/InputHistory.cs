using System.Text;
using System.Text.Json;

namespace Wisp.Cli.Talk;

/// <summary>What was typed before, oldest first, kept in a file with one JSON string a line.</summary>
/// <param name="path">Null keeps nothing beyond the program's end.</param>
internal sealed class InputHistory(string? path)
{
    private const int Most = 1000;

    private readonly List<string> _entries = Read(path);
    private int _at; // counted from the newest: 0 is what is being typed
    private string _draft = "";

    public IReadOnlyList<string> Entries => _entries;

    /// <summary>Adds an entry, also to the file, and returns to the newest. Repetitions count once.</summary>
    public void Add(string text)
    {
        (_at, _draft) = (0, "");
        if (text.Length == 0 || (_entries.Count > 0 && _entries[^1] == text))
            return;
        _entries.Add(text);
        if (path is null)
            return;
        try
        {
            if (_entries.Count > 2 * Most)
            {
                _entries.RemoveRange(0, _entries.Count - Most);
                var all = Encoding.UTF8.GetBytes(string.Concat(_entries.Select(Line)));
                AtomicFile.Write(path, stream => stream.Write(all));
            }
            else
            {
                Append(Line(text));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk is no reason to end a conversation; only the arrow keys know less next time.
        }
    }

    /// <summary>The entry before; null where there is none.</summary>
    public string? Older(string typed)
    {
        if (_at == _entries.Count)
            return null;
        if (_at == 0)
            _draft = typed;
        return _entries[^++_at];
    }

    /// <summary>The entry after, at last what was being typed; null where it is that already.</summary>
    public string? Newer() => _at == 0 ? null : --_at == 0 ? _draft : _entries[^_at];

    /// <summary>The newest entry that holds a text, after skipping so many of them; null where there is none.</summary>
    public string? Search(string text, int skip) => _entries.AsEnumerable().Reverse()
        .Where(entry => entry.Contains(text, StringComparison.OrdinalIgnoreCase)).Skip(skip).FirstOrDefault();

    private static string Line(string text) => $"\"{JsonEncodedText.Encode(text)}\"\n";

    private void Append(string line)
    {
        using var file = new FileStream(path!, OperatingSystem.IsWindows()
            ? new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite }
            : new FileStreamOptions
            {
                Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        file.Write(Encoding.UTF8.GetBytes(line));
    }

    // A line that is none, such as one that a crash cut short, is skipped.
    private static List<string> Read(string? path)
    {
        var entries = new List<string>();
        if (!File.Exists(path))
            return entries;
        try
        {
            foreach (var line in File.ReadLines(path))
                try
                {
                    using var json = JsonDocument.Parse(line);
                    if (json.RootElement is { ValueKind: JsonValueKind.String } text)
                        entries.Add(text.GetString()!);
                }
                catch (JsonException)
                {
                    // The rest of the file is as good as before.
                }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be read is as good as nothing.
        }

        return entries.Count > Most ? entries[^Most..] : entries;
    }
}
