using System.Globalization;
using System.Text;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>
/// memfs: what is to be remembered beyond a conversation, as files in a database. Each writing makes a version, all
/// of which can be read under /.versions/PATH/NUMBER; each keeps the label of what it was made from.
/// </summary>
public sealed class MemoryMount : FileMount, IDisposable
{
    /// <summary>The longest text of one file.</summary>
    public const int MostBytes = 1 << 20;

    private const string Versions = ".versions";
    private const int MostShown = 2000; // bytes of a file that was found
    private const int Format = 1;

    // The index holds the newest version of each file; its row is that of the version.
    private const string Schema = """
        CREATE TABLE version(
            id INTEGER PRIMARY KEY, path TEXT NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
            label TEXT NOT NULL, written INTEGER NOT NULL, newest INTEGER NOT NULL, UNIQUE(path, number));
        CREATE UNIQUE INDEX newest ON version(path) WHERE newest = 1;
        CREATE VIRTUAL TABLE words USING fts5(
            content, content='', contentless_delete=1, tokenize='porter unicode61')
        """;

    private readonly StoreFile _store;
    private readonly TimeProvider _clock;
    private readonly ReaderSet _readers;

    /// <param name="file">The database, made where it is not there.</param>
    /// <param name="readers">Who may read what is remembered; nothing for fewer is taken in.</param>
    public MemoryMount(TreePath at, string file, TimeProvider clock, ReaderSet readers) : base(at) =>
        (_store, _clock, _readers) = (new StoreFile(file, Format, Schema), clock, readers);

    public override FileEntry Stat(TreePath path)
    {
        if (path.IsRoot)
            return new FileEntry("", true, 0);
        if (IsHistory(path, out var file, out var number))
            return file.IsRoot || number is null ? new FileEntry(path.Name, true, 0)
                : Entry(path.Name, VersionOf(file, number));
        return Newest(path) is { } version ? Entry(path.Name, version)
            : IsAbove(path) ? new FileEntry(path.Name, true, 0) : throw NotFound(path);
    }

