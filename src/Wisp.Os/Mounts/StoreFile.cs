using Microsoft.Data.Sqlite;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A database of a mount: one connection, one writer at a time, whole or not at all.</summary>
internal sealed class StoreFile : IDisposable
{
    private const int Busy = 5, Full = 13, NotADatabase = 26, Corrupt = 11;

    private readonly SqliteConnection _connection;
    private readonly string _name;
    private readonly Lock _lock = new();

    /// <param name="path">A file, or ":memory:".</param>
    /// <param name="version">Of the schema; stored in the file.</param>
    /// <exception cref="MountException">It is no such file, or from a newer Wisp.</exception>
    public StoreFile(string path, int version, string schema)
    {
        _name = path;
        _connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString());
        try
        {
            _connection.Open();
            Run("PRAGMA journal_mode=WAL");
            Run("PRAGMA synchronous=NORMAL");
            Write(() =>
            {
                var found = Number("PRAGMA user_version");
                if (found > version)
                    throw new MountException(SysStatus.Failed,
                        $"{path}: was written by a newer Wisp (format {found}; this one knows {version}).");
                if (found == 0)
                    Run($"{schema}; PRAGMA user_version={version}");
                return 0;
            });
        }
        catch (SqliteException e)
        {
            _connection.Dispose();
            throw Fault(e);
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Rows of a query, read to the end under the lock.</summary>
    public List<T> Rows<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<(string, object)> values)
    {
        lock (_lock)
            try
            {
                using var command = Command(sql, values);
                using var reader = command.ExecuteReader();
                var rows = new List<T>();
                while (reader.Read())
                    rows.Add(row(reader));
                return rows;
            }
            catch (SqliteException e)
            {
                throw Fault(e);
            }
    }

    public void Run(string sql, params ReadOnlySpan<(string, object)> values)
    {
        lock (_lock)
            try
            {
                using var command = Command(sql, values);
                command.ExecuteNonQuery();
            }
            catch (SqliteException e)
            {
                throw Fault(e);
            }
    }

    public long Number(string sql, params ReadOnlySpan<(string, object)> values)
    {
        lock (_lock)
            try
            {
                using var command = Command(sql, values);
                return command.ExecuteScalar() is long number ? number : 0;
            }
            catch (SqliteException e)
            {
                throw Fault(e);
            }
    }

    /// <summary>Does all of it or nothing.</summary>
    public T Write<T>(Func<T> act)
    {
        lock (_lock)
        {
            Run("BEGIN IMMEDIATE");
            try
            {
                var result = act();
                Run("COMMIT");
                return result;
            }
            catch
            {
                // Where the transaction has ended already there is nothing to take back.
                using var command = Command("ROLLBACK", []);
                try
                {
                    command.ExecuteNonQuery();
                }
                catch (SqliteException)
                {
                }

                throw;
            }
        }
    }

    public void Dispose() => _connection.Dispose();

    private SqliteCommand Command(string sql, ReadOnlySpan<(string Name, object Value)> values)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in values)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    private MountException Fault(SqliteException e) => new(SysStatus.Failed, $"{_name}: " + e.SqliteErrorCode switch
    {
        Busy => "is being written by another program; try again.",
        Full => "the disk is full; nothing was changed.",
        NotADatabase or Corrupt => "is damaged or no such file. Move it away to begin anew.",
        _ => $"failed ({e.Message.ReplaceLineEndings(" ")}).",
    });
}
