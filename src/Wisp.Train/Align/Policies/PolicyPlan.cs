using System.Text.Json.Serialization;
using Wisp.Train.Align.Losses;

namespace Wisp.Train.Align.Policies;

/// <summary>What a stage that learns from its own answers has to decide beside the rest of its plan.</summary>
public sealed record PolicyPlan
{
    /// <summary>A task whose answers a program judges; null where prompts come from a file.</summary>
    public string? Task { get; init; }

    /// <summary>What is paid for: a name, or the SHA-256 of a reward model's file.</summary>
    public required string Reward { get; init; }

    /// <summary>What watches over it, in the same form.</summary>
    public required string Judge { get; init; }

    /// <summary>Answers to each prompt.</summary>
    public int Group { get; init; } = 8;

    /// <summary>Tokens after which an answer is cut off.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Optimizer updates with the answers of one step.</summary>
    public int Updates { get; init; } = 1;

    /// <summary>How far the probability of a token may move before it teaches nothing more: 1 ± this.</summary>
    public double Clip { get; init; } = 0.2;

    /// <summary>How tokens become one number, in GRPO.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<Aggregation>))]
    public Aggregation Aggregation { get; init; } = Aggregation.PerToken;

    /// <summary>Worth of the next token's reward, in PPO.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>How far ahead an advantage looks, in PPO.</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>Peak learning rate of the critic, in PPO.</summary>
    public double CriticRate { get; init; } = 1e-4;

    /// <summary>Steps of a window of the <see cref="HackingMeter"/>; 0 leaves it off.</summary>
    public int MeterWindow { get; init; } = 10;

    /// <summary>Held-out problems that each look answers.</summary>
    public int HeldOut { get; init; } = 400;

    /// <summary>Answers of the data that the model learned from before, and those of them that were right; 0 where
    /// nobody knows.</summary>
    public int DataAnswers { get; init; }

    public int DataRight { get; init; }

    /// <summary>How often the data was right that the model learned from before; null where nobody knows.</summary>
    [JsonIgnore]
    public Proportion? Data => DataAnswers > 0 ? new Proportion(DataRight, DataAnswers) : null;

    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public void Check()
    {
        Require(Group is >= 1 and <= 1024, $"answers to a prompt are {Group}; the range is 1 to 1,024");
        Require(MaxTokens is >= 1 and <= 1 << 16,
            $"an answer has {MaxTokens} tokens at most; the range is 1 to 65,536");
        Require(Updates is >= 1 and <= 1000, $"updates a step are {Updates}; the range is 1 to 1,000");
        Require(Clip is > 0 and < 1, $"the clip is {Clip}; it lies between 0 and 1");
        Require(Gamma is > 0 and <= 1, $"gamma is {Gamma}; it lies above 0, up to 1");
        Require(Lambda is >= 0 and <= 1, $"lambda is {Lambda}; it lies between 0 and 1");
        Require(CriticRate is > 0 and <= 1, $"the critic's rate is {CriticRate}; the range is 0 to 1");
        Require(MeterWindow is 0 or >= 2 and <= 10_000, $"the meter's window is {MeterWindow}; it is 0 or 2 to 10,000");
        Require(HeldOut is >= 1 and <= 100_000, $"held-out problems are {HeldOut}; the range is 1 to 100,000");
        Require(DataRight >= 0 && DataRight <= DataAnswers, "more answers of the data are right than there are");

        static void Require(bool holds, string what)
        {
            if (!holds)
                throw new ArgumentException($"Tuning plan: {what}.");
        }
    }
}
