using System.Globalization;

namespace Wisp.Train.Report;

/// <summary>The handful of numbers that a reader looks for first, the same on both forms of the report.</summary>
internal readonly record struct Headline(string Name, string Value, string Note)
{
    public static IReadOnlyList<Headline> Of(RunReport report)
    {
        var facts = new List<Headline>();
        var steps = report.Records.Steps;
        if (report.FinalBitsPerByte is { } bits)
            facts.Add(new("Held-out text", bits.ToString("0.000", CultureInfo.InvariantCulture), "bits per byte"));
        else if (report.Records.Evals is [.., var eval])
            facts.Add(new("Held-out text", eval.BitsPerByte.ToString("0.000", CultureInfo.InvariantCulture),
                $"bits per byte at step {Human.Count(eval.Step)}, run unfinished"));
        if (report.TextToWeights is > 0 and var ratio)
            facts.Add(new("Text : weights", ratio < 10 ? $"{ratio:0.0} : 1" : $"{ratio:0} : 1",
                $"{Human.Bytes(report.Training.Bytes)} in {Human.Bytes(report.WeightsBytes)}"));
        if (report.Parameters > 0)
            facts.Add(new("Parameters", Human.Short(report.Parameters), Human.Count(report.Parameters)));
        if (steps.Count == 0)
            return facts;

        var tokens = steps.Sum(s => (long)s.Tokens);
        var epochs = report.Training.Tokens > 0
            ? $", {Human.Short((double)tokens / report.Training.Tokens)} passes" : "";
        facts.Add(new("Tokens seen", Human.Short(tokens), $"{Human.Count(steps[^1].Step)} steps{epochs}"));
        facts.Add(new("Time", Human.Time(report.TrainingTime), "in training steps"));
        var flops = report.TokensPerSecond * report.FlopPerToken;
        var work = flops > 0 ? $", {flops / 1e9:0.0} GFLOP/s" : "";
        var share = flops > 0 && report.FmaPeak > 0 ? $", {100 * flops / report.FmaPeak:0} % of peak" : "";
        facts.Add(new("Speed", Human.Short(report.TokensPerSecond), "tokens a second" + work + share));
        return facts;
    }
}
