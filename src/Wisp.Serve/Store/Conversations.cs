using System.IO.Compression;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Wisp.Serve.Talk;

namespace Wisp.Serve.Store;

/// <summary>
/// The conversations of one person, shared by the page and the terminal. Every method is one commit: when it returns,
/// what it wrote survives a kill.
/// </summary>
public sealed class Conversations(WispDatabase database, TimeProvider time)
{
    /// <summary>The longest title that is made from a message; in UTF-16 units.</summary>
    public const int TitleLength = 60;

    // Long enough to undo a deletion, and short enough for what was deleted to be gone.
    private static readonly TimeSpan s_undo = TimeSpan.FromHours(1);

    private const string Columns = "id, title, settings, leaf, created, changed";

    private const string MessageColumns = "id, conversation, parent, role, state, parts, model, fault, " +
        "prompt_tokens, tokens, seconds, created";

    /// <summary>The newest first; with a search those whose title or messages hold the text.</summary>
    public IReadOnlyList<Conversation> List(string search = "", int most = 500)
    {
        ArgumentNullException.ThrowIfNull(search);
        return database.Use(connection => WispDatabase.Rows(connection, $"""
            SELECT {Columns} FROM conversations AS c WHERE deleted IS NULL AND ($like IS NULL
                OR title LIKE $like ESCAPE '\'
                OR EXISTS (SELECT 1 FROM messages WHERE conversation = c.id AND text LIKE $like ESCAPE '\'))
            ORDER BY changed DESC, id DESC LIMIT $most
            """, ReadConversation, ("$like", search.Length == 0 ? null : $"%{Escaped(search)}%"), ("$most", most)));
    }

    public Conversation? Find(long id) => database.Use(connection => WispDatabase.Rows(connection,
        $"SELECT {Columns} FROM conversations WHERE id = $id AND deleted IS NULL", ReadConversation, ("$id", id))
        .FirstOrDefault());

    public Conversation Create(ChatSettings settings) => database.Write(connection =>
    {
        var id = (long)WispDatabase.Value(connection, """
            INSERT INTO conversations (title, settings, created, changed) VALUES ('', $settings, $now, $now)
            RETURNING id
            """, ("$settings", Written(settings)), ("$now", Now()))!;
        return new Conversation
        {
            Id = id,
            Title = "",
            Settings = settings,
            Created = Time(Now()),
            Changed = Time(Now()),
        };
    });

    /// <returns>False where there is no such conversation; so with all that change one.</returns>
    public bool Rename(long id, string title) => Change(id,
        "UPDATE conversations SET title = $title, named = 1 WHERE id = $id AND deleted IS NULL", ("$title", title));

    public bool Configure(long id, ChatSettings settings) => Change(id,
        "UPDATE conversations SET settings = $settings WHERE id = $id AND deleted IS NULL",
        ("$settings", Written(settings)));

    /// <summary>Takes a conversation away; for an hour <see cref="Restore"/> brings it back.</summary>
    public bool Delete(long id) => Change(id,
        "UPDATE conversations SET deleted = $now WHERE id = $id AND deleted IS NULL", ("$now", Now()));

    public bool Restore(long id) =>
        Change(id, "UPDATE conversations SET deleted = NULL WHERE id = $id AND deleted IS NOT NULL");

    /// <summary>Removes for good what was deleted more than an hour ago.</summary>
    public void Purge() => database.Write(connection => WispDatabase.Run(connection,
        "DELETE FROM conversations WHERE deleted < $old", ("$old", Now() - (long)s_undo.TotalMilliseconds)));

    /// <summary>All messages of a conversation, each after its parent.</summary>
    public IReadOnlyList<Message> Messages(long conversation) => database.Use(connection => WispDatabase.Rows(
        connection, $"SELECT {MessageColumns} FROM messages WHERE conversation = $id ORDER BY id", ReadMessage,
        ("$id", conversation)));

