namespace Wisp.Train.Data;

/// <summary>What was left out and why: a count, the bytes and the first few names for each reason.</summary>
public sealed class Tally
{
    // Enough to recognise a pattern, few enough to print.
    private const int Examples = 5;

    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    public sealed record Entry(string Reason, long Count, long Bytes, IReadOnlyList<string> Names);

    public IReadOnlyCollection<Entry> Entries => _entries.Values;

    public long Count(string reason) => _entries.TryGetValue(reason, out var entry) ? entry.Count : 0;

    public void Add(string reason, string name, long bytes = 0)
    {
        var old = _entries.GetValueOrDefault(reason) ?? new Entry(reason, 0, 0, []);
        IReadOnlyList<string> names = old.Names.Count < Examples && name.Length > 0 ? [.. old.Names, name] : old.Names;
        _entries[reason] = new Entry(reason, old.Count + 1, old.Bytes + bytes, names);
    }

    /// <summary>Adds many at once under one name, such as the marks that were removed from one book.</summary>
    public void AddMany(string reason, long count, long bytes)
    {
        if (count == 0)
            return;
        var old = _entries.GetValueOrDefault(reason) ?? new Entry(reason, 0, 0, []);
        _entries[reason] = old with { Count = old.Count + count, Bytes = old.Bytes + bytes };
    }

    /// <summary>Adds what another tally counted, behind what this one has.</summary>
    public void Add(Tally other)
    {
        foreach (var (reason, theirs) in other._entries)
        {
            var old = _entries.GetValueOrDefault(reason) ?? new Entry(reason, 0, 0, []);
            _entries[reason] = new Entry(
                reason, old.Count + theirs.Count, old.Bytes + theirs.Bytes,
                    [.. old.Names.Concat(theirs.Names).Take(Examples)]);
        }
    }
}
