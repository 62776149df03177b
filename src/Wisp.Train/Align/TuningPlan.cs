using System.Text.Json;
using System.Text.Json.Serialization;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Policies;
using Wisp.Train.Report;

namespace Wisp.Train.Align;

/// <summary>What a finished model learns next, and from what.</summary>
public enum TuningStage
{
    /// <summary>Conversations: supervised fine-tuning.</summary>
    Sft,

    /// <summary>Pairs: a head that scores answers.</summary>
    Reward,

    /// <summary>Pairs: the policy itself, against a reference.</summary>
    Dpo,

    /// <summary>Own answers, compared with each other: group relative policy optimisation.</summary>
    Grpo,

    /// <summary>Own answers, compared with what a critic expected: proximal policy optimisation.</summary>
    Ppo,

    /// <summary>Those of the own answers that a program found right: expert iteration.</summary>
    Improve,
}

/// <summary>Which loss compares the two answers of a pair in <see cref="TuningStage.Dpo"/>.</summary>
public enum PairLoss
{
    Dpo,
    Ipo,
}

/// <summary>
/// Every number that decides what weights come out of tuning a model: equal plans give equal bits. It is stored in each
/// checkpoint, so a resumed run needs no options and cannot drift from the one it continues.
/// </summary>
public sealed record TuningPlan
{
    public required TuningStage Stage { get; init; }

    /// <summary>SHA-256 of the model file that the run began with.</summary>
    public required string ModelHash { get; init; }

    /// <summary>SHA-256 of the rendered data: ids, targets, and which side each conversation is on.</summary>
    public required string DataHash { get; init; }

    /// <summary>Tokens of a row; conversations are packed into rows, or cut where they are longer.</summary>
    public required int Context { get; init; }

    /// <summary>Rows of a step, or pairs where the data are pairs, or prompts where it answers itself.</summary>
    public required int Rows { get; init; }

    public required int Steps { get; init; }

    /// <summary>Peak learning rate of AdamW.</summary>
    public required double Rate { get; init; }

    /// <summary>Decoupled decay of block matrices, times the rate of the step.</summary>
    public double WeightDecay { get; init; }

    public double ClipNorm { get; init; } = 1.0;

    /// <summary>Fractions of the steps, and of the peak rate.</summary>
    public double WarmUp { get; init; } = 0.05;

    public double WarmDown { get; init; } = 0.6;

    public double FinalRate { get; init; } = 0.05;

    /// <summary>Rank of the adapters; 0 trains the weights themselves.</summary>
    public int LoraRank { get; init; }

    /// <summary>The adapters' product counts alpha : rank times.</summary>
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Which matrices of every block have an adapter, with commas between.</summary>
    public string LoraTargets { get; init; } = Lora.AllTargets;

    /// <summary>Share of the data that is held out.</summary>
    public double HeldOut { get; init; } = 0.05;

    /// <summary>How dear it is to leave the reference, where the stage has one.</summary>
    public double Beta { get; init; } = 0.1;

    public PairLoss Loss { get; init; }

    /// <summary>What stages that learn from their own answers need besides; null in all others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PolicyPlan? Policy { get; init; }

    public ulong Seed { get; init; } = 1;

    public string Title { get; init; } = "wisp";

    /// <summary>Type of the matrices in the finished model's file; training is float32 always.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>The schedule as a factor on the peak rate.</summary>
    [JsonIgnore]
    public LearningRate Schedule => LearningRate.Of(1, Steps, WarmUp, WarmDown, FinalRate);

