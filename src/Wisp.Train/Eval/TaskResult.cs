using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wisp.Train.Eval;

/// <summary>One figure of a task, with the interval in which its true value lies with 95 % certainty.</summary>
/// <param name="Name">A word of the field: acc, acc_norm, f1, exact match ...</param>
/// <param name="Trials">Of how many it is the mean.</param>
/// <param name="How">How the interval was found: wilson, bootstrap, or none.</param>
public sealed record Metric(string Name, double Value, double Low, double High, long Trials, string How)
{
    internal static Metric Of(string name, Align.Proportion share)
    {
        var value = share.Trials == 0 ? 0 : share.Share;
        var (low, high) = share.Interval; // of 0 and 1 its ends are these but for rounding
        return new(name, value, Math.Min(low, value), Math.Max(high, value), share.Trials, "wilson");
    }
}

/// <summary>A task's outcome.</summary>
public sealed record TaskResult(string Name, string Kind, string Source, string Hash, int Items)
{
    /// <summary>The one that the field quotes stands first.</summary>
    public IReadOnlyList<Metric> Metrics { get; init; } = [];

    /// <summary>What a guess reaches, of the first metric; null where a guess reaches nothing.</summary>
    public double? Chance { get; init; }

    /// <summary>Figures of the same kind that tell how far the first can be believed.</summary>
    public IReadOnlyList<Metric> Controls { get; init; } = [];

    /// <summary>The first metric by parts of the task.</summary>
    public IReadOnlyDictionary<string, Metric> Groups { get; init; } = new Dictionary<string, Metric>();

    /// <summary>How much of the test the training text holds; null where nobody gave that text.</summary>
    public OverlapResult? Overlap { get; init; }

    /// <summary>What a reader has to know, such as items that were cut to the context.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public double Seconds { get; init; }

    /// <summary>The first metric's value for each item, to tell those apart that the training text holds.</summary>
    [JsonIgnore]
    public IReadOnlyList<double> PerItem { get; init; } = [];
}

/// <param name="Judged">Items long enough to have an n-gram.</param>
/// <param name="Found">Those of them of which the training text holds one.</param>
public sealed record OverlapResult(int Words, int Judged, int Found);

/// <summary>Everything that one examination of a model said.</summary>
public sealed record EvalReport
{
    public required string Model { get; init; }

    public required string ModelHash { get; init; }

    public required long Parameters { get; init; }

    public required DateTimeOffset Date { get; init; }

    public required string CommandLine { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Items of a task at most; 0 means all.</summary>
    public required int Limit { get; init; }

    public required int Shots { get; init; }

    /// <summary>Training text that the tests were looked for in; empty where none was given.</summary>
    public string TrainingText { get; init; } = "";

    public required IReadOnlyList<TaskResult> Tasks { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, EvalJson.Default.EvalReport) + "\n";

    /// <exception cref="InvalidDataException">Not such a report.</exception>
    public static EvalReport Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), EvalJson.Default.EvalReport)
                ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"{path}: not what `wisp eval` writes: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(EvalReport))]
internal sealed partial class EvalJson : JsonSerializerContext;
