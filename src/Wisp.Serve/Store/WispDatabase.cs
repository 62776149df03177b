using Microsoft.Data.Sqlite;

namespace Wisp.Serve.Store;

/// <summary>
/// The SQLite file that keeps what the server and the terminal chat know: any number of threads and processes may use
/// it at once. Opening it brings an older file up to date.
/// </summary>
/// <remarks>
/// Write-ahead logging lets readers and one writer go on together; synchronous=FULL makes a commit survive the loss of
/// power, so what is shown as saved is saved.
/// </remarks>
public sealed class WispDatabase : IDisposable
{
    /// <summary>The name of the file in the user's folder.</summary>
    public const string FileName = "wisp.db";

    private const int NotADatabase = 26, Corrupt = 11, Busy = 5, Locked = 6, CannotOpen = 14, ReadOnly = 8, Full = 13;

    // A second writer waits so long; every commit takes milliseconds.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly string _connection;
    private readonly SqliteConnection? _held; // what is in memory lives as long as a connection does

    private WispDatabase(string path, bool inMemory = false)
    {
        Path = path;
        _connection = new SqliteConnectionStringBuilder
        {
            DataSource = path, ForeignKeys = true, DefaultTimeout = (int)s_patience.TotalSeconds,
            Mode = inMemory ? SqliteOpenMode.Memory : SqliteOpenMode.ReadWriteCreate,
            Cache = inMemory ? SqliteCacheMode.Shared : SqliteCacheMode.Default,
        }.ToString();
        if (!inMemory)
            return;
        _held = new SqliteConnection(_connection);
        _held.Open();
    }

    public string Path { get; }

    /// <summary>Opens the file, or makes it, readable for its owner alone.</summary>
    /// <exception cref="InvalidDataException">It is damaged, no database of wisp, or a newer one.</exception>
    /// <exception cref="IOException">It is locked, or nothing can be written at that place.</exception>
    public static WispDatabase Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = System.IO.Path.GetFullPath(path);
        MakeFile(path);
        var database = new WispDatabase(path);
        database.Use(connection => Schema.BringUpToDate(connection, path));
        return database;
    }

    /// <summary>A database that is gone with this object.</summary>
    public static WispDatabase InMemory()
    {
        var database = new WispDatabase($"memory-{Guid.NewGuid():N}", inMemory: true);
        database.Use(connection => Schema.BringUpToDate(connection, "memory"));
        return database;
    }

    /// <summary>Closes the connections that are kept for the next use.</summary>
    public void Dispose()
    {
        using (var connection = new SqliteConnection(_connection))
            SqliteConnection.ClearPool(connection);
        _held?.Dispose();
    }

    /// <summary>Runs something on a connection of its own.</summary>
    /// <inheritdoc cref="Open" path="/exception"/>
    public T Use<T>(Func<SqliteConnection, T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        try
        {
            using var connection = new SqliteConnection(_connection);
            connection.Open();
            Run(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
            return work(connection);
        }
        catch (SqliteException e)
        {
            throw Told(e);
        }
    }

    /// <summary>The same in one transaction: all of it is written, or nothing.</summary>
    /// <inheritdoc cref="Open" path="/exception"/>
    public T Write<T>(Func<SqliteConnection, T> work) => Use(connection =>
    {
        // Immediate: a transaction that began as a reader could not become a writer after another one.
        using var transaction = connection.BeginTransaction(deferred: false);
        var result = work(connection);
        transaction.Commit();
        return result;
    });

    /// <summary>Runs statements that return nothing; values are bound by name.</summary>
    /// <returns>The rows that were changed.</returns>
    public static int Run(
        SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    /// <summary>The first value of the first row; null where there is none.</summary>
    public static object? Value(
        SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar() is { } found and not DBNull ? found : null;
    }

    /// <summary>All rows of a query.</summary>
    public static List<T> Rows<T>(SqliteConnection connection, string sql, Func<SqliteDataReader, T> read,
        params ReadOnlySpan<(string Name, object? Value)> values)
    {
        ArgumentNullException.ThrowIfNull(read);
        using var command = Command(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(read(reader));
        return rows;
    }

    private static SqliteCommand Command(
        SqliteConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> values)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // every statement is a constant of this assembly; what comes from outside is bound
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    private static void MakeFile(string path)
    {
        if (File.Exists(path))
            return;
        var folder = System.IO.Path.GetDirectoryName(path)!;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // SQLite gives the files of its log the permissions of this one.
        new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }).Dispose();
    }

    private Exception Told(SqliteException e) => e.SqliteErrorCode switch
    {
        NotADatabase or Corrupt => new InvalidDataException($"{Path}: is damaged, or is no database of wisp. Move it " +
            "away, and a new one is made; sqlite3 FILE .recover may save what it holds.", e),
        Busy or Locked => new IOException($"{Path}: another program has held it locked for " +
            $"{s_patience.TotalSeconds:0} seconds. Close that program and try again.", e),
        CannotOpen => new IOException($"{Path}: cannot be opened. Check the folder and its permissions.", e),
        ReadOnly => new IOException($"{Path}: may not be written to. Check its permissions (ls -l).", e),
        Full => new IOException($"{Path}: no space left to write. Free some space and try again.", e),
        _ => new IOException($"{Path}: {e.Message}", e),
    };
}
