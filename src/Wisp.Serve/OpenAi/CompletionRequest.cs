using System.Text.Json;
using Wisp.Grammar;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve.OpenAi;

/// <summary>A request to /v1/completions, read and checked.</summary>
internal sealed record CompletionRequest
{
    private const int MaxChoices = 128;
    private const int MaxLogProbabilities = 20;
    private const int DefaultTokens = 256;

    /// <summary>The prompts as tokens, each with the text that an echo repeats.</summary>
    public required IReadOnlyList<(IReadOnlyList<int> Tokens, string Text)> Prompts { get; init; }

    /// <summary>Choices of each prompt.</summary>
    public int Choices { get; private init; } = 1;

    public bool Echo { get; private init; }

    public bool Stream { get; private init; }

    public bool IncludeUsage { get; private init; }

    public int? LogProbabilities { get; private init; }

    public required IReadOnlyList<string> Stop { get; init; }

    private Func<EngineRequest> NewRequest { get; init; } = null!;

    /// <exception cref="ApiException">The request is none.</exception>
    /// <exception cref="PromptTooLongException">A prompt leaves no room for a token.</exception>
    public static CompletionRequest Read(Fields fields, WritingModel model)
    {
        fields.Ignore("model", "user", "metadata", "cache_prompt", "id_slot", "timings_per_token");
        fields.Refuse("suffix", "the text between two others is not written here.");
        var choices = fields.Count("n", 1, MaxChoices) ?? 1;
        if (fields.Count("best_of", 1, MaxChoices) is { } best && best != choices)
            throw ApiException.Invalid($"'best_of' is {best} and 'n' is {choices}; only the same number is supported.",
                "best_of", "unsupported_parameter");
        var prompts = Prompt(fields, model);
        var scores = fields.Count("logprobs", 0, MaxLogProbabilities);
        var echo = fields.Flag("echo") ?? false;
        if (echo && scores is not null)
            throw ApiException.Invalid("'echo' and 'logprobs' are set; log-probabilities of the prompt are not told. " +
                "Leave one of them out.", "echo", "unsupported_parameter");
        var sampling = SamplingFields.Read(fields, new Sampling(), model.Tokenizer.VocabularySize);
        var tokens = fields.Count("max_tokens", 1) ?? DefaultTokens;
        var grammar = fields.Text("grammar") is { } text ? model.MaskOf(
            () => Gbnf.Compile(text, idOfToken: model.Tokenizer.IdOf), "grammar") : null;
        var streamed = fields.Object("stream_options");
        streamed?.Ignore("include_obfuscation");
        var request = new CompletionRequest
        {
            Prompts = prompts, Choices = choices, Echo = echo, LogProbabilities = scores,
            Stop = SamplingFields.Stops(fields), Stream = fields.Flag("stream") ?? false,
            IncludeUsage = streamed?.Flag("include_usage") ?? false,
            NewRequest = Seeded(fields, new EngineRequest
            {
                Prompt = [], MaxTokens = tokens, Sampling = sampling, End = model.Tokenizer.EndOfGeneration,
                LogProbabilities = scores,
                Breakers = sampling.DryMultiplier > 0
                    ? SequenceBreakers.Of(model.Tokenizer, sampling.DryBreakers) : null,
            }, grammar),
        };
        streamed?.RefuseUnknown();
        fields.RefuseUnknown();
        return request;
    }

    /// <summary>What the engine is asked, for each choice of each prompt in turn.</summary>
    public IEnumerable<EngineRequest> Requests(int context)
    {
        foreach (var (prompt, _) in Prompts)
            for (var i = 0; i < Choices; i++)
            {
                var request = NewRequest();
                yield return request with
                {
                    Prompt = prompt,
                    MaxTokens = Math.Min(request.MaxTokens, context - prompt.Count),
                };
            }
    }

    // Each choice has a seed of its own and walks the grammar from its beginning.
    private static Func<EngineRequest> Seeded(Fields fields, EngineRequest request, TokenMask? grammar)
    {
        var seed = SamplingFields.Seed(fields) ?? unchecked((ulong)Random.Shared.NextInt64());
        return () => request with
        {
            Seed = seed++,
            Allowed = grammar is null ? null : new GrammarGuide(grammar).Allowed,
        };
    }

    // A text, tokens, or a list of one of them.
    private static List<(IReadOnlyList<int>, string)> Prompt(Fields fields, WritingModel model)
    {
        if (fields.Any("prompt") is not { } given)
            throw fields.Missing("prompt");
        List<(IReadOnlyList<int> Tokens, string Text)> prompts = given.ValueKind switch
        {
            JsonValueKind.String => [OfText(given, "prompt")],
            JsonValueKind.Array when given.GetArrayLength() > 0 && given[0].ValueKind == JsonValueKind.Number =>
                [OfTokens(given, "prompt")],
            JsonValueKind.Array => [.. fields.List("prompt")!.Select(item =>
                item.Value.ValueKind == JsonValueKind.Array ? OfTokens(item.Value, item.Path)
                    : OfText(item.Value, item.Path))],
            _ => throw Fields.WrongType("prompt", "a string, an array of strings or an array of tokens", given),
        };
        if (prompts.Count is 0 or > MaxChoices)
            throw ApiException.Invalid($"'prompt' holds {prompts.Count} prompts; there may be 1 to {MaxChoices}.",
                "prompt", "invalid_value");
        foreach (var (tokens, _) in prompts)
            if (tokens.Count >= model.Engine.Context)
                throw new PromptTooLongException($"The prompt has {tokens.Count:N0} tokens; the context of this " +
                    $"model holds {model.Engine.Context:N0}, with the answer. Shorten it.");
        return prompts;

        (IReadOnlyList<int>, string) OfText(JsonElement value, string path)
        {
            var text = Fields.TextOf(value, path);
            var tokens = Generation.Prompt(model.Tokenizer, text, parseSpecial: true);
            return tokens.Count > 0 ? (tokens, text) : throw ApiException.Invalid($"'{path}' is empty, and the " +
                "vocabulary of this model has no token to begin a text with.", path, "invalid_value");
        }

        (IReadOnlyList<int>, string) OfTokens(JsonElement value, string path)
        {
            var tokens = TokenIds.Read(value, path, model.Tokenizer.VocabularySize);
            return (tokens, model.Tokenizer.DecodeText(tokens));
        }
    }
}
