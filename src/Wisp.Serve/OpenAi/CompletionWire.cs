using System.Text.Json.Serialization;

namespace Wisp.Serve.OpenAi;

// The replies of /v1/completions and /v1/embeddings as OpenAI writes them.

internal sealed record CompletionReply(
    string Id, string Object, long Created, string Model, string SystemFingerprint,
    IReadOnlyList<CompletionChoice> Choices, Usage? Usage);

internal sealed record CompletionChoice(string Text, int Index)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public CompletionLogProbabilities? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

internal sealed record CompletionLogProbabilities
{
    public List<string> Tokens { get; init; } = [];

    public List<float> TokenLogprobs { get; init; } = [];

    public List<Dictionary<string, float>> TopLogprobs { get; init; } = [];

    /// <summary>Where each token begins in the text, in characters.</summary>
    public List<int> TextOffset { get; init; } = [];
}

/// <typeparam name="T">Numbers, or a string of base64 with the bytes of float32.</typeparam>
internal sealed record EmbeddingList<T>(
    string Object, IReadOnlyList<EmbeddingItem<T>> Data, string Model, EmbeddingUsage Usage);

internal sealed record EmbeddingItem<T>(string Object, int Index, T Embedding);

internal sealed record EmbeddingUsage(long PromptTokens, long TotalTokens);
