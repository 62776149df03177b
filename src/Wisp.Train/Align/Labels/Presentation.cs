namespace Wisp.Train.Align.Labels;

/// <summary>A comparison as it is put before a person.</summary>
/// <param name="Id">That of the record it becomes.</param>
/// <param name="Shown">Which candidate stands at each place.</param>
public sealed record Presentation(string Id, Comparison Comparison, IReadOnlyList<int> Shown, bool IsRepeat)
{
    /// <summary>Candidates from best to worst, of an order of places: those not named are tied last.</summary>
    /// <exception cref="ArgumentException">A place does not exist or is named twice.</exception>
    public IReadOnlyList<IReadOnlyList<int>> Ranking(IReadOnlyList<int> places)
    {
        foreach (var place in places)
            if ((uint)place >= (uint)Shown.Count)
                throw new ArgumentException($"There is no place {place + 1}; there are {Shown.Count}.");
        if (places.Distinct().Count() < places.Count)
            throw new ArgumentException("A place is named twice.");
        var ranking = places.Select(place => (IReadOnlyList<int>)[Shown[place]]).ToList();
        int[] rest = [.. Shown.Where((_, place) => !places.Contains(place)).Order()];
        if (rest.Length > 0)
            ranking.Add(rest);
        return ranking;
    }
}
