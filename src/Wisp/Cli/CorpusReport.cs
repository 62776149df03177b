using Spectre.Console;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>What became of a corpus, for a person: how much was read, what was left out and why.</summary>
internal static class CorpusReport
{
    private const int NamesShown = 3;

    public static void Write(IAnsiConsole console, PreparedCorpus corpus)
    {
        var summary = corpus.Summary;
        console.Profile.Out.Writer.WriteLine(
            $"corpus: {Human.Count(summary.Files)} files, {Human.Count(summary.DocumentsRead)} documents, " +
            $"{Human.Bytes(summary.BytesRead)}");
        foreach (var entry in summary.Skipped.Entries.Concat(summary.Dropped.Entries).OrderByDescending(e => e.Count))
        {
            var bytes = entry.Bytes > 0 ? $", {Human.Bytes(entry.Bytes)}" : "";
            var names =
                entry.Names.Count > 0 && entry.Count <= NamesShown ? $" ({string.Join("; ", entry.Names)})" : "";
            console.Profile.Out.Writer.WriteLine(Terminal.Clean($"  left out, {entry.Reason}: " +
                $"{Human.Count(entry.Count)}{bytes}{names}"));
        }

        console.Profile.Out.Writer.WriteLine(
            $"  kept: {Human.Count(corpus.Train.Count)} documents, {Human.Bytes(corpus.TrainBytes)} to train on; "
            + $"{Human.Count(corpus.HeldOut.Count)} documents, {Human.Bytes(corpus.HeldOutBytes)} held out");
        if (summary.Remark is { } remark)
            console.Profile.Out.Writer.WriteLine($"  {Terminal.Clean(remark)}");
    }
}
