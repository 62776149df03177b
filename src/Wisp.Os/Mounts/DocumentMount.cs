using System.Security.Cryptography;
using System.Text;
using Wisp.Compute;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>What indexing a folder did.</summary>
/// <param name="Skipped">Files that hold no text, with the reason, at most the first hundred.</param>
public sealed record IndexReport(int Added, int Changed, int Removed, int Same, IReadOnlyList<string> Skipped);

/// <summary>
/// ragfs: documents by search. Each collection is a folder of the user's, read into a database with a full-text index
/// (words by Porter's stems, ranked by BM25); what a search or a reading gives back is a span of bytes of a document,
/// so that a citation can be checked against it, also after the file has changed.
/// </summary>
public sealed class DocumentMount : FileMount, IDisposable
{
    /// <summary>The longest document.</summary>
    public const int MostBytes = 32 << 20;

    private const int MostSkipped = 100;
    private const int Format = 1;

    private const string Schema = """
        CREATE TABLE document(
            id INTEGER PRIMARY KEY, collection TEXT NOT NULL, path TEXT NOT NULL, hash BLOB NOT NULL,
            bytes INTEGER NOT NULL, modified INTEGER NOT NULL, content BLOB NOT NULL, UNIQUE(collection, path));
        CREATE TABLE chunk(
            id INTEGER PRIMARY KEY, document INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
        CREATE INDEX chunks ON chunk(document);
        CREATE VIRTUAL TABLE words USING fts5(
            content, content='', contentless_delete=1, tokenize='porter unicode61')
        """;

    private readonly StoreFile _store;
    private readonly ReaderSet _readers;

    /// <param name="file">The database, made where it is not there; ":memory:" keeps nothing.</param>
    /// <param name="readers">Who may read the documents.</param>
    public DocumentMount(TreePath at, string file, ReaderSet readers) : base(at) =>
        (_store, _readers) = (new StoreFile(file, Format, Schema), readers);

    protected override Label Names => new(SourceSet.Of(Source.File(At.ToString())), _readers);

    /// <summary>
    /// Brings a collection up to date with a folder: files of the same size and time are not read, those of the same
    /// bytes not indexed, and what is gone is removed. Each document is taken in whole or not at all, so after an
    /// interruption it goes on where it was.
    /// </summary>
    /// <param name="seen">Told the path of each document that is taken in.</param>
    /// <exception cref="IOException">It is no folder that can be opened.</exception>
    public IndexReport Index(
        string collection, string folder, Action<string>? seen = null, CancellationToken cancel = default)
    {
        using var root = new HostFolder(folder);
        var (added, changed, same) = (0, 0, 0);
        var skipped = new List<string>();
        var known = _store.Rows("SELECT path, bytes, modified FROM document WHERE collection=$c",
            row => (row.GetString(0), (row.GetInt64(1), row.GetInt64(2))), ("$c", collection)).ToDictionary();
        var gone = known.Keys.ToHashSet();
        var folders = new Stack<TreePath>([TreePath.Root]);
        while (folders.TryPop(out var at))
            foreach (var (name, node) in root.List(at.Names))
            {
                cancel.ThrowIfCancellationRequested();
                if (name.StartsWith('.'))
                    continue;
                if (node is null || !TreePath.IsName(name))
                {
                    Skip($"{at}/{TreePath.Shown(name)}: cannot be opened, or has no name that a path can hold");
                    continue;
                }

                var path = at.Child(name);
                if (node.Kind == HostNodeKind.Folder)
                {
                    folders.Push(path);
                    continue;
                }

                gone.Remove(path.ToString());
                var stamp = (node.Bytes, node.Modified.UtcTicks);
                if (known.TryGetValue(path.ToString(), out var before) && before == stamp)
                    same++;
                else if (Text(node) is not { } bytes)
                {
                    Skip($"{path}: is no UTF-8 text of at most {MostBytes} bytes");
                    gone.UnionWith(known.ContainsKey(path.ToString()) ? [path.ToString()] : []);
                }
                else
                {
                    seen?.Invoke(path.ToString());
                    Put(collection, path, bytes, stamp.UtcTicks);
                    (added, changed) = known.ContainsKey(path.ToString()) ? (added, changed + 1) : (added + 1, changed);
                }
            }

        foreach (var path in gone)
            Remove(collection, path);
        return new IndexReport(added, changed, gone.Count, same, skipped);

        void Skip(string why)
        {
            if (skipped.Count < MostSkipped)
                skipped.Add(why);
        }
    }

