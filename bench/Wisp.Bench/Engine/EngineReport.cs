using System.Text;

namespace Wisp.Bench.Engine;

/// <summary>Results as text: losses first, then tables.</summary>
internal static class EngineReport
{
    /// <summary>One model in a line, while others are still to come.</summary>
    public static string Line(EngineResult r) =>
        $"{r.Model,-12} decode {r.Decode.Ours.Median,7:0.0} tok/s x{r.Decode.Ratio:0.00} " +
        $"({r.BandwidthShare:0 %} of bandwidth), prefill {r.Prefill.Ours.Median,7:0} tok/s x{r.Prefill.Ratio:0.00}, " +
        (r.LongDecode is { } late ? $"long decode x{late.Ratio:0.00}, " : "") +
        $"first token {r.FirstToken.Ours.Median:0.00} s, peak {r.OurMemory.Peak / 1e6:0} MB; logits " +
        $"{r.Agreement.Relative:0.00 %} apart";

    /// <summary>The line that the command ends with.</summary>
    public static string Last(IReadOnlyList<EngineResult> results)
    {
        var largest = results.MaxBy(r => r.TokenBytes)!.Shape;
        return $"engine: decode x{results.Min(r => r.Decode.Ratio):0.00} prefill " +
            $"x{results.Min(r => r.Prefill.Ratio):0.00} of llama.cpp (worst of all types), " +
            $"{100 * results.Where(r => r.Shape == largest).Min(r => r.BandwidthShare):0} % of bandwidth";
    }

    public static string Shortfalls(IReadOnlyList<EngineResult> results)
    {
        var losses = results.SelectMany(Loss.Of).ToList();
        if (losses.Count == 0)
            return "Nothing is behind llama.cpp or short of its bar.\n";
        return Table("| model | what | measured | wanted |\n|---|---|---|---|",
            losses.Select(l => $"| {l.Model} | {l.What} | {l.Measured} | {l.Wanted} |"));
    }

    public static string Markdown(IReadOnlyList<EngineResult> results, EngineOptions options)
    {
        var first = results[0];
        var text = new StringBuilder(
            $"""
            # Running models: ours beside llama.cpp

            {DateTime.UtcNow:yyyy-MM-dd}, {TrainBench.Machine()}, {options.Threads} threads.
            {first.OurName}; {first.TheirName}.
            Made by `./wisp bench engine --out FILE`; what is timed stands in [METHOD.md](../METHOD.md). Medians of
            {options.Rounds} rounds, with the smallest and the largest; x is ours over llama.cpp's.

            `{Last(results)}`
            {Busy(results)}

            ## Behind llama.cpp, or short of our bar

            {Shortfalls(results)}
            """);
        foreach (var shape in results.GroupBy(r => r.Shape))
            text.Append(Speed([.. shape]));
        if (results.Any(r => !r.Pure))
            text.Append("\\* Rows that are no whole number of blocks of 256 are stored in the next type of blocks of " +
                "32, as llama.cpp's quantiser does.\n\n");
        text.Append(StartAndMemory(results)).Append(Agreements(results));
        foreach (var r in results.Where(r => r.Streams is not null))
            text.Append(Streams(r)).Append(Operations(r));
        return text.ToString().TrimEnd() + "\n";
    }

    /// <summary>A warning, or nothing.</summary>
    public static string Busy(IReadOnlyList<EngineResult> results)
    {
        var most = results.Max(r => r.OthersShare);
        return most < Neighbours.Noticeable ? "" :
            $"\n**The machine was busy**: other programs took up to {most:0 %} of its cores. llama.cpp waits by " +
            "spinning and\nsuffers more from that than ours: repeat this on a quiet machine.\n";
    }

    private static string Speed(List<EngineResult> results)
    {
        var text = new StringBuilder($"## {results[0].Shape}: tokens a second\n\n");
        var means = results.FindAll(r => r.MeanBandwidth is not null);
        text.Append($"Read bandwidth {Range(results, r => r.Bandwidth, 1e9)} GB/s at its best, " +
            (means.Count > 0 ? $"{Range(means, r => r.MeanBandwidth!, 1e9)} on average, " : "") +
            $"FMA peak {Range(results, r => r.FmaPeak, 1e9)} GFLOP/s between the rounds.\n\n");
        var prompt = $"prefill {EngineOptions.PromptTokens}";
        text.Append(Table(
            $"| type | MB | decode | llama.cpp | x | of bandwidth | of its mean | {prompt} | llama.cpp | x |\n" +
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            results.Select(r =>
                $"| {Type(r)} | {r.TokenBytes / 1e6:0} | {Cells(r.Decode)} | {r.BandwidthShare:0 %} " +
                $"(llama.cpp {r.TheirBandwidthShare:0 %}) | {r.MeanBandwidthShare:0 %} | {Cells(r.Prefill)} |")));
        if (results.Exists(r => r.LongDecode is not null))
            text.Append(Table(
                "| type | decode after 2,048 tokens | llama.cpp | x |\n|---|--:|--:|--:|",
                results.Where(r => r.LongDecode is not null).Select(r => $"| {Type(r)} | {Cells(r.LongDecode!)} |")));
        return text.ToString();
    }

