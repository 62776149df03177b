namespace Wisp.Train.Data;

/// <summary>What became of a corpus, in numbers.</summary>
/// <param name="Skipped">Files that were not read, by kind.</param>
/// <param name="Dropped">What cleaning and deduplication left out, by reason.</param>
/// <param name="Remark">What a user should know of the split; null when nothing is unusual.</param>
public sealed record CorpusSummary(
    int Files, long DocumentsRead, long BytesRead, Tally Skipped, Tally Dropped, string? Remark)
{
    /// <summary>One line for each thing that a user should know, for a terminal or a report.</summary>
    public IEnumerable<string> Describe()
    {
        yield return $"read {DocumentsRead:n0} documents, {Size(BytesRead)}, from {Files:n0} " +
            $"{(Files == 1 ? "file" : "files")}";
        foreach (var entry in Skipped.Entries)
            yield return $"skipped {Text(entry)}";
        foreach (var entry in Dropped.Entries)
            yield return $"dropped {Text(entry)}";
        if (Remark is not null)
            yield return Remark;
    }

    private static string Text(Tally.Entry entry) =>
        $"{entry.Count:n0} {entry.Reason}{(entry.Bytes > 0 ? $", {Size(entry.Bytes)}" : "")}" +
        (entry.Names.Count == 0 ? "" : $", such as {entry.Names[0]}");

    private static string Size(long bytes) => bytes switch
    {
        < 10_000 => $"{bytes:n0} bytes",
        < 10_000_000 => $"{bytes / 1e3:n0} KB",
        _ => $"{bytes / 1e6:n0} MB",
    };
}

/// <summary>
/// Clean documents of both sides of the split, in memory: what tokenizers are trained on and shards are made of.
/// </summary>
/// <param name="Fingerprint">SHA-256 of the options and of the names, sizes and dates of the inputs, in hex.</param>
public sealed record PreparedCorpus(
    IReadOnlyList<Document> Train, IReadOnlyList<Document> HeldOut, CorpusSummary Summary, string Fingerprint)
{
    public long TrainBytes => Train.Sum(document => (long)document.Text.Length);

    public long HeldOutBytes => HeldOut.Sum(document => (long)document.Text.Length);
}

/// <summary>The token files of a corpus, opened, with the manifest of what is in them.</summary>
/// <param name="Reused">They were there already, made from the same inputs.</param>
public sealed record TokenisedCorpus(TokenShards Train, TokenShards HeldOut, Manifest Manifest,
    bool Reused) : IDisposable
{
    public void Dispose()
    {
        Train.Dispose();
        HeldOut.Dispose();
    }
}

/// <summary>How far a long step has come.</summary>
/// <param name="Step">Such as "reading" or "encoding".</param>
/// <param name="Bytes">Of text, done so far.</param>
/// <param name="Of">Of text in all; 0 when nobody knows.</param>
public readonly record struct PipelineProgress(string Step, long Bytes, long Of);
