using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Chat;
using Wisp.Grammar;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>What a client knows of its model.</summary>
internal sealed record ChatModel(string Id, Tokenizer Tokenizer, ChatTemplate Template, int Context)
{
    public ToolStyle Style { get; } = ToolStyles.Of(Template.Source);

    public PromptTokens Prompts { get; } = new(Tokenizer);

    public MaskCache Masks { get; } = new(Tokenizer);
}

/// <summary>One call of a client, read and checked: what the engine is asked and how its answer is read.</summary>
internal sealed class ChatPlan
{
    public required EngineRequest Request { get; init; }

    /// <summary>The grammar that one run of the answer keeps, from its beginning; null where it keeps none.</summary>
    public required Func<AnswerMask>? NewMask { get; init; }

    /// <summary>How calls are written; none where no functions are offered.</summary>
    public required ToolStyle Style { get; init; }

    public required IReadOnlySet<string> Functions { get; init; }

    /// <summary>Whether the prompt ends inside the thoughts.</summary>
    public required bool Thinking { get; init; }

    public required bool HidesThoughts { get; init; }

    /// <summary>Whether the answer ends with its first call.</summary>
    public required bool OneCall { get; init; }

    /// <summary>Whether calls are handed out piece by piece too.</summary>
    public required bool StreamsCalls { get; init; }

    public required IReadOnlyList<string> Stop { get; init; }

    /// <exception cref="ArgumentException">Messages or options that cannot be.</exception>
    /// <exception cref="NotSupportedException">Options or contents that this model cannot follow.</exception>
    public static ChatPlan Of(
        ChatModel model, IEnumerable<ChatMessage> messages, ChatOptions asked, WispChatOptions native, ulong seed,
        ChatClientOptions defaults)
    {
        Refuse(model, asked);
        var tools = OfferedTools.Of(asked, model.Style);
        var (format, grammar) = FormatOf(asked, native, tools);
        var answers = format is null && !tools.Required ? null : new AnswerGrammar
        {
            Functions = tools.Callable, Many = asked.AllowMultipleToolCalls == true, Format = format,
        };
        var constrained = grammar is not null || answers is not null;

        var effort = EffortOf(model, asked.Reasoning);
        var rendered = Render(model, messages, asked.Instructions, tools,
            Variables(effort, constrained, native), defaults.Time, out var mark);
        var opened = rendered.TrimEnd().EndsWith(ToolStyles.Think, StringComparison.Ordinal);
        var endThink = model.Tokenizer.IdOf(ToolStyles.EndThink);
        if (opened && (effort == ReasoningEffort.None || (constrained && endThink < 0)))
        {
            // A template that begins the thoughts by itself: they end before they begin.
            rendered = $"{rendered.TrimEnd()}\n\n{ToolStyles.EndThink}\n\n";
            opened = false;
        }

        var prompt = model.Prompts.Encode(rendered, mark);
        if (prompt.Count >= model.Context)
            throw new PromptTooLongException($"The messages come to {prompt.Count:N0} tokens; the context of " +
                $"{model.Id} holds {model.Context:N0}, with the answer. Shorten them.");

        var sampling = SamplingOf(model, asked, native.Sampling!, effort);
        var mask = grammar is not null ? MaskOf(model, grammar) : answers is not null ? MaskOf(model, answers) : null;
        var think = !opened && endThink >= 0 && effort is not (null or ReasoningEffort.None)
            ? model.Tokenizer.IdOf(ToolStyles.Think) : -1;
        var forbidden = sampling.LogitBias.Where(pair => float.IsNegativeInfinity(pair.Value)).Select(pair => pair.Key);
        return new ChatPlan
        {
            Request = new EngineRequest
            {
                Prompt = prompt,
                MaxTokens = Math.Min(MaxTokens(model, asked, defaults), model.Context - prompt.Count),
                Sampling = sampling,
                Seed = asked.Seed is { } given ? unchecked((ulong)given) : seed,
                End = model.Tokenizer.EndOfGeneration,
                Domain = native.Domain,
                Adapter = defaults.Adapter,
                LogProbabilities = native.LogProbabilities,
                Breakers = sampling.HasDry ? SequenceBreakers.Of(model.Tokenizer, sampling.DryBreakers) : null,
            },
            NewMask = mask is null ? null : () => new AnswerMask(mask, model.Tokenizer, think, opened, forbidden),
            Style = tools.Shown.Count > 0 ? model.Style : ToolStyle.None,
            Functions = tools.Shown.Select(tool => tool.Name).ToHashSet(),
            Thinking = opened,
            HidesThoughts = asked.Reasoning?.Output == ReasoningOutput.None,
            OneCall = asked.AllowMultipleToolCalls == false,
            StreamsCalls = native.StreamCalls,
            Stop = StopsOf(model, asked),
        };
    }