    private static string StartAndMemory(IReadOnlyList<EngineResult> results) =>
        "## Start and memory\n\n" + Table(
            "| model | first token, s | mapped | llama.cpp | of it loading, s | llama.cpp | peak, MB | llama.cpp | " +
            "weights + KV, MB | at rest: own + file, MB | llama.cpp |\n" +
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            results.Select(r =>
                $"| {r.Model} | {r.FirstToken.Ours.Median:0.00} | {r.MappedFirstToken?.Median:0.00} | " +
                $"{r.FirstToken.Theirs.Median:0.00} | {Seconds(r.Load)} | {r.OurMemory.Peak / 1e6:0} | " +
                $"{r.TheirMemory.Peak / 1e6:0} | {(r.TokenBytes + r.OurKvBytes) / 1e6:0} | {Rest(r.OurMemory)} | " +
                $"{Rest(r.TheirMemory)} |"));

    private static string Agreements(IReadOnlyList<EngineResult> results) =>
        "## Same model, same numbers\n\n" + Table(
            "| model | difference of logits, of their deviation | allowed | same first token |\n|---|--:|--:|--:|",
            results.Select(r =>
                $"| {r.Model} | {r.Agreement.Relative:0.00 %} | {r.Agreement.Allowed:0 %} | " +
                $"{r.Agreement.SameTop} of {r.Agreement.Positions} |"));

    private static string Streams(EngineResult r)
    {
        var s = r.Streams!;
        return $"## {r.Model}: {s.Streams} streams at once\n\n" + Table(
            "| | one stream, tok/s | all together, tok/s | gain |\n|---|--:|--:|--:|",
            [
                $"| ours | {Cell(s.One.Ours)} | {Cell(s.All.Ours)} | x{s.OurGain:0.00} |",
                $"| llama.cpp | {Cell(s.One.Theirs)} | {Cell(s.All.Theirs)} | x{s.TheirGain:0.00} |",
            ]);
    }

    private static string Operations(EngineResult r) =>
        $"## {r.Model}: where our time goes\n\n" +
        $"One token after {EngineOptions.PromptTokens}, beside the read bandwidth:\n\n" +
        Table("| operation | µs | share | MB | GB/s | of bandwidth |\n|---|--:|--:|--:|--:|--:|",
            Rows(r.DecodeOperations, o => o.Bytes, r.Bandwidth.Median, 1e6, 1e9)) +
        $"A prompt of {EngineOptions.PromptTokens}, beside the float32 multiply-adds; integer products may pass " +
        "100 %:\n\n" +
        Table("| operation | µs | share | MFLOP | GFLOP/s | of FMA peak |\n|---|--:|--:|--:|--:|--:|",
            Rows(r.PrefillOperations, o => o.Flop, r.FmaPeak.Median, 1e6, 1e9));

    private static IEnumerable<string> Rows(
        Operation[] operations, Func<Operation, double> work, double roof, double unit, double unitPerSecond)
    {
        var total = operations.Sum(o => o.Seconds);
        foreach (var o in operations)
            yield return Row(o.Name, o.Seconds, work(o));
        yield return Row("all", total, operations.Sum(work));

        string Row(string name, double seconds, double amount) =>
            $"| {name} | {seconds * 1e6:0} | {seconds / total:0.0 %} | " + (amount == 0 || seconds == 0 ? "| | |"
                : $"{amount / unit:0.0} | {amount / seconds / unitPerSecond:0.0} | {amount / seconds / roof:0 %} |");
    }

    private static string Table(string head, IEnumerable<string> rows) => $"{head}\n{string.Join('\n', rows)}\n\n";

    private static string Type(EngineResult r) => r.Type + (r.Pure ? "" : "\\*");

    private static string Cells(Pair p) => $"{Cell(p.Ours)} | {Cell(p.Theirs)} | {p.Ratio:0.00}";

    // Three digits say as much as rounds agree.
    private static string Cell(Spread s)
    {
        var format = s.Median >= 100 ? "0" : "0.0";
        return $"{s.Median.ToString(format)} ({s.Min.ToString(format)}-{s.Max.ToString(format)})";
    }

    private static string Seconds(Pair p) => $"{p.Ours.Median:0.00} | {p.Theirs.Median:0.00}";

    private static string Rest(SideMemory m) => $"{m.Private / 1e6:0} + {m.Mapped / 1e6:0}";

    private static string Range(List<EngineResult> results, Func<EngineResult, Spread> of, double unit) =>
        $"{Spread.Of(results.Select(r => of(r).Median)).Median / unit:0} " +
        $"({results.Min(r => of(r).Min) / unit:0}-{results.Max(r => of(r).Max) / unit:0})";
}
