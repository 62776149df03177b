using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Wisp.Bench.Engine;

namespace Wisp.Bench.Os;

/// <summary>
/// <c>kernel</c>: what the operating system costs. A call through the gate with and without a journal, a context
/// switch, and hundreds of processes that share a prefix on a real model.
/// </summary>
internal static class OsBench
{
    public static Command Create()
    {
        var model = new Option<string>("--model", "-m")
        {
            Description = "The model", DefaultValueFactory = _ => "models/wisp-chat.gguf",
        };
        var processes = new Option<int>("--processes") { Description = "Processes", DefaultValueFactory = _ => 200 };
        var shared = new Option<int>("--shared") { Description = "Tokens they share", DefaultValueFactory = _ => 512 };
        var own = new Option<int>("--own") { Description = "Tokens each writes", DefaultValueFactory = _ => 64 };
        var threads = new Option<int>("--threads") { Description = "Threads", DefaultValueFactory = _ => 2 };
        var file = new Option<string?>("--out") { Description = "Also write the result to this Markdown file" };
        var command = new Command("kernel", "Cost of the operating system: calls, switches, shared memory")
        {
            model, processes, shared, own, threads, file,
        };
        command.SetAction(parse =>
        {
            var neighbours = new Neighbours();
            var crowd = new Crowd(parse.GetValue(processes), parse.GetValue(shared), parse.GetValue(own));
            List<Figure> figures =
            [
                .. GateBench.Measure(), .. SwitchBench.Measure(),
                .. crowd.Measure(parse.GetValue(model)!, parse.GetValue(threads)),
            ];
            var table = Table(figures, parse.GetValue(model)!, crowd, neighbours.Share());
            parse.InvocationConfiguration.Output.Write(table);
            if (parse.GetValue(file) is { } path)
                File.WriteAllText(path, table);
            return figures.TrueForAll(figure => figure.Holds) ? 0 : 1;
        });
        return command;
    }

    private static string Table(List<Figure> figures, string model, Crowd crowd, double others)
    {
        var text = new StringBuilder($"""
            # What the kernel costs

            {DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores,
            {RuntimeInformation.FrameworkDescription}. Made by `./wisp bench kernel --out FILE`; what is timed stands in
            [METHOD.md](../METHOD.md). {crowd.Processes} processes on {Path.GetFileName(model)}, {crowd.Shared} tokens
            in common and {crowd.Own} of each one's own.

            """);
        if (others > Neighbours.Noticeable)
            text.Append(CultureInfo.InvariantCulture,
                $"\nA busy machine: other programs took {others:P0} of the cores, so times are too long.\n");
        text.Append("\n| | median | p99 | wanted | |\n|---|---|---|---|---|\n");
        foreach (var figure in figures)
            text.Append(figure).Append('\n');
        var losses = figures.FindAll(figure => !figure.Holds);
        text.Append(losses.Count == 0 ? "\nNothing that was wanted is missed.\n"
            : $"\nMissed: {string.Join("; ", losses.Select(figure => figure.What))}.\n");
        var tails = figures.FindAll(figure => !figure.TailHolds);
        if (tails.Count > 0)
            text.Append("\nThe losses: one in a hundred takes longer than wanted of ")
                .AppendJoin("; ", tails.Select(figure => $"{figure.What} ({figure.P99})")).Append(".\n");
        return text.ToString();
    }
}

/// <summary>A measured quantity.</summary>
/// <param name="Value">As it is printed, with its unit.</param>
/// <param name="Wanted">What it has to be; empty where it is only told.</param>
internal sealed record Figure(string What, string Value, string P99 = "", string Wanted = "", bool Holds = true)
{
    /// <summary>Whether the slowest of a hundred is within the bar too.</summary>
    public bool TailHolds { get; private init; } = true;

    /// <summary>Microseconds, of which the median counts.</summary>
    public static Figure Of(string what, List<double> times, double most = double.PositiveInfinity)
    {
        times.Sort();
        double median = times[times.Count / 2], p99 = times[times.Count * 99 / 100];
        return new Figure(what, $"{median:n1} µs", $"{p99:n1} µs",
            double.IsFinite(most) ? $"below {most:n0} µs" : "", median < most)
        {
            TailHolds = p99 < most,
        };
    }

    public override string ToString() =>
        $"| {What} | {Value} | {P99} | {Wanted} | {(Wanted.Length == 0 ? "" : Holds ? "yes" : "**no**")} |";
}
