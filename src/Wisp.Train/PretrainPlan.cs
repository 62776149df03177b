using System.Text.Json;
using System.Text.Json.Serialization;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Report;

namespace Wisp.Train;

/// <summary>Which optimizer steps the block matrices; embedding, head and norms are AdamW's always.</summary>
public enum OptimizerKind
{
    Muon,
    AdamW,
}

/// <summary>
/// Every number that decides what weights come out of a run: two runs with equal plans give equal bits. It is stored in
/// each checkpoint, so a resumed run needs no options and cannot drift from the one it continues.
/// </summary>
public sealed record PretrainPlan
{
    public required string Architecture { get; init; }

    public required int Vocabulary { get; init; }

    public required int Context { get; init; }

    public required int Width { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    public required int FeedForward { get; init; }

    public required bool TiedHead { get; init; }

    /// <summary>B of a micro-batch.</summary>
    public required int Rows { get; init; }

    /// <summary>Micro-batches whose gradients one optimizer step adds up.</summary>
    public required int Accumulation { get; init; }

    public required int Steps { get; init; }

    public OptimizerKind Optimizer { get; init; } = OptimizerKind.Muon;

    /// <summary>Peak learning rate of Muon on the block matrices.</summary>
    public double MuonRate { get; init; } = 0.02;

    /// <summary>Peak learning rate of AdamW.</summary>
    public double AdamRate { get; init; } = 0.01;

    /// <summary>Decoupled decay of block matrices, times the rate of the step.</summary>
    public double WeightDecay { get; init; } = 0.1;

    public double ClipNorm { get; init; } = 1.0;

    /// <summary>Fractions of the steps, and of the peak rate.</summary>
    public double WarmUp { get; init; } = 0.02;

    public double WarmDown { get; init; } = 0.6;

    public double FinalRate { get; init; } = 0.05;

    public ulong Seed { get; init; } = 1;

    /// <summary>The model's name in its file.</summary>
    public string Title { get; init; } = "wisp";

    /// <summary>Type of the matrices in the finished model's file; training is float32 always.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>SHA-256 of the data manifest.</summary>
    public required string DataHash { get; init; }

    /// <summary>The hash of a plan whose data is not known yet, or is noise.</summary>
    public static readonly string NoData = new('0', 64);

    [JsonIgnore]
    public int TokensPerStep => Rows * Context * Accumulation;

    [JsonIgnore]
    public long Tokens => (long)Steps * TokensPerStep;

    /// <summary>The schedule as a factor on either peak rate.</summary>
    [JsonIgnore]
    public LearningRate Schedule => LearningRate.Of(1, Steps, WarmUp, WarmDown, FinalRate);

    public ModelConfig Config() => new ModelConfig
    {
        Architecture = Model.Architecture.Named(Architecture, "the training plan"), Vocabulary = Vocabulary,
        Context = Context, Width = Width, Layers = Layers, Heads = Heads, KvHeads = KvHeads, HeadDim = HeadDim,
        FeedForward = FeedForward, TiedHead = TiedHead,
    }.ValidatedForTraining();

    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public PretrainPlan Validated()
    {
        Config();
        Require(Rows is > 0 and <= 65_536, $"rows a micro-batch are {Rows}; the range is 1 to 65,536");
        Require(Accumulation is > 0 and <= 65_536, $"accumulation is {Accumulation}; the range is 1 to 65,536");
        Require((long)Rows * Context <= 1 << 20,
            $"a micro-batch of {Rows} x {Context} tokens is above {1 << 20:n0}; use fewer rows and more accumulation");
        Require((long)Rows * Context * Accumulation <= int.MaxValue,
            $"a step of {Rows} x {Context} tokens x {Accumulation} is above {int.MaxValue:n0}; " +
            "lower --rows, --context or --accumulate");
        Require(DataHash is { Length: 64 }, "the data hash is not 64 hexadecimal digits");
        Require(Steps > 0, $"steps are {Steps}; at least one is needed");
        Require(MuonRate is > 0 and <= 10, $"Muon's rate is {MuonRate}; the range is 0 to 10");
        Require(AdamRate is > 0 and <= 1, $"AdamW's rate is {AdamRate}; the range is 0 to 1");
        Require(WeightDecay is >= 0 and <= 10, $"weight decay is {WeightDecay}; the range is 0 to 10");
        Require(ClipNorm > 0, $"the clipping norm is {ClipNorm}; it must be above 0");
        Require(WarmUp is >= 0 and <= 1 && WarmDown is >= 0 and <= 1 && FinalRate is >= 0 and <= 1,
            "warm-up, warm-down and final rate are fractions between 0 and 1");
        return this;

        static void Require(bool holds, string what)
        {
            if (!holds)
                throw new ArgumentException($"Training plan: {what}.");
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, PlanJson.Default.PretrainPlan);

    /// <exception cref="InvalidDataException">Not a plan; the message begins with <paramref name="where"/>.</exception>
    public static PretrainPlan FromJson(string json, string where)
    {
        try
        {
            return (JsonSerializer.Deserialize(json, PlanJson.Default.PretrainPlan)
                ?? throw new JsonException("it is null")).Validated();
        }
        catch (Exception e)
            when (e is JsonException or ArgumentException or NotSupportedException or InvalidDataException)
        {
            throw new InvalidDataException($"{where}: the training plan cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The plan as a table for people; derived numbers included.</summary>
    public IReadOnlyList<Setting> Describe()
    {
        var config = Config();
        var schedule = Schedule;
        return
        [
            new("architecture", $"{Architecture}, {Human.Count(config.Parameters)} parameters"),
            new("layers x width", $"{Layers} x {Width}"),
            new("heads", $"{Heads} of {HeadDim}, {KvHeads} for keys and values"),
            new("feed-forward", $"{FeedForward}"),
            new("vocabulary", $"{Human.Count(Vocabulary)}, {(TiedHead ? "tied" : "untied")} head"),
            new("context", $"{Context} tokens"),
            new("batch", $"{Rows} x {Context} tokens x {Accumulation} = {Human.Count(TokensPerStep)} a step"),
            new("budget", $"{Human.Count(Steps)} steps = {Human.Count(Tokens)} tokens, " +
                $"{(double)Tokens / config.ProductParameters:0.0} a product parameter"),
            new("optimizer", Optimizer == OptimizerKind.Muon
                ? $"Muon {MuonRate} on block matrices, AdamW {AdamRate} on the rest"
                : $"AdamW {AdamRate}"),
            new("weight decay", $"{WeightDecay} on block matrices"),
            new("gradient clipping", $"norm {ClipNorm}"),
            new("schedule", $"warm-up {schedule.WarmUpSteps} steps, constant to " +
                $"{Human.Count(schedule.WarmDownStart)}, then linear to {FinalRate:p0} of the peak"),
            new("seed", $"{Seed}"),
            new("work", $"{Human.Short(config.TrainingFlopPerToken)}FLOP a token, " +
                $"{Human.Short(config.TrainingFlopPerToken * Tokens)}FLOP in all"),
        ];
    }
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(PretrainPlan))]
internal sealed partial class PlanJson : JsonSerializerContext;