    [JsonIgnore]
    internal bool LearnsFromItself => Stage is TuningStage.Grpo or TuningStage.Ppo or TuningStage.Improve;

    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public TuningPlan Validated()
    {
        Require(ModelHash is { Length: 64 } && DataHash is { Length: 64 }, "a hash is not 64 hexadecimal digits");
        Require(Context is > 1 and <= 1 << 20, $"the context is {Context}; the range is 2 to {1 << 20:n0}");
        Require(Rows is > 0 and <= 65_536, $"rows a step are {Rows}; the range is 1 to 65,536");
        Require((long)Rows * Context <= 1 << 20,
            $"a step of {Rows} x {Context} tokens is above {1 << 20:n0}; use fewer rows");
        Require(Steps > 0, $"steps are {Steps}; at least one is needed");
        Require(Rate is > 0 and <= 1, $"the learning rate is {Rate}; the range is 0 to 1");
        Require(WeightDecay is >= 0 and <= 10, $"weight decay is {WeightDecay}; the range is 0 to 10");
        Require(ClipNorm > 0, $"the clipping norm is {ClipNorm}; it must be above 0");
        Require(WarmUp is >= 0 and <= 1 && WarmDown is >= 0 and <= 1 && FinalRate is >= 0 and <= 1,
            "warm-up, warm-down and final rate are fractions between 0 and 1");
        Require(LoraRank is >= 0 and <= 4096, $"the rank of the adapters is {LoraRank}; the range is 0 to 4,096");
        Require(LoraAlpha is > 0 and <= 1e6, $"alpha of the adapters is {LoraAlpha}; it must be above 0");
        Require(HeldOut is > 0 and <= 0.5, $"the share held out is {HeldOut}; the range is above 0 to 0.5");
        Require(Beta is > 0 and <= 1e3 || (Beta == 0 && LearnsFromItself), $"beta is {Beta}; it must be above 0");
        Require(LearnsFromItself == Policy is not null, "what the stage needs to answer itself is missing or too much");
        Policy?.Check();
        Require(Stage != TuningStage.Grpo || Policy!.Group > 1, "GRPO compares answers; a group has two at least");
        if (LoraRank > 0)
            Lora.Targets(LoraTargets);
        return this;

        static void Require(bool holds, string what)
        {
            if (!holds)
                throw new ArgumentException($"Tuning plan: {what}.");
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, TuningJson.Default.TuningPlan);

    /// <exception cref="InvalidDataException">Not a plan; the message begins with <paramref name="where"/>.</exception>
    public static TuningPlan FromJson(string json, string where)
    {
        try
        {
            return (JsonSerializer.Deserialize(json, TuningJson.Default.TuningPlan)
                ?? throw new JsonException("it is null")).Validated();
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"{where}: the tuning plan cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The plan as a table for people.</summary>
    public IReadOnlyList<Setting> Describe(ModelConfig config)
    {
        var schedule = Schedule;
        var rows = Stage switch
        {
            TuningStage.Sft => $"{Rows} x {Context} tokens a step",
            TuningStage.Reward or TuningStage.Dpo => $"{Rows} pairs a step",
            TuningStage.Improve => $"{Rows} problems a round, {Policy!.Group} answers each, {Policy.Updates} updates",
            _ => $"{Rows} prompts a step, {Policy!.Group} answers each of at most {Policy.MaxTokens} tokens",
        };
        List<Setting> settings =
        [
            new("model", $"{config.Architecture.Name}, {Human.Count(config.Parameters)} parameters, file " +
                ModelHash[..12]),
            new("trains", LoraRank == 0 ? "all weights"
                : $"adapters of rank {LoraRank}, alpha {LoraAlpha}, on {LoraTargets.Replace(",", ", ")}"),
            new("batch", rows),
            new("budget", $"{Human.Count(Steps)} steps"),
            new("optimizer", $"AdamW {Rate}, weight decay {WeightDecay}, clipping at norm {ClipNorm}"),
            new("schedule", $"warm-up {schedule.WarmUpSteps} steps, constant to " +
                $"{Human.Count(schedule.WarmDownStart)}, then linear to {FinalRate:p0} of the peak"),
            new("seed", $"{Seed}"),
        ];
        if (Stage == TuningStage.Dpo)
            settings.Insert(2, new Setting("loss", $"{Loss} with beta {Beta}"));
        if (Policy is { } policy)
            settings.Insert(2, new Setting("learns from", (policy.Task is { } task ? $"the task {task}" : "prompts") +
                $"; reward {Plain(policy.Reward)}, judge {Plain(policy.Judge)}"));
        if (Stage is TuningStage.Grpo or TuningStage.Ppo)
            settings.Insert(3, new Setting("loss", Stage == TuningStage.Grpo
                ? $"GRPO {Policy!.Aggregation}, clip {Policy.Clip}, beta {Beta}, updates {Policy.Updates}"
                : $"PPO, clip {Policy!.Clip}, KL {Beta}, gamma {Policy.Gamma}, lambda {Policy.Lambda}, critic " +
                    $"{Policy.CriticRate}, updates {Policy.Updates}"));
        return settings;

        static string Plain(string name) => name.Length == 64 ? $"model {name[..12]}" : name;
    }
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(TuningPlan))]
internal sealed partial class TuningJson : JsonSerializerContext;
