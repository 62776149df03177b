using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wisp.Train.Report;

/// <summary>One line of a two-column table; the order of the list is the order on the page.</summary>
public readonly record struct Setting(string Name, string Value);

/// <summary>What the corpus holds on one side of the split.</summary>
public readonly record struct TextCount(long Documents, long Bytes, long Tokens);

/// <summary>One line of the accounting of parameters, work and memory; what does not apply is null.</summary>
/// <param name="FlopPerToken">Forward and backward, counted as ARCHITECTURE.md says.</param>
public sealed record AccountRow(string Part, long? Parameters = null, double? FlopPerToken = null, long? Bytes = null);

/// <summary>
/// Everything the report of a run shows, rendered by <see cref="ReportWriter"/>, which also keeps it as
/// <c>report.json</c> for programs. Curves and samples are not in there but in the log beside it.
/// </summary>
public sealed record RunReport
{
    public const string FileName = "report.json";

    public required string Title { get; init; }

    /// <summary>What was done: pretrain, sft, reward, dpo ...</summary>
    public string Stage { get; init; } = "pretrain";

    /// <summary>SHA-256 of the model file that the run began with; empty where it began from nothing.</summary>
    public string BeginHash { get; init; } = "";

    /// <summary>SHA-256 of the model file that it wrote; empty while there is none.</summary>
    public string ModelHash { get; init; } = "";

    /// <summary>The exact command line that made the model, ready to paste.</summary>
    public required string CommandLine { get; init; }

    public required DateTimeOffset Date { get; init; }

    /// <summary>Every number that the run was given or derived.</summary>
    public required IReadOnlyList<Setting> Configuration { get; init; }

    /// <summary>SHA-256 of the data manifest.</summary>
    public required string ManifestHash { get; init; }

    public required TextCount Training { get; init; }

    public required TextCount HeldOut { get; init; }

    public required IReadOnlyList<AccountRow> Accounting { get; init; }

    [JsonIgnore]
    public RunRecords Records { get; init; } = RunRecords.Of([]);

    public required double FlopPerToken { get; init; }

    /// <summary>FLOP/s that the same process measured; 0 where it did not.</summary>
    public double FmaPeak { get; init; }

    /// <summary>Of the finished model over the whole held-out text; null while a run is unfinished.</summary>
    public double? FinalBitsPerByte { get; init; }

    public IReadOnlyList<CompressionRow> Compression { get; init; } = [];

    /// <summary>Bytes of the weights file; 0 while there is none.</summary>
    public long WeightsBytes { get; init; }

    [JsonIgnore]
    public long Parameters => Accounting.Sum(row => row.Parameters ?? 0);

    /// <summary>Bytes of training text for one byte of weights; null without weights.</summary>
    [JsonIgnore]
    public double? TextToWeights => WeightsBytes > 0 ? (double)Training.Bytes / WeightsBytes : null;

    [JsonIgnore]
    public TimeSpan TrainingTime => TimeSpan.FromSeconds(Records.Steps.Sum(step => step.Seconds));

    /// <summary>Work of the training steps, by the rule for FLOP of ARCHITECTURE.md.</summary>
    [JsonIgnore]
    public double Flop => Records.Steps.Sum(step => (double)step.Tokens) * FlopPerToken;

    /// <summary>Over the whole run, warm-up included.</summary>
    [JsonIgnore]
    public double TokensPerSecond
    {
        get
        {
            var seconds = Records.Steps.Sum(step => step.Seconds);
            return seconds > 0 ? Records.Steps.Sum(step => (double)step.Tokens) / seconds : 0;
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.RunReport) + "\n";

    /// <summary>The report of a run that a folder holds, with what its log has.</summary>
    /// <exception cref="InvalidDataException">The folder holds no finished run.</exception>
    public static RunReport Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new InvalidDataException(
                $"{folder}: holds no {FileName}, so no run has ended there. Finish it first: wisp train ... --resume.");
        try
        {
            return (JsonSerializer.Deserialize(File.ReadAllBytes(path), ReportJson.Default.RunReport)
                ?? throw new JsonException("it is null")) with
            { Records = RunLog.Read(folder) };
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"{path}: no report of a run: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
