using System.Text.Json.Nodes;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>How a <see cref="WispChatClient"/> works where a request says nothing else.</summary>
public sealed record ChatClientOptions
{
    /// <summary>
    /// A chat template to use instead of the file's own, in Jinja; <see cref="ChatMl.Template"/> for files without one.
    /// </summary>
    public string? Template { get; init; }

    /// <summary>What the model is called; null means the name in its file.</summary>
    public string? ModelId { get; init; }

    public Sampling Sampling { get; init; } = new();

    /// <summary>
    /// The most tokens of an answer; null means a quarter of the context, 1024 at most. Memory for all of them is set
    /// aside before it begins.
    /// </summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>What changes the weights for the requests of this client; null leaves them as they are.</summary>
    public LoraAdapter? Adapter { get; init; }

    /// <summary>For the engine that <see cref="WispChatClient.Open"/> makes.</summary>
    public EngineOptions Engine { get; init; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Seeds of requests that name none, and the beginning of ids, are drawn from it.</summary>
    public Random Random { get; init; } = Random.Shared;
}

/// <summary>
/// What the engine can do beyond Microsoft's ChatOptions; their RawRepresentationFactory may return one. The properties
/// of the ChatOptions that are set win over it.
/// </summary>
public sealed record WispChatOptions
{
    /// <summary>Null means the client's.</summary>
    public Sampling? Sampling { get; init; }

    /// <summary>A grammar in GBNF that the answer keeps.</summary>
    public string? Grammar { get; init; }

    /// <summary>
    /// How many of the likeliest tokens to tell beside each, under "logprobs" of the AdditionalProperties of updates
    /// and response, as a list of <see cref="EngineToken"/>; null tells nothing.
    /// </summary>
    public int? LogProbabilities { get; init; }

    /// <summary>
    /// Whether updates also hold calls piece by piece, as <see cref="FunctionCallDelta"/>, before the
    /// FunctionCallContent that ends each.
    /// </summary>
    public bool StreamCalls { get; init; }

    /// <summary>Prefixes of prompts are shared between requests of one domain and never across.</summary>
    public long Domain { get; init; }

    /// <summary>More variables for the template. They win over those that the client sets.</summary>
    public JsonObject? TemplateVariables { get; init; }
}