    /// <summary>The prompt as the template writes it, with what is left out of an answer's options.</summary>
    /// <exception cref="ArgumentException">Messages or options that cannot be.</exception>
    /// <exception cref="NotSupportedException">Options or contents that this model cannot follow.</exception>
    public static string Prompt(
        ChatModel model, IEnumerable<ChatMessage> messages, ChatOptions asked, WispChatOptions native,
        TimeProvider time)
    {
        var tools = OfferedTools.Of(asked, model.Style);
        var rendered = Render(model, messages, asked.Instructions, tools,
            Variables(EffortOf(model, asked.Reasoning), false, native), time, out var mark);
        return rendered.Replace(mark.ToString(), "", StringComparison.Ordinal);
    }

    private static void Refuse(ChatModel model, ChatOptions asked)
    {
        if (asked.ConversationId is not null)
            throw new NotSupportedException("ChatOptions.ConversationId is set; no conversations are kept here. " +
                "Leave it null and send all messages; what was sent before is found in the cache.");
        if (asked.AllowBackgroundResponses == true)
            throw new NotSupportedException("ChatOptions.AllowBackgroundResponses is true; an answer is written only " +
                "while somebody waits for it.");
        if (asked.ContinuationToken is not null)
            throw new NotSupportedException("ChatOptions.ContinuationToken is set; none is ever given out here.");
        if (!string.IsNullOrEmpty(asked.ModelId) && asked.ModelId != model.Id)
            throw new ArgumentException(
                $"ChatOptions.ModelId is '{asked.ModelId}'; this client has '{model.Id}' and no other.");
        if (asked.Reasoning?.Output == ReasoningOutput.Summary)
            throw new NotSupportedException("ChatOptions.Reasoning.Output is Summary; thoughts are told in Full or, " +
                "with None, not at all.");
    }

    private static ReasoningEffort? EffortOf(ChatModel model, ReasoningOptions? reasoning)
    {
        string[] traces = ["enable_thinking", "reasoning_effort", ToolStyles.Think];
        if (reasoning?.Effort is { } effort and not ReasoningEffort.None && model.Tokenizer.IdOf(ToolStyles.Think) < 0
            && !traces.Any(trace => model.Template.Source.Contains(trace, StringComparison.Ordinal)))
            throw new NotSupportedException($"ChatOptions.Reasoning.Effort is {effort}; the chat template of " +
                $"{model.Id} knows no thinking. Leave it null or None.");
        return reasoning?.Effort;
    }

    // Constrained answers think only where it was asked for: a grammar's first token is the answer's.
    private static JsonObject Variables(ReasoningEffort? effort, bool constrained, WispChatOptions native)
    {
        var variables = new JsonObject();
        if (effort is not null || constrained)
            variables["enable_thinking"] = effort is not (null or ReasoningEffort.None);
        if (effort is { } level and not ReasoningEffort.None)
            variables["reasoning_effort"] = level switch
            {
                ReasoningEffort.Low => "low",
                ReasoningEffort.Medium => "medium",
                _ => "high",
            };
        foreach (var (name, value) in native.TemplateVariables ?? [])
            variables[name] = value?.DeepClone();
        return variables;
    }

