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
        Terminal.Say(console,
            $"corpus: {Count(summary.Files, "file")}, {Count(summary.DocumentsRead, "document")}, " +
            $"{Human.Bytes(summary.BytesRead)}");
        foreach (var entry in summary.Skipped.Entries.Concat(summary.Dropped.Entries).OrderByDescending(e => e.Count))
        {
            var bytes = entry.Bytes > 0 ? $", {Human.Bytes(entry.Bytes)}" : "";
            var names = entry.Names.Count > 0 && entry.Count <= NamesShown ? $" ({string.Join("; ", entry.Names)})"
                : "";
            Terminal.Say(console,
                Terminal.Clean($"  left out, {entry.Reason}: {Human.Count(entry.Count)}{bytes}{names}"));
        }

        Terminal.Say(console,
            $"  kept: {Count(corpus.Train.Count, "document")}, {Human.Bytes(corpus.TrainBytes)} to train on; "
            + $"{Count(corpus.HeldOut.Count, "document")}, {Human.Bytes(corpus.HeldOutBytes)} held out");
        if (summary.Remark is { } remark)
            Terminal.Say(console, $"  {Terminal.Clean(remark)}");
    }

    private static string Count(long n, string what) => $"{Human.Count(n)} {what}{(n == 1 ? "" : "s")}";
}
