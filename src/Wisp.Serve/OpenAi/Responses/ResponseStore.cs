using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Serve.Store;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>A response that is kept: what was put in, what came out, and what went before it.</summary>
/// <param name="Input">JSON of the items.</param>
/// <param name="Reply">JSON of the response, with the items of its output.</param>
internal sealed record KeptResponse(string Id, string? Previous, string Input, string Reply);

/// <summary>The responses that are kept, in the file of the conversations.</summary>
internal sealed class ResponseStore(WispDatabase database, TimeProvider time)
{
    // A conversation that is longer has been cut by no context.
    private const int MaxTurns = 1000;

    /// <summary>Keeps a response; when this returns, it is on the disk.</summary>
    public void Keep(string id, string? previous, JsonArray input, JsonObject reply) => database.Write(connection =>
        WispDatabase.Run(connection, """
            INSERT INTO responses (id, previous, input, reply, created)
            VALUES ($id, $previous, $input, $reply, $created)
            """, ("$id", id), ("$previous", previous), ("$input", input.ToJsonString()),
            ("$reply", reply.ToJsonString()), ("$created", time.GetUtcNow().ToUnixTimeMilliseconds())));

    public KeptResponse? Find(string id) => Read("WHERE id = $id", id).FirstOrDefault();

    /// <summary>A response and all before it, the oldest first; empty where there is no such response.</summary>
    public IReadOnlyList<KeptResponse> Conversation(string id) => database.Use(connection =>
        WispDatabase.Rows(connection, $"""
            WITH RECURSIVE turns (id, previous, input, reply, depth) AS (
                SELECT id, previous, input, reply, 0 FROM responses WHERE id = $id
                UNION ALL SELECT r.id, r.previous, r.input, r.reply, depth + 1
                FROM responses AS r JOIN turns ON r.id = turns.previous WHERE depth < {MaxTurns})
            SELECT id, previous, input, reply FROM turns ORDER BY depth DESC
            """, ReadRow, ("$id", id)));

    /// <returns>False where there is no such response.</returns>
    public bool Delete(string id) => database.Write(connection => WispDatabase.Run(connection,
        "DELETE FROM responses WHERE id = $id", ("$id", id))) > 0;

    /// <summary>The items of a list that was kept.</summary>
    public static List<(JsonElement Value, string Path)> Items(string json, string path)
    {
        var list = JsonElement.Parse(json);
        return [.. list.EnumerateArray().Select((item, i) => (item, $"{path}[{i}]"))];
    }

    private List<KeptResponse> Read(string where, string id) => database.Use(connection => WispDatabase.Rows(connection,
        $"SELECT id, previous, input, reply FROM responses {where}", ReadRow, ("$id", id)));

    private static KeptResponse ReadRow(Microsoft.Data.Sqlite.SqliteDataReader row) => new(
        row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1), row.GetString(2), row.GetString(3));
}
