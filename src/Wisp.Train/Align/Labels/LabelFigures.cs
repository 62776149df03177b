namespace Wisp.Train.Align.Labels;

/// <summary>What one labeller did.</summary>
/// <param name="Judgments">That hold, repeats among them.</param>
/// <param name="Median">Of the time for a judgment.</param>
/// <param name="WithSelf">Verdicts on pairs that came twice.</param>
public sealed record LabellerFigures(
    string Name, int Judgments, int Repeats, int Skips, TimeSpan Median, Agreement WithSelf);

/// <summary>Verdicts of two labellers on the pairs that both judged.</summary>
public sealed record SharedFigures(string One, string Other, Agreement Agreement);

/// <summary>How often each place on the screen held the best of so many candidates.</summary>
/// <param name="Best">By place, of the judgments with one best candidate.</param>
public sealed record PlaceFigures(int Candidates, IReadOnlyList<Proportion> Best);

/// <summary>How often the answer of one model was found better than that of another, blind.</summary>
public sealed record WinFigures(string One, string Other, int Wins, int Losses, int Ties)
{
    /// <summary>Wins of those that were decided.</summary>
    public Proportion Rate => new(Wins, Wins + Losses);
}

/// <summary>What label files say: how much was judged, how far it can be trusted, and which model is better.</summary>
public sealed record LabelFigures
{
    private const int Verdicts = 3; // the first is better, a tie, the second is better

    private LabelFigures()
    {
    }

    public required IReadOnlyList<LabellerFigures> Labellers { get; init; }

    public required IReadOnlyList<SharedFigures> Shared { get; init; }

    public required IReadOnlyList<PlaceFigures> Places { get; init; }

    public required IReadOnlyList<WinFigures> Wins { get; init; }

    /// <summary>Pairs of which one was found better, as training reads them.</summary>
    public required int Pairs { get; init; }

    public required int Prompts { get; init; }

    /// <summary>Records that were taken back.</summary>
    public required int Undone { get; init; }

    /// <param name="readings">A file each.</param>
    public static LabelFigures Of(params IReadOnlyList<LabelReading> readings)
    {
        LabelRecord[] live = [.. readings.SelectMany(reading => reading.Live)];
        LabelRecord[] judgments = [.. live.Where(record => record.Kind == LabelKind.Judgment)];
        // A verdict counts once: what was judged again says how far the first can be trusted.
        LabelRecord[] first = [.. judgments.GroupBy(record => (record.Labeller, record.Comparison!.Key))
            .Select(group => group.FirstOrDefault(record => !record.IsRepeat) ?? group.First())];
        string[] names = [.. live.Select(record => record.Labeller).Distinct().Order(StringComparer.Ordinal)];
        return new LabelFigures
        {
            Labellers = [.. names.Select(name => OfLabeller(name, live))],
            Shared = [.. from one in names from other in names where string.CompareOrdinal(one, other) < 0
                let agreement = Between(first, one, other) where agreement.Same.Trials > 0
                select new SharedFigures(one, other, agreement)],
            Places = [.. judgments.GroupBy(record => record.Shown.Count).OrderBy(group => group.Key)
                .Select(group => PlacesOf(group.Key, [.. group]))],
            Wins = WinsOf(first),
            Pairs = first.Where(record => !record.IsRepeat).Sum(record => record.Pairs().Count()),
            Prompts = judgments.Select(record => record.Comparison!.PromptKey).Distinct().Count(),
            Undone = readings.Sum(reading => reading.All.Count(record => record.Kind == LabelKind.Undo)),
        };
    }

    private static LabellerFigures OfLabeller(string name, LabelRecord[] live)
    {
        LabelRecord[] own = [.. live.Where(record => record.Labeller == name)];
        LabelRecord[] judgments = [.. own.Where(record => record.Kind == LabelKind.Judgment)];
        double[] times = [.. judgments.Select(record => record.Seconds).Order()];
        var counts = new long[Verdicts, Verdicts];
        foreach (var twice in judgments.GroupBy(record => record.Comparison!.Key))
            if (twice.FirstOrDefault(record => !record.IsRepeat) is { } before)
                foreach (var again in twice.Where(record => record.IsRepeat))
                    Count(counts, before, again);
        var median = times.Length == 0 ? 0 : (times[(times.Length - 1) / 2] + times[times.Length / 2]) / 2;
        return new LabellerFigures(
            name, judgments.Length, judgments.Count(record => record.IsRepeat), own.Length - judgments.Length,
            TimeSpan.FromSeconds(median), new Agreement(counts));
    }

