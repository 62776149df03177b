using System.Text.Json.Nodes;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Conversations;

/// <summary>Who wrote a turn. A tool's turn is the result of a call that the assistant made.</summary>
public enum Role
{
    System,
    User,
    Assistant,
    Tool,
}

/// <summary>A call of a function, as the assistant writes it.</summary>
public sealed record ToolCall(string Name, JsonObject Arguments);

/// <summary>One turn. Only an assistant thinks and calls.</summary>
public sealed record ConversationTurn(Role Role, string Text)
{
    /// <summary>What the assistant thought before it answered; null where it did not.</summary>
    public string? Thought { get; init; }

    public IReadOnlyList<ToolCall> Calls { get; init; } = [];
}

/// <summary>Turns in order, and the functions that may be called in them, described as OpenAI does.</summary>
public sealed record Conversation(IReadOnlyList<ConversationTurn> Turns)
{
    public JsonArray? Tools { get; init; }

    /// <summary>The same conversation without its last turns.</summary>
    public Conversation Take(int turns) => this with { Turns = [.. Turns.Take(turns)] };

    /// <summary>Checks that the roles follow each other as in a chat and that no turn is empty.</summary>
    /// <param name="where">Begins the message: a file and a line.</param>
    /// <exception cref="InvalidDataException">They do not; the message names the turn.</exception>
    public Conversation Validated(string where)
    {
        if (Turns.Count == 0)
            throw new InvalidDataException($"{where}: a conversation without turns. Leave the record out.");
        for (var i = 0; i < Turns.Count; i++)
        {
            var turn = Turns[i];
            if (Misplaced(i) is { } reason)
                throw new InvalidDataException($"{where}: turn {i + 1} ({Name(turn.Role)}): {reason}.");
            // A function may well return nothing, and a call needs no words around it.
            if (turn.Role != Role.Tool && turn.Calls.Count == 0 && string.IsNullOrWhiteSpace(turn.Text))
                throw new InvalidDataException(
                    $"{where}: turn {i + 1} ({Name(turn.Role)}) is empty. Give it words or leave the record out.");
            if (turn.Calls.FirstOrDefault(call => !IsName(call.Name)) is { } call)
                throw new InvalidDataException(
                    $"{where}: turn {i + 1} calls a function of the name '{CorpusFiles.Printable(call.Name)}'. " +
                    "A name has 1 to 64 letters, digits, '_', '-' or '.'.");
            if (turn.Role != Role.Assistant && (turn.Calls.Count > 0 || turn.Thought is not null))
                throw new InvalidDataException(
                    $"{where}: turn {i + 1} ({Name(turn.Role)}) calls a function or thinks; only an assistant does.");
        }

        return this;
    }

    /// <summary>The role as ChatML and OpenAI write it.</summary>
    public static string Name(Role role) => role switch
    {
        Role.System => "system",
        Role.User => "user",
        Role.Assistant => "assistant",
        Role.Tool => "tool",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "There is no such role."),
    };

    // What OpenAI allows and a dot; it stands between quotes as it is.
    private static bool IsName(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');

    // Why a turn may not stand where it does; null where it may.
    private string? Misplaced(int i)
    {
        var before = i == 0 ? null : Turns[i - 1];
        return Turns[i].Role switch
        {
            Role.System => before is null ? null : "a system turn stands first or nowhere",
            Role.User => before is null or { Role: Role.System } or { Role: Role.Assistant, Calls.Count: 0 } ? null
                : before.Role == Role.User ? "two user turns in a row; join them into one"
                : "the call before it has no result; a tool turn has to follow",
            Role.Assistant => before?.Role is Role.User or Role.Tool ? null
                : before?.Role == Role.Assistant ? "two assistant turns in a row; join them into one"
                : "it answers nothing; a user turn comes first",
            Role.Tool => before is { Role: Role.Tool } or { Role: Role.Assistant, Calls.Count: > 0 } ? null
                : "there was no call before it",
            _ => "there is no such role",
        };
    }
}
