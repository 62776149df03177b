using Microsoft.Data.Sqlite;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Serve.Store;

public sealed class WispDatabaseTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_older_version_is_brought_up_to_date_and_keeps_what_it_holds()
    {
        for (var version = 0; version <= Schema.Version; version++)
        {
            var path = _folder[$"{version}.db"];
            using (var connection = new SqliteConnection($"Data Source={path}; Pooling=False"))
            {
                connection.Open();
                Schema.BringUpToDate(connection, path, upTo: version);
                if (version > 0)
                    WispDatabase.Run(connection, """
                        INSERT INTO conversations (title, settings, created, changed) VALUES ('kept', '{}', 1, 2)
                        """);
            }

            using var database = WispDatabase.Open(path);
            Assert.Equal((long)Schema.Version, database.Use(c => WispDatabase.Value(c, "PRAGMA user_version")));
            var conversations = new Conversations(database, TimeProvider.System);
            Assert.Equal(version > 0 ? ["kept"] : [], conversations.List().Select(c => c.Title));
            conversations.Create(new ChatSettings());
        }
    }

    [Fact]
    public void The_tables_of_a_released_version_do_not_change()
    {
        // A file of version 1 is out there: its step may not be edited. A change of tables is a new step.
        using var database = WispDatabase.InMemory();
        var columns = database.Use(connection => WispDatabase.Rows(connection, """
            SELECT m.name || ':' || group_concat(p.name, ' ') FROM sqlite_schema AS m, pragma_table_info(m.name) AS p
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name ORDER BY m.name
            """, row => row.GetString(0)));
        Assert.Equal(
        [
            "conversations:id title named settings leaf created changed deleted",
            "messages:id conversation parent role state text parts model fault prompt_tokens tokens seconds created",
            "responses:id previous input reply created",
            "scores:message tokens",
            "settings:name value",
        ], columns);
    }

    [Theory]
    [InlineData("this is no database, it is a letter to a friend about databases", "is damaged, or is no database")]
    [InlineData("SQLite format 3\0 and then nothing that follows from it in any way", "is damaged, or is no database")]
    public void A_file_that_is_no_database_is_one_clear_error(string content, string message)
    {
        File.WriteAllText(_folder["x.db"], content.PadRight(4096, '.'));
        var fault = Assert.Throws<InvalidDataException>(() => WispDatabase.Open(_folder["x.db"]));
        Assert.StartsWith(_folder["x.db"], fault.Message);
        Assert.Contains(message, fault.Message);
    }

    [Fact]
    public void A_newer_file_and_that_of_another_program_are_left_alone()
    {
        Make("newer.db", $"PRAGMA application_id = {0x57697370}; PRAGMA user_version = 99");
        Make("other.db", "CREATE TABLE songs (name TEXT)");
        Assert.Contains("newer wisp (version 99",
            Assert.Throws<InvalidDataException>(() => WispDatabase.Open(_folder["newer.db"])).Message);
        Assert.Contains("belongs to another program",
            Assert.Throws<InvalidDataException>(() => WispDatabase.Open(_folder["other.db"])).Message);

        void Make(string name, string sql)
        {
            using var connection = new SqliteConnection($"Data Source={_folder[name]}; Pooling=False");
            connection.Open();
            WispDatabase.Run(connection, sql);
        }
    }

    [Fact]
    public void What_is_kept_is_for_its_owner_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such permissions.");
        using var database = WispDatabase.Open(_folder["deep/er/wisp.db"]);
        new Conversations(database, TimeProvider.System).Create(new ChatSettings());
        foreach (var file in Directory.GetFiles(_folder["deep/er"]))
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void A_folder_that_cannot_be_is_one_clear_error() => Assert.ThrowsAny<IOException>(
        () => WispDatabase.Open(Path.Combine(_folder.Put("file", []), "wisp.db")));

    [Fact]
    [Trait("cost", "medium")]
    public void A_file_that_stays_locked_is_one_clear_error()
    {
        using var database = WispDatabase.Open(_folder["x.db"]);
        using var other = new SqliteConnection($"Data Source={_folder["x.db"]}; Pooling=False");
        other.Open();
        WispDatabase.Run(other, "BEGIN IMMEDIATE");
        var fault = Assert.Throws<IOException>(
            () => new Conversations(database, TimeProvider.System).Create(new ChatSettings()));
        Assert.Contains("x.db: another program has held it locked", fault.Message);
    }
}
