using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wisp.Serve.Ollama;

// The replies of Ollama's API. What is null is left out. Durations are nanoseconds.

/// <summary>A piece of an answer: /api/chat's has a message, /api/generate's a response.</summary>
internal sealed record OllamaReply(string Model, string CreatedAt, bool Done)
{
    public OllamaMessage? Message { get; init; }

    public string? Response { get; init; }

    public string? Thinking { get; init; }

    public string? DoneReason { get; init; }

    public IReadOnlyList<OpenAi.TokenLogProbability>? Logprobs { get; init; }

    public long? TotalDuration { get; init; }

    public long? LoadDuration { get; init; }

    public long? PromptEvalCount { get; init; }

    public long? PromptEvalDuration { get; init; }

    public long? EvalCount { get; init; }

    public long? EvalDuration { get; init; }
}

internal sealed record OllamaMessage(string Role, string Content)
{
    public string? Thinking { get; init; }

    public IReadOnlyList<OllamaCall>? ToolCalls { get; init; }
}

internal sealed record OllamaCall(string Id, OllamaFunction Function);

internal sealed record OllamaFunction(int Index, string Name, JsonElement Arguments);

internal sealed record OllamaTags(IReadOnlyList<OllamaTag> Models);

/// <summary>A model of the shelf, or one in memory.</summary>
internal sealed record OllamaTag(string Name, string Model, long Size, string Digest, OllamaDetails Details)
{
    public string? ModifiedAt { get; init; }

    public string? ExpiresAt { get; init; }

    /// <summary>Bytes on a graphics card: none.</summary>
    public long? SizeVram { get; init; }

    public int? ContextLength { get; init; }
}

internal sealed record OllamaDetails(
    string ParentModel, string Format, string Family, IReadOnlyList<string> Families, string ParameterSize,
    string QuantizationLevel);

internal sealed record OllamaShow(
    string Modelfile, string Parameters, string Template, OllamaDetails Details,
    IReadOnlyDictionary<string, JsonElement> ModelInfo, IReadOnlyList<string> Capabilities, string ModifiedAt);

internal sealed record OllamaEmbed(
    string Model, IReadOnlyList<float[]> Embeddings, long TotalDuration, long LoadDuration, long PromptEvalCount);

internal sealed record OllamaEmbedding(float[] Embedding);

internal sealed record OllamaVersion(string Version);

internal sealed record OllamaError(string Error);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OllamaReply))]
[JsonSerializable(typeof(OllamaTags))]
[JsonSerializable(typeof(OllamaShow))]
[JsonSerializable(typeof(OllamaEmbed))]
[JsonSerializable(typeof(OllamaEmbedding))]
[JsonSerializable(typeof(OllamaVersion))]
[JsonSerializable(typeof(OllamaError))]
internal sealed partial class OllamaJson : JsonSerializerContext;
