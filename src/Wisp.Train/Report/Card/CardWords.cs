using System.Globalization;
using Wisp.Train.Eval;

namespace Wisp.Train.Report.Card;

/// <summary>Numbers of a card as both of its pages say them.</summary>
internal static class CardWords
{
    public static bool IsShare(Metric metric) => metric.How != "none";

    public static string Value(Metric metric) => IsShare(metric)
        ? (100 * metric.Value).ToString("0.0", CultureInfo.InvariantCulture) + " %"
        : metric.Value.ToString(metric.Value >= 100 ? "0" : "0.000", CultureInfo.InvariantCulture);

    public static string Interval(Metric metric) => IsShare(metric) ? string.Create(CultureInfo.InvariantCulture,
        $"{100 * metric.Low:0.0} to {100 * metric.High:0.0}") : "";

    public static bool IsAtChance(TaskResult task, Metric metric) =>
        task.Chance is { } chance && task.Metrics[0].Name == metric.Name
        && metric.Low <= chance && chance <= metric.High;

    /// <summary>1.23e15, with a prefix that a person knows: 1.23 PFLOP.</summary>
    public static string Flop(double flop) => flop <= 0 ? "0" : Human.Short(flop) is var text && char.IsLetter(text[^1])
        ? $"{text[..^1]} {text[^1]}FLOP" : text + " FLOP";

    public static string Time(double seconds) => Human.Time(TimeSpan.FromSeconds(seconds));

    /// <summary>What a reader of the card looks for first.</summary>
    public static IReadOnlyList<Headline> Headlines(ReportCard card)
    {
        var last = card.Last.Report;
        List<Headline> facts =
        [
            new("Parameters", Human.Short(last.Parameters),
                last.WeightsBytes > 0 ? Human.Bytes(last.WeightsBytes) + " on disk" : ""),
            new("Stages", $"{card.Stages.Count}", string.Join(", ", card.Stages.Select(stage => stage.Name))),
            new("Training", Time(card.Seconds), "in the steps of all stages"),
            new("Work", Flop(card.Flop), $"{Human.Short(card.Tokens)} tokens through a model"),
        ];
        if (card.Stages.FirstOrDefault(stage => stage.Report.Stage == "pretrain") is { Report: { } first })
            facts.Add(new("Text", Human.Bytes(first.Training.Bytes),
                first.FinalBitsPerByte is { } bits
                    ? string.Create(CultureInfo.InvariantCulture, $"held out: {bits:0.000} bits a byte")
                    : "to pretrain on"));
        return facts;
    }
}