    private static Agreement Between(LabelRecord[] first, string one, string other)
    {
        var counts = new long[Verdicts, Verdicts];
        var others = first.Where(record => record.Labeller == other).ToDictionary(record => record.Comparison!.Key);
        foreach (var record in first)
            if (record.Labeller == one && others.TryGetValue(record.Comparison!.Key, out var same))
                Count(counts, record, same);
        return new Agreement(counts);
    }

    // Every pair of candidates is a verdict. Which of a pair is called the first follows from what they are and not
    // from where they stand: by model, or by an order of the texts that means nothing.
    private static void Count(long[,] counts, LabelRecord one, LabelRecord other)
    {
        var candidates = one.Comparison!.Candidates;
        string[] contents = [.. candidates.Select(candidate => Comparison.ContentOf(candidate.Turn))],
            others = [.. other.Comparison!.Candidates.Select(candidate => Comparison.ContentOf(candidate.Turn))];
        for (var i = 0; i < contents.Length; i++)
            for (var j = i + 1; j < contents.Length; j++)
            {
                var order = string.CompareOrdinal(candidates[i].Model, candidates[j].Model);
                var (a, b) = (order != 0 ? order : string.CompareOrdinal(contents[i], contents[j])) < 0
                    ? (i, j) : (j, i);
                counts[1 - one.Compare(a, b), 1 - other.Compare(
                    Array.IndexOf(others, contents[a]), Array.IndexOf(others, contents[b]))]++;
            }
    }

    private static PlaceFigures PlacesOf(int candidates, LabelRecord[] judgments)
    {
        LabelRecord[] decided = [.. judgments.Where(record => record.Ranking[0].Count == 1)];
        return new PlaceFigures(candidates, [.. Enumerable.Range(0, candidates).Select(place => new Proportion(
            decided.Count(record => record.Shown[place] == record.Ranking[0][0]), decided.Length))]);
    }

    private static WinFigures[] WinsOf(LabelRecord[] first)
    {
        var names = new ModelNames(first.SelectMany(record => record.Comparison!.Candidates));
        var counts = new SortedDictionary<(string One, string Other), (int Wins, int Losses, int Ties)>();
        foreach (var record in first)
        {
            string?[] models = [.. record.Comparison!.Candidates.Select(names.Of)];
            for (var i = 0; i < models.Length; i++)
                for (var j = 0; j < models.Length; j++)
                {
                    if (models[i] is not { } one || models[j] is not { } other
                        || string.CompareOrdinal(one, other) >= 0)
                        continue;
                    var verdict = record.Compare(i, j);
                    var (wins, losses, ties) = counts.GetValueOrDefault((one, other));
                    counts[(one, other)] = (
                        wins + (verdict > 0 ? 1 : 0), losses + (verdict < 0 ? 1 : 0), ties + (verdict == 0 ? 1 : 0));
                }
        }

        return [.. counts.Select(pair => new WinFigures(
            pair.Key.One, pair.Key.Other, pair.Value.Wins, pair.Value.Losses, pair.Value.Ties))];
    }

    /// <summary>What to call models: two files of one name are told apart by their hashes.</summary>
    private sealed class ModelNames(IEnumerable<Candidate> candidates)
    {
        private readonly ILookup<string, string?> _hashes = candidates.Where(candidate => candidate.Model is not null)
            .Select(candidate => (Model: candidate.Model!, candidate.ModelHash)).Distinct()
            .ToLookup(known => known.Model, known => known.ModelHash);

        public string? Of(Candidate candidate) => candidate.Model is not { } model ? null
            : _hashes[model].Skip(1).Any() ? $"{model} ({candidate.ModelHash?[..Math.Min(8, candidate.ModelHash.Length)]
                ?? "unknown"})"
            : model;
    }
}
