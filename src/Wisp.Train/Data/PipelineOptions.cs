using System.Globalization;

namespace Wisp.Train.Data;

/// <summary>Everything that decides what a model learns from. Two equal values give the same documents.</summary>
public sealed record PipelineOptions
{
    /// <summary>Files and folders.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    public CorpusOptions Corpus { get; init; } = new();

    public CleaningOptions Cleaning { get; init; } = CleaningOptions.Plain;

    public SplitOptions Split { get; init; } = new();

    /// <summary>Likeness from which a document counts as a repetition; 0 keeps all.</summary>
    public double DuplicateThreshold { get; init; } = 0.8;

    /// <summary>
    /// The most cleaned text that is kept in memory, which is where all of it is kept: 4 GB are a billion tokens, more
    /// than a model of the sizes that Wisp trains can use.
    /// </summary>
    public long MaxTextBytes { get; init; } = 4L << 30;

    /// <summary>
    /// One line that changes when an option does; inputs are listed by the caller, with their sizes and dates.
    /// </summary>
    internal string Canonical() => string.Create(CultureInfo.InvariantCulture,
        $"{Corpus} {Cleaning} {Split} duplicates {DuplicateThreshold}");
}
