using Spectre.Console;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>Reading a corpus under the eyes of a person: how far it is, and what was left out and why.</summary>
internal static class CorpusReport
{
    private const int NamesShown = 3;

    public static PreparedCorpus Prepare(IAnsiConsole console, PipelineOptions options, CancellationToken cancel)
    {
        using var line = new ProgressLine(console, TimeProvider.System);
        line.Report("reading", 0, 0);
        return DataPipeline.Prepare(options, p =>
        {
            cancel.ThrowIfCancellationRequested();
            line.Report(p.Step, p.Bytes, p.Of);
        });
    }

    public static void Write(IAnsiConsole console, PreparedCorpus corpus)
    {
        var summary = corpus.Summary;
        console.Profile.Out.Writer.WriteLine(
            $"corpus: {Human.Count(summary.Files)} {(summary.Files == 1 ? "file" : "files")}, {Human.Count(summary.DocumentsRead)} documents, {Human.Bytes(summary.BytesRead)}");
        foreach (var entry in summary.Skipped.Entries.Concat(summary.Dropped.Entries).OrderByDescending(e => e.Count))
        {
            var bytes = entry.Bytes > 0 ? $", {Human.Bytes(entry.Bytes)}" : "";
            var names = entry.Names.Count > 0 && entry.Count <= NamesShown ? $" ({string.Join("; ", entry.Names)})" : "";
            console.Profile.Out.Writer.WriteLine(Terminal.Clean($"  left out, {entry.Reason}: {Human.Count(entry.Count)}{bytes}{names}"));
        }

        console.Profile.Out.Writer.WriteLine(
            $"  kept: {Human.Count(corpus.Train.Count)} documents, {Human.Bytes(corpus.TrainBytes)} to train on; "
            + $"{Human.Count(corpus.HeldOut.Count)} documents, {Human.Bytes(corpus.HeldOutBytes)} held out");
        if (summary.Remark is { } remark)
            console.Profile.Out.Writer.WriteLine($"  {Terminal.Clean(remark)}");
    }
}
