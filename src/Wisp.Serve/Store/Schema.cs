using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Wisp.Serve.Store;

/// <summary>
/// The tables, as a list of steps: step n takes a file from version n to n + 1 and never changes once it was released.
/// The version is SQLite's user_version.
/// </summary>
internal static class Schema
{
    /// <summary>"Wisp" in ASCII, SQLite's application_id: no other program's file is taken for ours.</summary>
    private const int ApplicationId = 0x57697370;

    private static readonly string[] s_steps =
    [
        """
        CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            named INTEGER NOT NULL DEFAULT 0,
            settings TEXT NOT NULL DEFAULT '{}',
            leaf INTEGER REFERENCES messages (id) ON DELETE SET NULL,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL,
            deleted INTEGER
        );
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            parent INTEGER REFERENCES messages (id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
            state TEXT NOT NULL CHECK (state IN ('whole', 'writing', 'length', 'stopped', 'failed')),
            text TEXT NOT NULL,
            parts TEXT NOT NULL,
            model TEXT,
            fault TEXT,
            prompt_tokens INTEGER,
            tokens INTEGER,
            seconds REAL,
            created INTEGER NOT NULL
        );
        CREATE INDEX messages_of_conversation ON messages (conversation);
        CREATE INDEX messages_of_parent ON messages (parent);
        CREATE TABLE scores (
            message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            tokens BLOB NOT NULL
        );
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        """,
        """
        CREATE TABLE responses (
            id TEXT PRIMARY KEY,
            previous TEXT,
            input TEXT NOT NULL,
            reply TEXT NOT NULL,
            created INTEGER NOT NULL
        );
        """,
    ];

    public static int Version => s_steps.Length;

    /// <param name="upTo">The version to stop at; tests make older files with it.</param>
    /// <exception cref="InvalidDataException">The file is a newer one, or another program's.</exception>
    public static int BringUpToDate(SqliteConnection connection, string path, int? upTo = null)
    {
        // Looking does not need the lock that writing takes.
        if (VersionOf(connection, path) == (upTo ?? Version))
            return Version;
        using var transaction = connection.BeginTransaction(deferred: false);
        var version = VersionOf(connection, path); // another process may have been faster
        for (; version < (upTo ?? Version); version++)
            WispDatabase.Run(connection, s_steps[version]);
        WispDatabase.Run(connection, string.Create(CultureInfo.InvariantCulture,
            $"PRAGMA user_version = {version}; PRAGMA application_id = {ApplicationId};"));
        transaction.Commit();
        return version;
    }

    private static int VersionOf(SqliteConnection connection, string path)
    {
        var version = (int)(long)WispDatabase.Value(connection, "PRAGMA user_version")!;
        var owner = (int)(long)WispDatabase.Value(connection, "PRAGMA application_id")!;
        if (owner != ApplicationId && (owner != 0 || version != 0
            || WispDatabase.Value(connection, "SELECT 1 FROM sqlite_schema LIMIT 1") is not null))
            throw new InvalidDataException($"{path}: belongs to another program. Move it away, and a new one is made.");
        return version <= Version ? version : throw new InvalidDataException($"{path}: was written by a newer wisp " +
            $"(version {version}; this one knows {Version}). Use that one, or move the file away.");
    }
}
