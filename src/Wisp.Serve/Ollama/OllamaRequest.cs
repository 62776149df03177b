using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>
/// What requests to /api/chat and /api/generate have in common. Unknown fields change nothing, as in Ollama.
/// </summary>
internal static class OllamaRequest
{
    /// <summary>The options of an answer, but for its messages.</summary>
    public static ChatOptions Options(Fields request, int vocabulary)
    {
        var given = request.Object("options");
        var seed = given is null ? null : SamplingFields.Seed(given);
        var native = new WispChatOptions
        {
            StreamCalls = true,
            Sampling = Sampling(given, vocabulary),
            LogProbabilities = request.Flag("logprobs") == true ? request.Count("top_logprobs", 0, 20) ?? 0 : null,
        };
        return new ChatOptions
        {
            MaxOutputTokens = MaxTokens(given), StopSequences = Stops(given),
            Seed = seed is { } number ? unchecked((long)number) : null,
            ResponseFormat = Format(request), Reasoning = Thinking(request), RawRepresentationFactory = _ => native,
        };
    }

    public static Sampling Sampling(Fields? options, int vocabulary) =>
        options is null ? new Sampling() : SamplingFields.Read(options, new Sampling(), vocabulary);

    public static List<string> Stops(Fields? options) => options is null ? [] : SamplingFields.Stops(options);

    /// <summary>Null leaves it to the server; a negative number is as many as the context holds.</summary>
    public static int? MaxTokens(Fields? options) => options?.Count("num_predict", -2) switch
    {
        null or 0 => null,
        < 0 => int.MaxValue,
        var most => most,
    };

    /// <summary>"json", or a JSON Schema.</summary>
    public static ChatResponseFormat? Format(Fields request) => request.Any("format") switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } schema => ChatResponseFormat.ForJsonSchema(schema.Clone()),
        { ValueKind: JsonValueKind.String } named when named.GetString() is "" => null,
        { ValueKind: JsonValueKind.String } named when named.GetString() == "json" => ChatResponseFormat.Json,
        var other => throw ApiException.Invalid(
            $"invalid format: {other.Value.GetRawText()}; it must be \"json\" or a JSON schema", "format"),
    };

    /// <summary>
    /// How long the model stays in memory afterwards: seconds, or a duration such as "5m"; null is the server's.
    /// </summary>
    public static TimeSpan? KeepAlive(Fields request)
    {
        if (request.Any("keep_alive") is not { } given)
            return null;
        if (given.ValueKind == JsonValueKind.Number && given.TryGetDouble(out var seconds))
            return Seconds(seconds);
        if (given.ValueKind == JsonValueKind.String && Duration.TryParse(given.GetString()!, out var span))
            return Seconds(span);
        throw ApiException.Invalid($"invalid keep_alive: {given.GetRawText()}; it must be seconds or a duration such " +
            "as \"5m\"", "keep_alive");

        // More than a year is for ever, as everything negative is.
        static TimeSpan Seconds(double span) => span is < 0 or > 31_536_000 ? TimeSpan.FromSeconds(-1)
            : TimeSpan.FromSeconds(span);
    }

    private static ReasoningOptions? Thinking(Fields request) => request.Any("think") switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => new ReasoningOptions { Effort = ReasoningEffort.Medium },
        { ValueKind: JsonValueKind.False } => new ReasoningOptions { Effort = ReasoningEffort.None },
        _ => ChatRequest.Reasoning(request.Text("think")),
    };
}
