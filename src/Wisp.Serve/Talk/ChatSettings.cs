using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;

namespace Wisp.Serve.Talk;

/// <summary>How a conversation is held. Null everywhere means the default of the model and the engine.</summary>
public sealed record ChatSettings
{
    public string? Model { get; init; }

    /// <summary>The system message.</summary>
    public string? System { get; init; }

    public float? Temperature { get; init; }

    public int? TopK { get; init; }

    public float? TopP { get; init; }

    public float? MinP { get; init; }

    public float? RepeatPenalty { get; init; }

    public int? MaxTokens { get; init; }

    public long? Seed { get; init; }

    /// <summary>Whether the model may use the calculator, and files where some are mounted; null means yes.</summary>
    public bool? Tools { get; init; }

    /// <summary>These settings over others.</summary>
    public ChatSettings Over(ChatSettings other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new ChatSettings
        {
            Model = Model ?? other.Model, System = System ?? other.System,
            Temperature = Temperature ?? other.Temperature, TopK = TopK ?? other.TopK, TopP = TopP ?? other.TopP,
            MinP = MinP ?? other.MinP, RepeatPenalty = RepeatPenalty ?? other.RepeatPenalty,
            MaxTokens = MaxTokens ?? other.MaxTokens, Seed = Seed ?? other.Seed, Tools = Tools ?? other.Tools,
        };
    }

    /// <param name="sampling">What holds where nothing is set; null is the client's own.</param>
    /// <param name="tools">What the model may call, where <see cref="Tools"/> does not forbid it.</param>
    /// <param name="best">How many of the likeliest tokens to tell beside each; null tells nothing.</param>
    public ChatOptions ToOptions(Sampling? sampling, IReadOnlyList<AITool> tools, int? best)
    {
        var chain = sampling ?? new Sampling();
        chain = chain with { MinP = MinP ?? chain.MinP, RepeatPenalty = RepeatPenalty ?? chain.RepeatPenalty };
        return new ChatOptions
        {
            Instructions = string.IsNullOrWhiteSpace(System) ? null : System,
            Temperature = Temperature, TopK = TopK, TopP = TopP, MaxOutputTokens = MaxTokens, Seed = Seed,
            Tools = Tools == false || tools.Count == 0 ? null : [.. tools],
            RawRepresentationFactory = _ => new WispChatOptions { Sampling = chain, LogProbabilities = best },
        };
    }
}