    /// <summary>Takes in one document; the same bytes again change nothing.</summary>
    public void Put(string collection, TreePath path, ReadOnlySpan<byte> content, long modified = 0)
    {
        if (!TreePath.IsName(collection))
            throw new MountException(
                SysStatus.Malformed, $"'{TreePath.Shown(collection)}' is no name of a collection.");
        var bytes = content.ToArray();
        var hash = SHA256.HashData(bytes);
        var spans = Chunks.Of(bytes);
        _store.Write(() =>
        {
            var same = _store.Rows("SELECT id FROM document WHERE collection=$c AND path=$p AND hash=$h",
                row => row.GetInt64(0), ("$c", collection), ("$p", path.ToString()), ("$h", hash));
            if (same.Count == 1)
            {
                _store.Run("UPDATE document SET modified=$m WHERE id=$id", ("$m", modified), ("$id", same[0]));
                return 0;
            }

            RemoveRows(collection, path.ToString());
            _store.Run("""
                INSERT INTO document(collection, path, hash, bytes, modified, content)
                VALUES($c, $p, $h, $n, $m, $content)
                """, ("$c", collection), ("$p", path.ToString()), ("$h", hash), ("$n", bytes.Length), ("$m", modified),
                ("$content", bytes));
            var document = _store.Number("SELECT last_insert_rowid()");
            foreach (var (first, last) in spans)
            {
                _store.Run("INSERT INTO chunk(document, first, last) VALUES($d, $first, $last)",
                    ("$d", document), ("$first", first), ("$last", last));
                _store.Run("INSERT INTO words(rowid, content) VALUES(last_insert_rowid(), $text)",
                    ("$text", Encoding.UTF8.GetString(bytes, first, last - first)));
            }

            return 0;
        });
    }

    public override FileEntry Stat(TreePath path)
    {
        if (path.Names.Count > 1 && Find(path) is { } document)
            return new FileEntry(path.Name, false, document.Content.Length,
                document.Modified > 0 ? new DateTimeOffset(document.Modified, default) : null);
        return path.IsRoot || Below(path).Count > 0 ? new FileEntry(path.Name, true, 0) : throw NotFound(path);
    }

    public override IReadOnlyList<FileEntry> List(TreePath path)
    {
        if (path.IsRoot)
            return _store.Rows("SELECT collection, count(*) FROM document GROUP BY collection ORDER BY collection",
                row => new FileEntry(row.GetString(0), true, 0, Note: $"{row.GetInt64(1)} documents"));
        var found = Below(path);
        if (found.Count == 0)
            throw path.Names.Count > 1 && Find(path) is not null ? IsFile(path) : NotFound(path);
        var entries = new SortedDictionary<string, FileEntry>(StringComparer.Ordinal);
        foreach (var (name, bytes) in found)
            if (name.IndexOf('/', StringComparison.Ordinal) is >= 0 and var cut)
                entries.TryAdd(name[..cut], new FileEntry(name[..cut], true, 0));
            else
                entries[name] = new FileEntry(name, false, bytes);
        return [.. entries.Values];
    }