    public override IReadOnlyList<FileEntry> List(TreePath path)
    {
        if (IsHistory(path, out var file, out _))
            return file.IsRoot ? throw new MountException(SysStatus.Malformed,
                    $"{path.At(At)}: name a file of {At} below it to see its versions.")
                : [.. _store.Rows("SELECT number, length(content), written FROM version WHERE path=$p ORDER BY number",
                    row => new FileEntry(row.GetInt64(0).ToString(CultureInfo.InvariantCulture), false, row.GetInt64(1),
                        DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2))), ("$p", file.ToString()))
                    is { Count: > 0 } numbers ? numbers : throw NotFound(path)];
        if (!path.IsRoot && Newest(path) is not null)
            throw IsFile(path);
        var above = path.IsRoot ? "/" : path + "/";
        var entries = new SortedDictionary<string, FileEntry>(StringComparer.Ordinal);
        foreach (var (name, bytes, written) in _store.Rows(
            "SELECT path, length(content), written FROM version WHERE newest=1 AND substr(path, 1, $n)=$a LIMIT $most",
            row => (row.GetString(0)[above.Length..], row.GetInt64(1), row.GetInt64(2)),
            ("$n", above.Length), ("$a", above), ("$most", MostEntries)))
        {
            var cut = name.IndexOf('/', StringComparison.Ordinal);
            if (cut >= 0)
                entries.TryAdd(name[..cut], new FileEntry(name[..cut], true, 0));
            else
                entries[name] = new FileEntry(name, false, bytes, DateTimeOffset.FromUnixTimeMilliseconds(written));
        }

        return entries.Count > 0 || path.IsRoot ? [.. entries.Values] : throw NotFound(path);
    }

    public override FilePiece Read(TreePath path, long from, int most)
    {
        var isOld = IsHistory(path, out var file, out var number);
        if (path.IsRoot || (isOld && number is null))
            throw IsFolder(path);
        var version = isOld ? VersionOf(file, number)
            : Newest(path) ?? throw (IsAbove(path) ? IsFolder(path) : NotFound(path));
        var bytes = version.Content.AsSpan((int)Math.Min(from, version.Content.Length));
        var (text, first, end) = Cut(path, bytes[..Math.Min(bytes.Length, most + 4)], from, most);
        return new FilePiece(text, first, end, version.Content.Length, version.Label)
        {
            Uri = $"{At}/{Versions}{(isOld ? file : path)}/{version.Number}",
        };
    }

    public override string Write(TreePath path, string text, Label label)
    {
        if (path.IsRoot || IsHistory(path, out _, out _))
            throw new MountException(SysStatus.Denied, $"{path.At(At)}: is no place for a file.");
        var content = Encoding.UTF8.GetBytes(text);
        if (content.Length > MostBytes)
            throw new MountException(SysStatus.Malformed,
                $"{path.At(At)}: {content.Length} bytes are too many; the most is {MostBytes}.");
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new MountException(SysStatus.Malformed, $"{path.At(At)}: the text holds a NUL character.");
        if (!label.FlowsTo(_readers))
            throw new MountException(SysStatus.Denied,
                $"{path.At(At)}: the text may be read by {label.Readers}, and the memory is read by {_readers}.");
        return _store.Write(() =>
        {
            for (var above = path.Names.Count - 1; above > 0; above--)
                if (Newest(TreePath.Parse("/" + string.Join('/', path.Names.Take(above)))) is not null)
                    throw new MountException(SysStatus.Malformed, $"{path.At(At)}: a file stands above it.");
            if (IsAbove(path))
                throw IsFolder(path);
            var last = Newest(path);
            if (last is not null && last.Label == label && last.Content.AsSpan().SequenceEqual(content))
                return $"{path.At(At)} holds that already, as version {last.Number}.";
            var number = (last?.Number ?? 0) + 1;
            if (last is not null)
            {
                _store.Run("UPDATE version SET newest=0 WHERE id=$id", ("$id", last.Id));
                _store.Run("DELETE FROM words WHERE rowid=$id", ("$id", last.Id));
            }

            _store.Run("""
                INSERT INTO version(path, number, content, label, written, newest)
                VALUES($path, $number, $content, $label, $written, 1)
                """, ("$path", path.ToString()), ("$number", number), ("$content", content),
                ("$label", label.ToText()), ("$written", _clock.GetUtcNow().ToUnixTimeMilliseconds()));
            _store.Run("INSERT INTO words(rowid, content) VALUES(last_insert_rowid(), $text)", ("$text", text));
            return $"{content.Length} bytes were written to {path.At(At)}, version {number}.";
        });
    }

    public override IReadOnlyList<FileHit> Search(TreePath path, string query, int most)
    {
        if (FullText.Query(query) is not { } words)
            return [];
        return _store.Rows("""
            SELECT version.path, content, label, score FROM
                (SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH $words)
                JOIN version USING(id) ORDER BY score, version.path
            """, row => (Path: TreePath.Parse(row.GetString(0)), Content: row.GetFieldValue<byte[]>(1),
                Label: Label.Parse(row.GetString(2)), Score: -row.GetDouble(3)), ("$words", words))
            .Where(found => found.Path.IsWithin(path)).Take(most).Select(found =>
            {
                var head = found.Content.AsSpan(0, Math.Min(found.Content.Length, MostShown + 4));
                var (text, first, end) = Cut(found.Path, head, 0, MostShown);
                return new FileHit(found.Path, first, end, found.Score, text, found.Label);
            }).ToList();
    }

    public void Dispose() => _store.Dispose();

    private sealed record Version(long Id, long Number, byte[] Content, Label Label, long Written);

    private static FileEntry Entry(string name, Version version) => new(name, false, version.Content.Length,
        DateTimeOffset.FromUnixTimeMilliseconds(version.Written), $"version {version.Number}");

    private Version? Newest(TreePath path) => Find("newest=1", path, 0);

    private Version VersionOf(TreePath file, long? number) =>
        Find("number=$n", file, number ?? 0) ?? throw NotFound(TreePath.Parse($"/{Versions}{file}/{number}"));

    private Version? Find(string which, TreePath path, long number) => _store.Rows(
        $"SELECT id, number, content, label, written FROM version WHERE path=$p AND {which}",
        row => new Version(row.GetInt64(0), row.GetInt64(1), row.GetFieldValue<byte[]>(2),
            Label.Parse(row.GetString(3)), row.GetInt64(4)), ("$p", path.ToString()), ("$n", number)).SingleOrDefault();

    private bool IsAbove(TreePath path) => _store.Number(
        "SELECT count(*) FROM (SELECT 1 FROM version WHERE newest=1 AND substr(path, 1, $n)=$a LIMIT 1)",
        ("$n", path.ToString().Length + 1), ("$a", path + "/")) > 0;

    // /.versions, /.versions/PATH and /.versions/PATH/NUMBER; a file whose own name is a number is meant by its path
    // only where there is such a file.
    private bool IsHistory(TreePath path, out TreePath file, out long? number)
    {
        (file, number) = (TreePath.Root, null);
        var names = path.Names;
        if (names.Count == 0 || names[0] != Versions)
            return false;
        file = TreePath.Parse("/" + string.Join('/', names.Skip(1)));
        if (names.Count > 2 && Newest(file) is null
            && long.TryParse(names[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var n))
            (file, number) = (TreePath.Parse("/" + string.Join('/', names.Skip(1).SkipLast(1))), n);
        return true;
    }
}
