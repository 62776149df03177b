using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi;

/// <summary>A request to /v1/chat/completions, read and checked.</summary>
internal sealed record ChatRequest(List<ChatMessage> Messages, ChatOptions Options)
{
    // A request of many choices takes as many places as it has choices.
    private const int MaxChoices = 128;
    private const int MaxLogProbabilities = 20;

    public required Sampling Sampling { get; init; }

    public int Choices { get; private init; } = 1;

    public bool Stream { get; private init; }

    /// <summary>Whether the stream ends with what the answer cost.</summary>
    public bool IncludeUsage { get; private init; }

    /// <summary>How many of the likeliest tokens to tell beside each; null tells nothing.</summary>
    public int? LogProbabilities { get; private init; }

    /// <exception cref="ApiException">The request is none.</exception>
    public static ChatRequest Read(Fields fields, int vocabulary)
    {
        fields.Ignore("model", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
            "service_tier", "store", "user", "verbosity", "cache_prompt", "id_slot", "timings_per_token");
        fields.Refuse("audio", "this model writes text only.");
        fields.Refuse("prediction", "there is no such speed-up here.");
        fields.Refuse("web_search_options", "nothing is looked up on the network.");
        foreach (var (value, path) in fields.List("modalities") ?? [])
            if (Fields.TextOf(value, path) is not "text" and var modality)
                throw MessageReader.OneOf(path, modality, "text");

        var wanted = fields.Flag("logprobs") ?? false;
        var top = fields.Count("top_logprobs", 0, MaxLogProbabilities);
        if (top is not null && !wanted)
            throw ApiException.Invalid("'top_logprobs' is set, and 'logprobs' is not true.", "top_logprobs",
                "invalid_value");
        int? scores = wanted ? top ?? 0 : null;
        var seed = SamplingFields.Seed(fields);
        var sampling = SamplingFields.Read(fields, new Sampling(), vocabulary);
        var native = new WispChatOptions
        {
            Sampling = sampling,
            Grammar = fields.Text("grammar"), LogProbabilities = scores,
            TemplateVariables = TemplateVariables(fields), StreamCalls = true,
        };
        var tools = MessageReader.Tools(fields);
        var streamed = fields.Object("stream_options");
        streamed?.Ignore("include_obfuscation");
        var request = new ChatRequest(MessageReader.Messages(fields), new ChatOptions
        {
            MaxOutputTokens = fields.Count("max_completion_tokens", 1) ?? fields.Count("max_tokens", 1),
            Seed = seed is { } number ? unchecked((long)number) : null,
            StopSequences = SamplingFields.Stops(fields),
            Tools = tools, ToolMode = MessageReader.Choice(fields),
            AllowMultipleToolCalls = fields.Flag("parallel_tool_calls"),
            ResponseFormat = MessageReader.Format(fields), Reasoning = Reasoning(fields.Text("reasoning_effort")),
            RawRepresentationFactory = _ => native,
        })
        {
            Sampling = sampling, Choices = fields.Count("n", 1, MaxChoices) ?? 1,
            Stream = fields.Flag("stream") ?? false,
            IncludeUsage = streamed?.Flag("include_usage") ?? false,
            LogProbabilities = scores,
        };
        fields.Any("max_tokens"); // known where the newer name stands beside it
        streamed?.RefuseUnknown();
        fields.RefuseUnknown();
        return request;
    }

    /// <summary>OpenAI's levels of reasoning; a level that has no word here is the next one.</summary>
    public static ReasoningOptions? Reasoning(string? effort) => effort is null ? null : new ReasoningOptions
    {
        Effort = effort switch
        {
            "none" => ReasoningEffort.None,
            "minimal" or "low" => ReasoningEffort.Low,
            "medium" => ReasoningEffort.Medium,
            "high" or "xhigh" => ReasoningEffort.High,
            _ => throw MessageReader.OneOf(
                "reasoning_effort", effort, "none", "minimal", "low", "medium", "high", "xhigh"),
        },
    };

    private static JsonObject? TemplateVariables(Fields fields) =>
        fields.Object("chat_template_kwargs") is null ? null
            : JsonObject.Create(fields.Any("chat_template_kwargs")!.Value.Clone());

    /// <summary>The options of one of several choices: each has a seed of its own.</summary>
    public ChatOptions OptionsOf(int choice)
    {
        var options = Options.Clone();
        options.Seed = Options.Seed + choice;
        return options;
    }
}
