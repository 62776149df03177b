using System.Text.Json;
using System.Text.Json.Serialization;
using Wisp.Train.Eval;

namespace Wisp.Train.Report.Card;

/// <summary>A model's whole life: from which data it came, by which stages, at what cost, to what end.</summary>
public sealed record ReportCard
{
    public required string Title { get; init; }

    public required DateTimeOffset Date { get; init; }

    /// <summary>In the order in which they were done.</summary>
    public required IReadOnlyList<CardStage> Stages { get; init; }

    /// <summary>The same prompts, answered by the model of each stage.</summary>
    public IReadOnlyList<CardSample> Samples { get; init; } = [];

    [JsonIgnore]
    public double Flop => Stages.Sum(stage => stage.Flop);

    [JsonIgnore]
    public double Seconds => Stages.Sum(stage => stage.Seconds);

    [JsonIgnore]
    public long Tokens => Stages.Sum(stage => stage.Tokens);

    /// <summary>The last stage whose model writes.</summary>
    [JsonIgnore]
    public CardStage Last => Stages.LastOrDefault(stage => !stage.IsJudge) ?? Stages[^1];

    public string ToJson() => JsonSerializer.Serialize(this, CardJson.Default.ReportCard) + "\n";

    /// <param name="evaluations">Of any models; those of a stage's model count for it.</param>
    /// <exception cref="InvalidDataException">There is no run, or none has ended.</exception>
    public static ReportCard Of(
        string title, IReadOnlyList<(string Name, RunReport Report)> runs, IReadOnlyList<EvalReport> evaluations,
        DateTimeOffset date)
    {
        if (runs.Count == 0)
            throw new InvalidDataException("A report card needs one run at least.");
        return new ReportCard
        {
            Title = title, Date = date, Stages = [.. runs.Select(run => new CardStage
            {
                Name = run.Name, Report = run.Report, Tokens = run.Report.Records.Steps.Sum(step => (long)step.Tokens),
                Steps = run.Report.Records.Steps.Count, Seconds = run.Report.TrainingTime.TotalSeconds,
                Flop = run.Report.Flop,
                FinalLoss = run.Report.Records.Steps is [.., var last] ? last.Loss : null,
                Tasks = [.. evaluations.Where(e => e.ModelHash.Length > 0 && e.ModelHash == run.Report.ModelHash)
                    .SelectMany(e => e.Tasks)],
            })],
        };
    }

    /// <summary>The metrics that any stage has: task, metric, and the stages' values in order, or null.</summary>
    internal IEnumerable<(TaskResult Task, string Metric, IReadOnlyList<Metric?> Values)> Metrics()
    {
        var seen = new HashSet<(string, string)>();
        foreach (var task in Stages.SelectMany(stage => stage.Tasks))
            foreach (var metric in task.Metrics)
                if (seen.Add((task.Name, metric.Name)))
                    yield return (task, metric.Name, [.. Stages.Select(stage => stage.Tasks
                        .FirstOrDefault(other => other.Name == task.Name)?.Metrics
                        .FirstOrDefault(other => other.Name == metric.Name))]);
    }
}

/// <summary>One stage: what its run reported, what it cost, and how its model did when it was examined.</summary>
public sealed record CardStage
{
    public required string Name { get; init; }

    public required RunReport Report { get; init; }

    public required long Tokens { get; init; }

    public required int Steps { get; init; }

    /// <summary>In training steps.</summary>
    public required double Seconds { get; init; }

    /// <summary>6 x (block matrices + output head) a token; no embedding look-up, no attention.</summary>
    public required double Flop { get; init; }

    public float? FinalLoss { get; init; }

    public IReadOnlyList<TaskResult> Tasks { get; init; } = [];

    /// <summary>Whether its model scores answers and writes none.</summary>
    [JsonIgnore]
    public bool IsJudge => Report.Stage == "reward";
}

/// <param name="Answers">By stage; a stage without an answer is missing.</param>
public sealed record CardSample(string Prompt, IReadOnlyDictionary<string, string> Answers);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ReportCard))]
internal sealed partial class CardJson : JsonSerializerContext;
