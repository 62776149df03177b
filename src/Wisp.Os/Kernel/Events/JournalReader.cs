using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Wisp.Kernel.Events;

/// <summary>What a journal holds, and what it lacks.</summary>
internal sealed record JournalReading(
    IReadOnlyList<JournalEntry> Entries, IReadOnlyList<string> Damage, IReadOnlySet<int> Damaged);

/// <summary>Reads a journal entry by entry, so that one damaged page costs the entries on it and no others.</summary>
internal static class JournalReader
{
    public static JournalReading Nothing { get; } = new([], [], new HashSet<int>());

    private sealed record Row(JournalEntry Entry, long Number, byte[] Body, byte[] Sum);

    /// <exception cref="JournalException">It is no journal at all.</exception>
    public static JournalReading Read(string path)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1,
        }.ToString());
        connection.Open();
        List<string> damage = [];
        var rows = Whole(connection, path, damage, out var isEndKnown);
        var (entries, damaged) = Verify(rows, damage);
        if (!isEndKnown)
            damaged.Add(0); // the last entries may be lost, and nothing after them says whose they were
        return new JournalReading(entries, damage, damaged);
    }

    private static List<Row> Whole(
        SqliteConnection connection, string path, List<string> damage, out bool isEndKnown)
    {
        isEndKnown = true;
        var rows = new List<Row>();
        long last = 0;
        try
        {
            using var table = connection.CreateCommand();
            table.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = 'events'";
            if ((long)table.ExecuteScalar()! == 0)
            {
                using var any = connection.CreateCommand();
                any.CommandText = "SELECT count(*) FROM sqlite_master";
                return (long)any.ExecuteScalar()! == 0 ? rows
                    : throw new JournalException($"{path}: is a database of something else. Choose another place.");
            }

            using var all = connection.CreateCommand();
            all.CommandText = "SELECT seq, tick, time, input, pid, n, body, sum FROM events ORDER BY seq";
            using var reader = all.ExecuteReader();
            while (reader.Read())
            {
                last = reader.GetInt64(0);
                Take(reader, rows, damage);
            }

            return rows;
        }
        catch (SqliteException e) when (e.SqliteErrorCode == 11)
        {
            damage.Add($"{path}: {e.Message}, after entry {last}.");
        }

        // Backwards from the end, then forwards entry by entry.
        rows.Clear();
        damage.RemoveRange(0, damage.Count - 1);
        var end = Highest(connection, last, out isEndKnown);
        for (var seq = 1L; seq <= end; seq++)
            try
            {
                using var one = connection.CreateCommand();
                one.CommandText = $"SELECT seq, tick, time, input, pid, n, body, sum FROM events WHERE seq = {seq}";
                using var reader = one.ExecuteReader();
                if (reader.Read())
                    Take(reader, rows, damage);
            }
            catch (SqliteException)
            {
                // Its page is gone; Verify says so.
            }

        return rows;
    }

    private static long Highest(SqliteConnection connection, long known, out bool isEnd)
    {
        isEnd = true;
        try
        {
            using var max = connection.CreateCommand();
            max.CommandText = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1";
            return max.ExecuteScalar() is long found ? Math.Max(found, known) : known;
        }
        catch (SqliteException)
        {
            isEnd = false;
            return known;
        }
    }

    private static void Take(SqliteDataReader reader, List<Row> rows, List<string> damage)
    {
        try
        {
            var body = (byte[])reader.GetValue(6);
            var found = JsonSerializer.Deserialize(body, EventJson.Default.KernelEvent)
                ?? throw new JsonException("null");
            rows.Add(new Row(new JournalEntry(
                reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3) != 0, found),
                reader.GetInt64(5), body, (byte[])reader.GetValue(7)));
        }
        catch (Exception e) when (e is JsonException or InvalidCastException or NotSupportedException
            or ArgumentException)
        {
            damage.Add($"entry {reader.GetValue(0)} cannot be read: {e.Message}");
        }
    }

    private static (List<JournalEntry> Entries, HashSet<int> Damaged) Verify(List<Row> rows, List<string> damage)
    {
        var entries = new List<JournalEntry>();
        var damaged = new HashSet<int>();
        var chains = new Dictionary<int, (long Number, byte[] Sum)>();
        long expected = 1, lost = 0, found = 0;
        foreach (var row in rows)
        {
            var pid = row.Entry.Event.Pid;
            if (row.Entry.Sequence != expected)
            {
                damage.Add(row.Entry.Sequence == expected + 1 ? $"entry {expected} is lost."
                    : $"entries {expected} to {row.Entry.Sequence - 1} are lost.");
                lost += row.Entry.Sequence - expected;
            }

            expected = row.Entry.Sequence + 1;
            var (number, sum) = chains.GetValueOrDefault(pid, (0, []));
            if (row.Number != number + 1)
            {
                found += row.Number - number - 1;
                damaged.Add(pid);
                if (number == 0)
                    damage.Add($"the beginning of process {pid} is lost, so it cannot go on.");
            }
            else if (!Journal.Sum(sum, row.Entry, row.Number, row.Body).AsSpan().SequenceEqual(row.Sum))
            {
                damage.Add($"entry {row.Entry.Sequence} of process {pid} is not what was written.");
                damaged.Add(pid);
                chains[pid] = (row.Number, row.Sum);
                continue; // what it says is not to be believed
            }

            chains[pid] = (row.Number, row.Sum);
            entries.Add(row.Entry);
        }

        if (lost > found)
            damaged.Add(0);
        return (entries, damaged);
    }
}
