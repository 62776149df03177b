namespace Wisp.Train.Report;

/// <summary>One line of a two-column table; the order of the list is the order on the page.</summary>
public readonly record struct Setting(string Name, string Value);

/// <summary>What the corpus holds on one side of the split.</summary>
public readonly record struct TextCount(long Documents, long Bytes, long Tokens);

/// <summary>One line of the accounting of parameters, work and memory; what does not apply is null.</summary>
/// <param name="FlopPerToken">Forward and backward, counted as ARCHITECTURE.md says.</param>
public sealed record AccountRow(string Part, long? Parameters = null, double? FlopPerToken = null, long? Bytes = null);

/// <summary>Everything the report of a pretraining run shows. Rendered by <see cref="ReportWriter"/>.</summary>
public sealed record RunReport
{
    public required string Title { get; init; }

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

    public required RunRecords Records { get; init; }

    public required double FlopPerToken { get; init; }

    /// <summary>FLOP/s that the same process measured; 0 where it did not.</summary>
    public double FmaPeak { get; init; }

    /// <summary>Of the finished model over the whole held-out text; null while a run is unfinished.</summary>
    public double? FinalBitsPerByte { get; init; }

    public IReadOnlyList<CompressionRow> Compression { get; init; } = [];

    /// <summary>Bytes of the weights file; 0 while there is none.</summary>
    public long WeightsBytes { get; init; }

    public long Parameters => Accounting.Sum(row => row.Parameters ?? 0);

    /// <summary>Bytes of training text for one byte of weights; null without weights.</summary>
    public double? TextToWeights => WeightsBytes > 0 ? (double)Training.Bytes / WeightsBytes : null;

    public TimeSpan TrainingTime => TimeSpan.FromSeconds(Records.Steps.Sum(step => step.Seconds));

    /// <summary>Over the whole run, warm-up included.</summary>
    public double TokensPerSecond
    {
        get
        {
            var seconds = Records.Steps.Sum(step => step.Seconds);
            return seconds > 0 ? Records.Steps.Sum(step => (double)step.Tokens) / seconds : 0;
        }
    }
}
