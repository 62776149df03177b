using System.Text.Json.Serialization;

namespace Wisp.Serve.Store;

/// <summary>Who said a message.</summary>
public enum MessageRole
{
    User,
    Assistant,
}

/// <summary>How far an answer came.</summary>
public enum MessageState
{
    /// <summary>It ended by itself.</summary>
    Whole,

    /// <summary>It is being written. Where nobody writes any more, the program was killed meanwhile.</summary>
    Writing,

    /// <summary>It reached the most tokens it may have.</summary>
    Length,

    /// <summary>Somebody stopped it.</summary>
    Stopped,

    /// <summary>An error ended it.</summary>
    Failed,
}

/// <summary>What a part of a message is.</summary>
public enum PartKind
{
    Text,
    Thought,

    /// <summary>A call of a function; the text of the part is its result.</summary>
    Call,
}

/// <summary>A piece of a message of one kind.</summary>
public sealed record MessagePart
{
    public required PartKind Kind { get; init; }

    /// <summary>What is said or thought, or what a call came to; null while the call runs.</summary>
    public string? Text { get; init; }

    /// <summary>Of a call: the function.</summary>
    public string? Name { get; init; }

    /// <summary>Of a call: its arguments as JSON.</summary>
    public string? Arguments { get; init; }
}

/// <summary>What an answer cost.</summary>
/// <param name="PromptTokens">Tokens that the model read, those found in its cache included.</param>
/// <param name="Tokens">Tokens that it wrote.</param>
/// <param name="Seconds">From the first token to the last.</param>
public sealed record AnswerCost(int PromptTokens, int Tokens, double Seconds)
{
    /// <summary>Tokens a second after the first; 0 where there are too few to tell.</summary>
    public double Speed => Tokens > 1 && Seconds > 0 ? (Tokens - 1) / Seconds : 0;
}

/// <summary>A message as it is kept. Messages of one parent are branches: the same place said anew.</summary>
public sealed record Message
{
    public long Id { get; init; }

    public required long Conversation { get; init; }

    /// <summary>The message before it; null for the first.</summary>
    public long? Parent { get; init; }

    public required MessageRole Role { get; init; }

    public MessageState State { get; init; }

    public required IReadOnlyList<MessagePart> Parts { get; init; }

    /// <summary>Of an answer: who gave it.</summary>
    public string? Model { get; init; }

    /// <summary>Of an answer that failed: why.</summary>
    public string? Fault { get; init; }

    public AnswerCost? Cost { get; init; }

    public DateTimeOffset Created { get; init; }

    /// <summary>All that is said, without thoughts and calls.</summary>
    public string Text => string.Concat(Parts.Where(part => part.Kind == PartKind.Text).Select(part => part.Text));

    public static MessagePart Said(string text) => new() { Kind = PartKind.Text, Text = text };
}

/// <summary>A conversation without its messages.</summary>
public sealed record Conversation
{
    public required long Id { get; init; }

    public required string Title { get; init; }

    /// <summary>The last message of the branch that is shown; null where there is none yet.</summary>
    public long? Leaf { get; init; }

    public required Talk.ChatSettings Settings { get; init; }

    public DateTimeOffset Created { get; init; }

    public DateTimeOffset Changed { get; init; }
}

/// <summary>A token that was written, its share of the model's own distribution, and the likeliest.</summary>
public sealed record ScoredToken(string Text, float Share, IReadOnlyList<TokenShare> Best);

/// <summary>A token that might have been written.</summary>
public sealed record TokenShare(string Text, float Share);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<MessagePart>))]
[JsonSerializable(typeof(IReadOnlyList<ScoredToken>))]
[JsonSerializable(typeof(Talk.ChatSettings))]
internal sealed partial class StoreJson : JsonSerializerContext;
