using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Labels;

public enum LabelKind
{
    /// <summary>Candidates were ranked.</summary>
    Judgment,

    /// <summary>The prompt was passed over.</summary>
    Skip,

    /// <summary>An earlier record was taken back.</summary>
    Undo,
}

/// <summary>One line of a label file: what a person did, and all that they saw when they did it.</summary>
public sealed record LabelRecord
{
    /// <summary>The field that tells such a line from other shapes of data.</summary>
    internal const string Mark = "label";

    public required LabelKind Kind { get; init; }

    /// <summary>Unlike that of any other record.</summary>
    public required string Id { get; init; }

    public required string Labeller { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>From the moment the candidates were on the screen; 0 for an undo.</summary>
    public double Seconds { get; init; }

    /// <summary>Null for an undo.</summary>
    public Comparison? Comparison { get; init; }

    /// <summary>Which candidate stood at each place, the first place first.</summary>
    public IReadOnlyList<int> Shown { get; init; } = [];

    /// <summary>Candidates from best to worst; those of one group are as good as each other.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Ranking { get; init; } = [];

    /// <summary>The labeller had judged this before: it counts for agreement and is not learned from.</summary>
    public bool IsRepeat { get; init; }

    /// <summary>The record that an undo takes back.</summary>
    public string? Undone { get; init; }

    /// <summary>How candidates i and j compare: 1 where i is better, −1 where j is, 0 for a tie.</summary>
    public int Compare(int i, int j)
    {
        foreach (var group in Ranking)
            if (group.Contains(i))
                return group.Contains(j) ? 0 : 1;
            else if (group.Contains(j))
                return -1;
        return 0;
    }

    /// <summary>Every pair of candidates of which one was found better.</summary>
    public IEnumerable<PreferencePair> Pairs()
    {
        for (var better = 0; better < Ranking.Count; better++)
            for (var worse = better + 1; worse < Ranking.Count; worse++)
                foreach (var i in Ranking[better])
                    foreach (var j in Ranking[worse])
                        yield return new PreferencePair(Whole(i), Whole(j));

        Conversation Whole(int candidate) => Comparison!.Prompt with
        {
            Turns = [.. Comparison.Prompt.Turns, Comparison.Candidates[candidate].Turn],
        };
    }

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            [Mark] = Name(Kind), ["id"] = Id, ["labeller"] = Labeller,
            ["time"] = Time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
        };
        if (Comparison is null)
        {
            json["undone"] = Undone;
            return json;
        }

        json["seconds"] = Math.Round(Seconds, 3);
        if (IsRepeat)
            json["repeat"] = true;
        if (Kind == LabelKind.Judgment)
            json["ranking"] = new JsonArray([.. Ranking.Select(Numbers)]);
        json["shown"] = Numbers(Shown);
        json["prompt"] = ChatFormat.Messages(Comparison.Prompt);
        if (Comparison.Prompt.Tools is { } tools)
            json["tools"] = tools.DeepClone();
        json["candidates"] = new JsonArray([.. Comparison.Candidates.Select(CandidateReader.ToJson)]);
        return json;
    }

    internal static LabelRecord Of(JsonRecord record)
    {
        var kind = record.Text(Mark) switch
        {
            "judgment" => LabelKind.Judgment,
            "skip" => LabelKind.Skip,
            "undo" => LabelKind.Undo,
            var other => throw record.Fault(
                $"'{Mark}' is '{CorpusFiles.Printable(other ?? "")}'; known are judgment, skip and undo."),
        };
        var read = new LabelRecord
        {
            Kind = kind, Id = Needed("id"), Labeller = Needed("labeller"),
            Time = DateTimeOffset.TryParse(
                Needed("time"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
                ? time : throw record.Fault("'time' is no time such as 2026-03-14T15:09:26Z."),
        };
        if (kind == LabelKind.Undo)
            return read with { Undone = Needed("undone") };
        var comparison = CandidateReader.Comparison(record);
        var count = comparison.Candidates.Count;
        read = read with
        {
            Comparison = comparison,
            Seconds = record.Fields["seconds"] is { } seconds && seconds.GetValueKind() == JsonValueKind.Number
                && seconds.GetValue<double>() is >= 0 and var number ? number
                : throw record.Fault("'seconds' is no number of seconds."),
            IsRepeat = record.Fields["repeat"]?.GetValueKind() == JsonValueKind.True,
            Shown = Places(record.Fields["shown"], "shown"),
            Ranking = kind == LabelKind.Skip ? [] : record.Fields["ranking"] is JsonArray groups
                ? [.. groups.Select(group => Places(group, "ranking"))]
                : throw record.Fault("'ranking' is no list of groups of candidates."),
        };
        if (!read.Shown.Order().SequenceEqual(Enumerable.Range(0, count)))
            throw record.Fault($"'shown' does not name each of the {count} candidates once.");
        if (kind == LabelKind.Judgment
            && !read.Ranking.SelectMany(group => group).Order().SequenceEqual(Enumerable.Range(0, count)))
            throw record.Fault($"'ranking' does not name each of the {count} candidates once.");
        return read;

        string Needed(string field) => record.Text(field) is { Length: > 0 } text ? text
            : throw record.Fault($"has no '{field}', which every line of a label file has.");

        int[] Places(JsonNode? node, string field)
        {
            if (node is not JsonArray { Count: > 0 } items
                || items.Any(item => item?.GetValueKind() != JsonValueKind.Number))
                throw record.Fault($"'{field}' is no list of the numbers of candidates.");
            double[] numbers = [.. items.Select(item => item!.GetValue<double>())];
            return numbers.All(number => number >= 0 && number < count && number == Math.Floor(number))
                ? [.. numbers.Select(number => (int)number)]
                : throw record.Fault($"'{field}' names a candidate that is not there.");
        }
    }

    private static JsonArray Numbers(IReadOnlyList<int> numbers) =>
        new([.. numbers.Select(number => (JsonNode)number)]);

    private static string Name(LabelKind kind) => kind switch
    {
        LabelKind.Judgment => "judgment",
        LabelKind.Skip => "skip",
        _ => "undo",
    };
}