    private static string Render(
        ChatModel model, IEnumerable<ChatMessage> messages, string? instructions, OfferedTools tools,
        JsonObject variables, TimeProvider time, out char mark)
    {
        try
        {
            var said = PromptMessages.Of(messages, instructions);
            var functions = tools.Shown.Count == 0 ? null : PromptMessages.Of(tools.Shown);
            mark = PromptTokens.MarkFor(said, functions);
            return model.Template.Render(
                (JsonArray)model.Prompts.Guard(said, mark)!, (JsonArray?)model.Prompts.Guard(functions, mark),
                addGenerationPrompt: true, variables, time.GetLocalNow());
        }
        catch (TemplateException e)
        {
            throw new ArgumentException($"The chat template of {model.Id} refuses these messages: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"The messages or the functions hold faulty JSON: {e.Message}", e);
        }
    }

    private static (ChatResponseFormatJson? Format, string? Grammar) FormatOf(
        ChatOptions asked, WispChatOptions native, OfferedTools tools)
    {
        var format = asked.ResponseFormat switch
        {
            null or ChatResponseFormatText => null,
            ChatResponseFormatJson json => json,
            var other => throw new NotSupportedException(
                $"ChatOptions.ResponseFormat is a {other.GetType().Name}; there are Text, Json and ForJsonSchema."),
        };
        if (native.Grammar is not null && (format is not null || tools.Shown.Count > 0))
            throw new ArgumentException("A grammar stands beside ChatOptions." +
                $"{(format is not null ? "ResponseFormat" : "Tools")}; an answer can keep one of them. Leave one out.");
        return (tools.Required ? null : format, native.Grammar);
    }

    private static TokenMask MaskOf(ChatModel model, AnswerGrammar answers) =>
        model.Masks.Of(answers.Key(model.Style), () => answers.Compile(model.Style, model.Tokenizer));

    private static TokenMask MaskOf(ChatModel model, string grammar)
    {
        try
        {
            return model.Masks.Of("gbnf\n" + grammar, () => Gbnf.Compile(grammar, idOfToken: model.Tokenizer.IdOf));
        }
        catch (InvalidDataException e)
        {
            throw new ArgumentException($"grammar: {e.Message}", e);
        }
    }

    private static int MaxTokens(ChatModel model, ChatOptions asked, ChatClientOptions defaults) =>
        asked.MaxOutputTokens switch
        {
            null => defaults.MaxOutputTokens ?? Math.Clamp(model.Context / 4, 1, 1024),
            > 0 and var most => most,
            var most => throw new ArgumentException($"ChatOptions.MaxOutputTokens is {most}; it must be 1 or more."),
        };

    private static Sampling SamplingOf(ChatModel model, ChatOptions asked, Sampling sampling, ReasoningEffort? effort)
    {
        sampling = sampling with
        {
            Temperature = asked.Temperature ?? sampling.Temperature,
            TopP = asked.TopP ?? sampling.TopP,
            TopK = asked.TopK ?? sampling.TopK,
            FrequencyPenalty = asked.FrequencyPenalty ?? sampling.FrequencyPenalty,
            PresencePenalty = asked.PresencePenalty ?? sampling.PresencePenalty,
        };
        var think = model.Tokenizer.IdOf(ToolStyles.Think);
        if (effort == ReasoningEffort.None && think >= 0)
            sampling = sampling with
            {
                LogitBias = new Dictionary<int, float>(sampling.LogitBias) { [think] = float.NegativeInfinity },
            };
        sampling.Check();
        foreach (var id in sampling.LogitBias.Keys)
            if ((uint)id >= (uint)model.Tokenizer.VocabularySize)
                throw new ArgumentException(
                    $"logit_bias names token {id}; the vocabulary has {model.Tokenizer.VocabularySize} tokens.");
        if (sampling.LogitBias.Values.Count(float.IsNegativeInfinity) == model.Tokenizer.VocabularySize)
            throw new ArgumentException("logit_bias forbids all tokens.");
        return sampling;
    }

    private static List<string> StopsOf(ChatModel model, ChatOptions asked)
    {
        List<string> stops = [.. asked.StopSequences ?? []];
        try
        {
            _ = new StopStrings(stops);
        }
        catch (Exception e) when (e is ArgumentException or NullReferenceException)
        {
            throw new ArgumentException($"ChatOptions.StopSequences: {e.Message}", e);
        }

        // A vocabulary without the token has to spell the end of a turn.
        const string End = "<|im_end|>";
        if (model.Tokenizer.IdOf(End) < 0 && model.Template.Source.Contains(End, StringComparison.Ordinal))
            stops.Add(End);
        return stops;
    }
}
