using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Wisp.Kernel.Events;

/// <summary>The journal cannot be written or read; what was acknowledged before is in it.</summary>
public sealed class JournalException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>
/// All events, append-only, in an SQLite file. An entry is acknowledged when the transaction that holds it has been
/// committed: after kill -9 it is there, and after a power cut too where it was written as durable.
/// </summary>
/// <remarks>
/// WAL, synchronous=NORMAL; FULL for durable entries, which are intents of effects that must not happen twice. Every
/// entry carries its number within its process and a checksum over itself and the checksum before it in that process,
/// so damage shows and says whom it concerns. One writer; not thread-safe.
/// </remarks>
public sealed class Journal : IDisposable
{
    private const int SumBytes = 16, Full = 13;

    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _insert, _begin, _commit, _rollback;
    private readonly Dictionary<int, (long Count, byte[] Sum)> _chains = [];
    private long _last;
    private bool _isFull;

    private Journal(string path)
    {
        Path = path;
        Make(path);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path, Mode = SqliteOpenMode.ReadWriteCreate, Pooling = false, DefaultTimeout = 1,
        }.ToString());
        _connection.Open();
        Run("PRAGMA journal_mode=WAL");
        Run("PRAGMA synchronous=NORMAL");
        Run("PRAGMA locking_mode=EXCLUSIVE"); // two kernels on one journal would both do what is pending
        Run("""
            CREATE TABLE IF NOT EXISTS events(
                seq INTEGER PRIMARY KEY, tick INTEGER NOT NULL, time INTEGER NOT NULL, input INTEGER NOT NULL,
                pid INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, sum BLOB NOT NULL)
            """);
        _insert = Command("INSERT INTO events VALUES($seq, $tick, $time, $input, $pid, $n, $body, $sum)",
            "$seq", "$tick", "$time", "$input", "$pid", "$n", "$body", "$sum");
        (_begin, _commit, _rollback) = (Command("BEGIN IMMEDIATE"), Command("COMMIT"), Command("ROLLBACK"));
    }

    public string Path { get; }

    /// <summary>What was lost, one line each; empty for a journal that is whole.</summary>
    public IReadOnlyList<string> Damage { get; private set; } = [];

    /// <summary>Processes of which entries were lost; 0 stands for lost entries that may be of any.</summary>
    public IReadOnlySet<int> Damaged { get; private set; } = new HashSet<int>();

    /// <summary>Called before (false) and after (true) each commit.</summary>
    internal Action<bool>? Boundary { get; set; }

    /// <summary>
    /// Opens or makes a journal and reads what it holds. One with damage is set aside, and what can be read of it goes
    /// on in a new file of the same name.
    /// </summary>
    /// <exception cref="JournalException">It cannot be opened: in use by another kernel, no journal, no
    /// rights.</exception>
    public static Journal Open(string path, out IReadOnlyList<JournalEntry> entries)
    {
        try
        {
            if (System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) is { } folder)
                Directory.CreateDirectory(folder);
            var reading = File.Exists(path) ? JournalReader.Read(path) : JournalReader.Nothing;
            if (reading.Damage.Count > 0)
                SetAside(path);
            var journal = new Journal(path) { Damage = reading.Damage, Damaged = reading.Damaged };
            try
            {
                entries = reading.Entries;
                if (reading.Damage.Count > 0)
                    journal.Append(
                        entries = [.. entries.Select((entry, i) => entry with { Sequence = i + 1 })], durable: true);
                else
                    foreach (var entry in entries)
                        journal.Chain(entry, Body(entry.Event));
                return journal;
            }
            catch
            {
                journal.Dispose();
                throw;
            }
        }
        catch (SqliteException e)
        {
            throw new JournalException(e.SqliteErrorCode is 5 or 6
                ? $"{path}: another kernel has this journal open. Use that one, or end it first."
                : $"{path}: the journal cannot be opened ({e.Message}). Move the file away to begin a new one.", e);
        }
    }

    /// <summary>Writes entries in one transaction: all of them are acknowledged, or none is.</summary>
    /// <exception cref="JournalException">Nothing was written.</exception>
    public void Append(IReadOnlyList<JournalEntry> entries, bool durable)
    {
        Boundary?.Invoke(false);
        if (_isFull)
            throw new JournalException($"{Path}: an earlier entry could not be written. Start the kernel again.");
        var before = new List<(int Pid, (long Count, byte[] Sum)? Chain)>();
        var last = _last;
        try
        {
            if (durable)
                Run("PRAGMA synchronous=FULL");
            _begin.ExecuteNonQuery();
            foreach (var entry in entries)
            {
                var pid = entry.Event.Pid;
                before.Add((pid, _chains.TryGetValue(pid, out var chain) ? chain : null));
                var body = Body(entry.Event);
                Chain(entry, body);
                Bind(_insert, entry.Sequence, entry.Tick, entry.Time, entry.IsInput ? 1 : 0, pid,
                    _chains[pid].Count, body, _chains[pid].Sum);
                _insert.ExecuteNonQuery();
            }

            _commit.ExecuteNonQuery();
            if (durable)
                Run("PRAGMA synchronous=NORMAL");
        }
        catch (SqliteException e)
        {
            _isFull = true;
            _last = last;
            before.Reverse();
            foreach (var (pid, chain) in before)
                if (chain is { } kept)
                    _chains[pid] = kept;
                else
                    _chains.Remove(pid);
            try
            {
                _rollback.ExecuteNonQuery();
            }
            catch (SqliteException)
            {
                // SQLite has rolled back itself.
            }

            throw new JournalException(e.SqliteErrorCode == Full
                ? $"{Path}: the disk is full, so nothing more is begun. Free some space and start the kernel again; " +
                    $"all {_last} entries are kept."
                : $"{Path}: the journal cannot be written ({e.Message}). All {_last} entries before are kept.", e);
        }

        Boundary?.Invoke(true);
    }

    /// <summary>The most pages that the file may have: a disk that is full, for tests.</summary>
    internal void LimitPages(int pages) => Run($"PRAGMA max_page_count={pages}");

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])[_insert, _begin, _commit, _rollback])
            command.Dispose();
        _connection.Dispose();
    }

    internal static byte[] Body(KernelEvent e) => JsonSerializer.SerializeToUtf8Bytes(e, EventJson.Default.KernelEvent);

    /// <summary>The checksum of an entry, given that of the one before it in its process.</summary>
    internal static byte[] Sum(ReadOnlySpan<byte> previous, JournalEntry entry, long number, ReadOnlySpan<byte> body)
    {
        Span<byte> head = stackalloc byte[(5 * sizeof(long)) + SumBytes];
        head.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(head, entry.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], entry.Tick);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], entry.Time);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], entry.IsInput ? 1 : 0);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], number);
        previous.CopyTo(head[40..]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        hash.AppendData(body);
        return hash.GetHashAndReset()[..SumBytes];
    }

    private void Chain(JournalEntry entry, byte[] body)
    {
        if (entry.Sequence <= _last)
            throw new ArgumentException($"Entry {entry.Sequence} after {_last}.");
        _last = entry.Sequence;
        var (count, sum) = _chains.GetValueOrDefault(entry.Event.Pid, (0, []));
        _chains[entry.Event.Pid] = (count + 1, Sum(sum, entry, count + 1, body));
    }

    // For its owner alone: what was asked and answered stands in it. SQLite gives its log the same permissions.
    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        try
        {
            new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // SQLite says what is wrong.
        }
    }

    private static void SetAside(string path)
    {
        var aside = $"{path}.damaged";
        for (var i = 2; File.Exists(aside); i++)
            aside = $"{path}.damaged-{i}";
        File.Move(path, aside);
        foreach (var suffix in (string[])["-wal", "-shm"])
            if (File.Exists(path + suffix))
                File.Move(path + suffix, aside + suffix);
    }

    private SqliteCommand Command(string text, params ReadOnlySpan<string> names)
    {
        var command = _connection.CreateCommand();
        command.CommandText = text;
        foreach (var name in names)
            command.Parameters.Add(new SqliteParameter(name, null));
        command.Prepare();
        return command;
    }

    private static void Bind(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i];
    }

    private void Run(string text)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}
