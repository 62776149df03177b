using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Wisp.Labels;
using Wisp.Train.Align.Labels;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp label stats</c>: what label files say.</summary>
internal static class LabelStatsCommand
{
    private const int NameWidth = 24;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var files = new Argument<string[]>("FILE")
        {
            Description = "Files by wisp label", Arity = ArgumentArity.OneOrMore,
        };
        var json = new Option<bool>("--json") { Description = "One JSON document" };
        var command = new Verb(
            "stats", "Count judgments: agreement, bias of position, which model wins", "Train",
            "wisp label stats anna.jsonl ben.jsonl --json")
        {
            files, json,
        };
        command.SetAction(parse =>
        {
            var figures = LabelFigures.Of([.. parse.GetRequiredValue(files).Distinct().Select(LabelReading.Of)]);
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(json))
                output.WriteLine(LabelJson.Of(figures).ToJsonString(s_indented));
            else
                Show(Terminal.On(output), figures);
        });
        return command;
    }

    private static void Show(IAnsiConsole console, LabelFigures figures)
    {
        Line("prompts", Human.Count(figures.Prompts));
        Line("pairs to learn from", Human.Count(figures.Pairs));
        foreach (var one in figures.Labellers)
        {
            Line(one.Name, $"{Human.Count(one.Judgments)} judgments, {Human.Count(one.Skips)} skips, " +
                $"{Human.Time(one.Median)} for one (median)");
            if (one.WithSelf.Same.Trials > 0)
                Line("  with themself", Said(one.WithSelf));
        }

        if (figures.Undone > 0)
            Line("taken back", Human.Count(figures.Undone));
        foreach (var shared in figures.Shared)
            Line($"{shared.One} and {shared.Other}", Said(shared.Agreement));
        foreach (var places in figures.Places)
            for (var place = 0; place < places.Candidates - (places.Candidates == 2 ? 1 : 0); place++)
                if (places.Best[place].Trials > 0)
                    Line($"place {place + 1} of {places.Candidates} is best",
                        $"{places.Best[place]}; {1.0 / places.Candidates:p0} without bias");
        foreach (var pair in figures.Wins)
            Line($"{pair.One} over {pair.Other}", pair.Rate.Trials == 0 ? $"{Human.Count(pair.Ties)} ties and no win"
                : $"{pair.Rate}, {Human.Count(pair.Ties)} ties beside them");

        void Line(string name, string value)
        {
            name = Terminal.Clean(name);
            if (console.Profile.Out.IsTerminal)
                Entry.Write(console, name, Terminal.Clean(value), NameWidth);
            else
                console.Profile.Out.Writer.WriteLine($"  {name,-NameWidth}  {Terminal.Clean(value)}");
        }
    }

    private static string Said(Agreement agreement) => $"the same on {agreement.Same}" +
        (agreement is { Kappa: { } kappa, Interval: (var low, var high) }
            ? $"; kappa {kappa:0.00} ({low:0.00} to {high:0.00})"
            : "; kappa cannot be told, since one verdict was given throughout");
}
