using System.Text.Json.Serialization;

namespace Wisp.Serve.OpenAi;

// The replies of /v1/chat/completions as OpenAI writes them. What is null is left out unless OpenAI writes null.

internal sealed record ChatReply(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChoice> Choices,
    Usage? Usage);

internal sealed record ChatChoice(int Index, ChatAnswerMessage? Message, ChatAnswerMessage? Delta)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogProbabilities? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

internal sealed record ChatAnswerMessage
{
    public string? Role { get; init; }

    public string? Content { get; init; }

    /// <summary>What the model thought before it answered, as DeepSeek and llama.cpp name it.</summary>
    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ToolCall>? ToolCalls { get; init; }
}

/// <param name="Index">In streams: which call this is a piece of.</param>
internal sealed record ToolCall(int? Index, string? Id, string? Type, ToolCallFunction Function);

internal sealed record ToolCallFunction(string? Name, string? Arguments);

internal sealed record ChatLogProbabilities(IReadOnlyList<TokenLogProbability> Content);

internal sealed record TokenLogProbability(
    string Token, float Logprob, IReadOnlyList<int> Bytes, IReadOnlyList<TokenLogProbability>? TopLogprobs);

internal sealed record Usage(
    long PromptTokens, long CompletionTokens, long TotalTokens, PromptTokensDetails PromptTokensDetails,
    CompletionTokensDetails CompletionTokensDetails);

internal sealed record PromptTokensDetails(long CachedTokens);

internal sealed record CompletionTokensDetails(long ReasoningTokens);

internal sealed record ModelList(string Object, IReadOnlyList<ModelCard> Data);

internal sealed record ModelCard(string Id, string Object, long Created, string OwnedBy);

internal sealed record ErrorReply(ErrorBody Error);

internal sealed record ErrorBody(string Message, string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Param { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Code { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, GenerationMode = JsonSourceGenerationMode.Default)]
[JsonSerializable(typeof(ChatReply))]
[JsonSerializable(typeof(CompletionReply))]
[JsonSerializable(typeof(EmbeddingList<float[]>))]
[JsonSerializable(typeof(EmbeddingList<string>))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelCard))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonObject))]
[JsonSerializable(typeof(ErrorReply))]
internal sealed partial class OpenAiJson : JsonSerializerContext;