    public Message? Message(long id) => database.Use(connection => WispDatabase.Rows(connection, $"""
        SELECT {MessageColumns} FROM messages AS m WHERE id = $id
            AND EXISTS (SELECT 1 FROM conversations WHERE id = m.conversation AND deleted IS NULL)
        """, ReadMessage, ("$id", id)).FirstOrDefault());

    /// <summary>The branch that ends with a message, from its first message on.</summary>
    public IReadOnlyList<Message> Branch(long? leaf) => leaf is null ? [] : database.Use(connection =>
        WispDatabase.Rows(connection, $"""
            WITH RECURSIVE branch (id, up, depth) AS (
                SELECT id, parent, 0 FROM messages WHERE id = $leaf
                UNION ALL SELECT m.id, m.parent, depth + 1 FROM messages AS m JOIN branch ON m.id = up)
            SELECT {MessageColumns} FROM messages JOIN branch USING (id) ORDER BY depth DESC
            """, ReadMessage, ("$leaf", leaf)));

    /// <summary>
    /// Adds a message and makes it the one that is shown. The first message gives the conversation its title.
    /// </summary>
    /// <returns>The message with its number.</returns>
    /// <exception cref="ArgumentException">There is no such conversation, or the parent is not of it.</exception>
    public Message Add(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        message = message with { Created = Time(Now()) };
        return database.Write(connection =>
        {
            if (message.Parent is { } parent && (long?)WispDatabase.Value(connection,
                "SELECT conversation FROM messages WHERE id = $id", ("$id", parent)) != message.Conversation)
                throw new ArgumentException($"Message {parent} is not one of conversation {message.Conversation}.");
            var changed = WispDatabase.Run(connection, """
                UPDATE conversations SET changed = $now, title = CASE WHEN title = '' AND named = 0 THEN $title
                ELSE title END WHERE id = $id AND deleted IS NULL
                """, ("$now", Now()), ("$id", message.Conversation), ("$title", TitleOf(message.Text)));
            if (changed == 0)
                throw new ArgumentException($"There is no conversation {message.Conversation}.");
            var id = (long)WispDatabase.Value(connection, """
                INSERT INTO messages (conversation, parent, role, state, text, parts, model, created)
                VALUES ($conversation, $parent, $role, $state, $text, $parts, $model, $created) RETURNING id
                """, ("$conversation", message.Conversation), ("$parent", message.Parent),
                ("$role", message.Role == MessageRole.User ? "user" : "assistant"), ("$state", Name(message.State)),
                ("$text", message.Text), ("$parts", Written(message.Parts)), ("$model", message.Model),
                ("$created", message.Created.ToUnixTimeMilliseconds()))!;
            WispDatabase.Run(connection, "UPDATE conversations SET leaf = $leaf WHERE id = $id", ("$leaf", id),
                ("$id", message.Conversation));
            return message with { Id = id };
        });
    }

    /// <summary>Writes how far an answer is: its parts, state, fault and cost.</summary>
    public void Update(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        database.Write(connection => WispDatabase.Run(connection, """
            UPDATE messages SET state = $state, text = $text, parts = $parts, fault = $fault,
                prompt_tokens = $prompt, tokens = $tokens, seconds = $seconds WHERE id = $id
            """, ("$id", message.Id), ("$state", Name(message.State)), ("$text", message.Text),
            ("$parts", Written(message.Parts)), ("$fault", message.Fault), ("$prompt", message.Cost?.PromptTokens),
            ("$tokens", message.Cost?.Tokens), ("$seconds", message.Cost?.Seconds)));
    }

    /// <summary>Shows the branch that ends with this message; null shows an empty conversation.</summary>
    public bool Show(long conversation, long? leaf) => Change(conversation,
        "UPDATE conversations SET leaf = $leaf WHERE id = $id AND deleted IS NULL", ("$leaf", leaf));

