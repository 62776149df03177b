using System.Text.Json.Serialization;

namespace Wisp.Serve.LlamaServer;

// The replies of llama-server's own routes.

internal sealed record Props(
    GenerationSettings DefaultGenerationSettings, int TotalSlots, string ModelPath, string ChatTemplate,
    string BosToken, string EosToken, Modalities Modalities, string BuildInfo);

internal sealed record GenerationSettings(int NCtx, SamplingParameters Params);

internal sealed record SamplingParameters(
    float Temperature, int TopK, float TopP, float MinP, float TypicalP, float RepeatPenalty, int RepeatLastN,
    float PresencePenalty, float FrequencyPenalty);

internal sealed record Modalities(bool Vision, bool Audio);

internal sealed record Slot(int Id, int NCtx, bool IsProcessing);

internal sealed record Tokenized<T>(IReadOnlyList<T> Tokens);

internal sealed record TokenPiece(int Id)
{
    /// <summary>The token's text; null where it is no whole characters.</summary>
    public string? Piece { get; init; }

    /// <summary>Its bytes, where they are no whole characters.</summary>
    public IReadOnlyList<int>? Bytes { get; init; }
}

internal sealed record Detokenized(string Content);

internal sealed record AppliedTemplate(string Prompt);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Props))]
[JsonSerializable(typeof(IReadOnlyList<Slot>))]
[JsonSerializable(typeof(Tokenized<int>))]
[JsonSerializable(typeof(Tokenized<TokenPiece>))]
[JsonSerializable(typeof(Detokenized))]
[JsonSerializable(typeof(AppliedTemplate))]
internal sealed partial class LlamaJson : JsonSerializerContext;
