namespace Wisp.Memory;

/// <summary>How pages come back.</summary>
public sealed partial class PagedMemory
{
    private const int MostNamed = 4; // pages that one text of a model can bring in
    private const int MostPrefetched = 3;
    private const double LeastShare = 0.25; // of a question's information that must stand in a page
    private const double WholeShare = 0.8;
    private const int ThrashFaults = 3;

    private readonly PageIndex _index = new();

    /// <summary>Whether pages thrash that cannot all be pinned, because they would fill the window.</summary>
    public override bool IsThrashing => _thrashesUntil >= _turn;

    /// <summary>Brings in the pages that a text names, as a model does by writing ⟦page:17.</summary>
    public override bool Fault(string text)
    {
        var changed = false;
        foreach (var id in StubText.Named(text).Take(MostNamed))
        {
            if (EntryOf(id) is null)
                Counters = Counters with { UnknownNames = Counters.UnknownNames + 1 };
            else
                changed |= Fault(id);
        }

        return changed;
    }

    /// <summary>Brings in one page, and those that go with it. Returns whether it was away.</summary>
    public bool Fault(PageId id)
    {
        var entry = Known(id);
        entry.LastUse = _turn;
        if (!Map(entry))
            return false;
        Counters = Counters with { Faults = Counters.Faults + 1 };
        entry.Faults.RemoveAll(turn => turn <= _turn - Limits.ThrashTurns);
        entry.Faults.Add(_turn);
        if (entry.Faults.Count >= ThrashFaults)
            Thrash(entry);
        return true;
    }

    /// <summary>Pages that speak of what a text speaks of, best first, wherever they are.</summary>
    public IReadOnlyList<Page> Search(string question, int most = 10) =>
        [.. Hits(question).Take(most).Select(hit => _pages[hit.Page].Page)];

    private IEnumerable<(int Page, double Share, ulong Words)> Hits(string question)
    {
        for (var i = _index.Count; i < _pages.Count; i++)
            // Summaries repeat words of other pages, and what is always there need not be found.
            _index.Add(_pages[i].Page.Kind is PageKind.Summary or PageKind.Instructions or PageKind.Tools
                or PageKind.Tail ? "" : _pages[i].Page.Part.Text);
        return _index.Search(question).Where(hit => hit.Share >= LeastShare)
            .Select(hit => (hit.Page, hit.Share, hit.Words));
    }

    /// <summary>Keeps a page, and those that go with it, in the prompt until it is unpinned as often; brings it in
    /// where it is away.</summary>
    /// <exception cref="WindowException">It would not fit beside the other pins.</exception>
    public void Pin(PageId id)
    {
        var entry = Known(id);
        var pinned = All.Where(slot => IsPinned(slot.Entry) && slot.Form != SlotForm.Stub).Sum(slot => slot.Tokens);
        var most = Limits.Of(Limits.Stop);
        if (entry.Pins == 0 && pinned + entry.Page.Tokens > most)
            throw new WindowException(
                $"Page {id} cannot be pinned: with its {entry.Page.Tokens} tokens {pinned + entry.Page.Tokens} would " +
                $"be pinned, and {most} of {Limits.Room} may. Unpin another.");
        Map(entry);
        entry.Pins++;
    }

    public void Unpin(PageId id)
    {
        var entry = Known(id);
        entry.Pins = Math.Max(0, entry.Pins - 1);
    }

    /// <summary>The pages that were said, brought in or looked at in the last turns.</summary>
    public IReadOnlyList<PageId> WorkingSet =>
        [.. _pages.Where(InWorkingSet).Select(entry => entry.Page.Id)];

    /// <summary>
    /// Says that the answer just given needed a page: somebody knows, because they wrote the question. Counts a missed
    /// fault where it was not in the prompt.
    /// </summary>
    public bool Needed(PageId id)
    {
        var entry = Known(id);
        var wasThere = _last.Exists(slot => ReferenceEquals(slot.Entry, entry) && slot.Form != SlotForm.Stub);
        if (!wasThere)
            Counters = Counters with { MissedFaults = Counters.MissedFaults + 1 };
        return wasThere;
    }

    private bool InWorkingSet(PageEntry entry) => entry.LastUse > _turn - Limits.WorkingTurns;

    private void Prefetch(string question)
    {
        var room = Limits.Of(Limits.Prefetch);
        var (taken, covered) = (0, 0UL);
        foreach (var (number, share, words) in Hits(question))
        {
            // Earlier questions of the same form are much like this one; what they lack is what is asked for. A page
            // with nearly all words is taken in any case: the first that has them may be an answer that repeats them.
            if (((words & ~covered) == 0 && share < WholeShare) || _pages[number].Page.Tokens > room)
                continue;
            if (taken++ == MostPrefetched)
                break;
            covered |= words;
            _pages[number].LastUse = _turn;
            if (!Map(_pages[number]))
                continue;
            room -= _pages[number].Page.Tokens;
            Counters = Counters with { Prefetched = Counters.Prefetched + 1 };
        }
    }

    // A call and its results come together. Whatever is there already stays where it is.
    private bool Map(PageEntry wanted)
    {
        if (ResidencyOf(wanted) == Residency.Resident)
            return false;
        var group = wanted.Page.Kind == PageKind.Summary
            ? [wanted] : _pages.Where(entry => entry.Page.Group == wanted.Page.Group);
        foreach (var entry in group.ToList())
        {
            if (ResidencyOf(entry) == Residency.Resident)
                continue;
            var text = StubText.Heading(entry.Page.Id) + entry.Page.Part.Text;
            Log.Add(new Slot(entry, SlotForm.Mapped, _codec.Part(PromptRole.Tool, text)));
            entry.LastUse = _turn;
        }

        _hasChanged = true;
        return true;
    }

    private void Thrash(PageEntry entry)
    {
        Counters = Counters with { Thrashed = Counters.Thrashed + 1 };
        var kept = _pages.Where(other => other.KeptUntil >= _turn && other != entry).Sum(other => other.Page.Tokens);
        if (kept + entry.Page.Tokens > Limits.Of(Limits.ThrashPins))
            _thrashesUntil = _turn + Limits.ThrashTurns;
        else
            entry.KeptUntil = _turn + Limits.ThrashTurns;
    }
}