    /// <summary>Keeps the shares of an answer's tokens, compressed: their text repeats itself.</summary>
    public void KeepScores(long message, IReadOnlyList<ScoredToken> tokens)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest))
            JsonSerializer.Serialize(brotli, tokens, StoreJson.Default.IReadOnlyListScoredToken);
        database.Write(connection => WispDatabase.Run(connection,
            "INSERT OR REPLACE INTO scores (message, tokens) VALUES ($message, $tokens)", ("$message", message),
            ("$tokens", packed.ToArray())));
    }

    /// <summary>The shares of an answer's tokens; null where none were kept.</summary>
    public IReadOnlyList<ScoredToken>? Scores(long message)
    {
        if (database.Use(connection => WispDatabase.Value(connection,
            "SELECT tokens FROM scores WHERE message = $message", ("$message", message))) is not byte[] packed)
            return null;
        using var brotli = new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress);
        return JsonSerializer.Deserialize(brotli, StoreJson.Default.IReadOnlyListScoredToken);
    }

    /// <summary>What new conversations begin with.</summary>
    public ChatSettings Defaults
    {
        get => database.Use(connection => WispDatabase.Value(connection,
            "SELECT value FROM settings WHERE name = 'chat'") is string text ? Read(text) : new ChatSettings());
        set => database.Write(connection => WispDatabase.Run(connection,
            "INSERT OR REPLACE INTO settings (name, value) VALUES ('chat', $value)", ("$value", Written(value))));
    }

    /// <summary>One line, cut between words where there are some.</summary>
    internal static string TitleOf(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= TitleLength)
            return line;
        var cut = line.LastIndexOf(' ', TitleLength - 1) is > TitleLength / 2 and var space ? space : TitleLength - 1;
        return line[..(char.IsHighSurrogate(line[cut - 1]) ? cut - 1 : cut)] + "…";
    }

    private bool Change(long id, string sql, params ReadOnlySpan<(string, object?)> values)
    {
        (string, object?)[] bound = [.. values, ("$id", id)];
        return database.Write(connection => WispDatabase.Run(connection, sql, bound)) > 0;
    }

    private static Conversation ReadConversation(SqliteDataReader row) => new()
    {
        Id = row.GetInt64(0), Title = row.GetString(1), Settings = Read(row.GetString(2)),
        Leaf = row.IsDBNull(3) ? null : row.GetInt64(3),
        Created = Time(row.GetInt64(4)), Changed = Time(row.GetInt64(5)),
    };

    private static Message ReadMessage(SqliteDataReader row) => new()
    {
        Id = row.GetInt64(0), Conversation = row.GetInt64(1), Parent = row.IsDBNull(2) ? null : row.GetInt64(2),
        Role = row.GetString(3) == "user" ? MessageRole.User : MessageRole.Assistant,
        State = Enum.Parse<MessageState>(row.GetString(4), ignoreCase: true),
        Parts = JsonSerializer.Deserialize(row.GetString(5), StoreJson.Default.IReadOnlyListMessagePart) ?? [],
        Model = row.IsDBNull(6) ? null : row.GetString(6), Fault = row.IsDBNull(7) ? null : row.GetString(7),
        Cost = row.IsDBNull(9) ? null
            : new AnswerCost(row.IsDBNull(8) ? 0 : row.GetInt32(8), row.GetInt32(9), row.GetDouble(10)),
        Created = Time(row.GetInt64(11)),
    };

    private static string Escaped(string search) => search
        .Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal)
        .Replace("_", @"\_", StringComparison.Ordinal);

    private static string Name(MessageState state) => state switch
    {
        MessageState.Whole => "whole",
        MessageState.Writing => "writing",
        MessageState.Length => "length",
        MessageState.Stopped => "stopped",
        _ => "failed",
    };

    private static string Written(ChatSettings settings) =>
        JsonSerializer.Serialize(settings, StoreJson.Default.ChatSettings);

    private static string Written(IReadOnlyList<MessagePart> parts) =>
        JsonSerializer.Serialize(parts, StoreJson.Default.IReadOnlyListMessagePart);

    private static ChatSettings Read(string text) =>
        JsonSerializer.Deserialize(text, StoreJson.Default.ChatSettings) ?? new ChatSettings();

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