    public override FilePiece Read(TreePath path, long from, int most)
    {
        if (path.Names.Count < 2 || Find(path) is not { } document)
            throw path.IsRoot || Below(path).Count > 0 ? IsFolder(path) : NotFound(path);
        var bytes = document.Content.AsSpan((int)Math.Min(from, document.Content.Length));
        var (text, first, end) = Cut(path, bytes[..Math.Min(bytes.Length, most + 4)], from, most);
        return new FilePiece(text, first, end, document.Content.Length, LabelOf(path));
    }

    public override IReadOnlyList<FileHit> Search(TreePath path, string query, int most)
    {
        if (FullText.Query(query) is not { } words)
            return [];
        var inside = path.Names.Count < 2 ? "" : "/" + string.Join('/', path.Names.Skip(1));
        var found = _store.Rows("""
            SELECT collection, path, first, last, score, substr(content, first + 1, last - first) FROM
                (SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH $words)
                JOIN chunk USING(id) JOIN document ON document.id = chunk.document
            WHERE ($c = '' OR collection = $c) AND ($p = '' OR path = $p OR substr(path, 1, $n) = $p || '/')
            ORDER BY score, chunk.id LIMIT $most
            """, row => (Path: $"/{row.GetString(0)}{row.GetString(1)}", From: row.GetInt64(2), To: row.GetInt64(3),
                Score: -row.GetDouble(4), Text: Encoding.UTF8.GetString(row.GetFieldValue<byte[]>(5))),
            ("$words", words), ("$c", path.IsRoot ? "" : path.Names[0]), ("$p", inside), ("$n", inside.Length + 1),
            ("$most", most));
        return [.. found.Select(hit =>
        {
            var at = TreePath.Parse(hit.Path);
            return new FileHit(at, hit.From, hit.To, hit.Score, hit.Text, LabelOf(at));
        })];
    }

    public void Dispose() => _store.Dispose();

    private Label LabelOf(TreePath path) => new(SourceSet.Of(Source.File(path.At(At).ToString())), _readers);

    private (byte[] Content, long Modified)? Find(TreePath path) => _store.Rows(
        "SELECT content, modified FROM document WHERE collection=$c AND path=$p",
        row => ((byte[], long)?)(row.GetFieldValue<byte[]>(0), row.GetInt64(1)),
        ("$c", path.Names[0]), ("$p", "/" + string.Join('/', path.Names.Skip(1)))).SingleOrDefault();

    private List<(string Name, long Bytes)> Below(TreePath folder)
    {
        var above = "/" + string.Concat(folder.Names.Skip(1).Select(name => name + "/"));
        return _store.Rows("""
            SELECT path, bytes FROM document WHERE collection=$c AND substr(path, 1, $n)=$a ORDER BY path LIMIT $most
            """, row => (row.GetString(0)[above.Length..], row.GetInt64(1)),
            ("$c", folder.Names[0]), ("$n", above.Length), ("$a", above), ("$most", MostEntries));
    }

    private void Remove(string collection, string path) => _store.Write(() =>
    {
        RemoveRows(collection, path);
        return 0;
    });

    private void RemoveRows(string collection, string path)
    {
        foreach (var id in _store.Rows("SELECT id FROM document WHERE collection=$c AND path=$p",
            row => row.GetInt64(0), ("$c", collection), ("$p", path)))
        {
            _store.Run("DELETE FROM words WHERE rowid IN (SELECT id FROM chunk WHERE document=$d)", ("$d", id));
            _store.Run("DELETE FROM chunk WHERE document=$d", ("$d", id));
            _store.Run("DELETE FROM document WHERE id=$d", ("$d", id));
        }
    }

    private static byte[]? Text(HostNode node)
    {
        if (node.Kind != HostNodeKind.File || node.Bytes > MostBytes)
            return null;
        try
        {
            var bytes = HostFolder.Read(node, 0, MostBytes);
            return System.Text.Unicode.Utf8.IsValid(bytes) && !bytes.AsSpan().Contains((byte)0) ? bytes : null;
        }
        catch (HostPathException)
        {
            return null;
        }
    }
}
