using System.Text;
using Wisp.Guard;

namespace Wisp.Memory;

/// <summary>How pages go.</summary>
public sealed partial class PagedMemory
{
    private const int MostInSummary = 12;

    private bool IsPinned(PageEntry entry) => entry.Pins > 0 || entry.KeptUntil >= _turn;

    private void Evict()
    {
        if (Tokens <= Limits.Of(Limits.Start))
            return;
        Counters = Counters with { Evictions = Counters.Evictions + 1 };
        PutAway(Limits.Of(Limits.Stop), keepsNewest: true);
        Fold(Limits.Of(Limits.Stubs) / 2);
        if (Tokens > Limits.Room)
            PutAway(Limits.Room, keepsNewest: false);
        if (Tokens > Limits.Room)
            foreach (var entry in _pages)
                entry.KeptUntil = -1; // what thrashing pinned is a hint, and an answer comes first
        if (Tokens > Limits.Room)
            PutAway(Limits.Room, keepsNewest: false);
        if (Tokens > Limits.Room)
            Fold(0);
        if (Tokens > Limits.Room)
            throw new WindowException(
                $"{Tokens} tokens cannot be put away, and the window has room for {Limits.Room} beside the answer. " +
                "Shorten the instructions and the list of tools, unpin pages, or take a model with a longer context.");
    }

    private void PutAway(int target, bool keepsNewest)
    {
        var groups = Groups(keepsNewest);
        var items = groups.Select(group => group.Item).ToArray();
        var gone = new HashSet<Slot>(ReferenceEqualityComparer.Instance);
        // The stubs that take their places are folded until they are within their own share.
        foreach (var i in EvictionPlan.Choose(items, Tokens, Tokens - target + (Limits.Of(Limits.Stubs) / 2)))
            gone.UnionWith(groups[i].Slots);
        Counters = Counters with { PagesEvicted = Counters.PagesEvicted + gone.Count };
        var named = Named();
        for (var i = Log.Count - 1; i >= 0; i--)
        {
            if (!gone.Contains(Log[i]))
                continue;
            // A page that came back has its line elsewhere already.
            if (Log[i].Form == SlotForm.Mapped && named.Contains(Log[i].Entry))
                Log.RemoveAt(i);
            else
                Log[i] = StubOf(Log[i].Entry);
        }

        _newest = Math.Min(_newest, Log.Count);
    }

    // All texts of one group of pages, wherever they stand, go as one: a call never stays without its results.
    private List<(EvictionItem Item, List<Slot> Slots)> Groups(bool keepsNewest)
    {
        var found = new Dictionary<int, (EvictionItem Item, List<Slot> Slots)>();
        var order = new List<int>();
        var at = _segments[(int)Segment.Instructions].Concat(_segments[(int)Segment.Tools]).Concat(Summaries)
            .Sum(slot => slot.Tokens);
        for (var i = 0; i < Log.Count; at += Log[i++].Tokens)
        {
            var slot = Log[i];
            if (slot.Form == SlotForm.Stub)
                continue;
            var number = slot.Entry.Page.Group;
            if (!found.TryGetValue(number, out var group))
            {
                group = (new EvictionItem(at, 0, 0, true), []);
                order.Add(number);
            }

            group.Slots.Add(slot);
            var isNewest = i >= _newest || number == _question;
            found[number] = (group.Item with
            {
                Freed = group.Item.Freed + slot.Tokens,
                Heat = Math.Max(group.Item.Heat, HeatOf(slot.Entry)),
                CanGo = group.Item.CanGo && !IsPinned(slot.Entry) && !(keepsNewest && isNewest),
            }, group.Slots);
        }

        return [.. order.Select(number => found[number])];
    }

    // How likely a page is to be asked for again: surely while it is in the working set, then by age and attention.
    private double HeatOf(PageEntry entry)
    {
        var age = _turn - entry.LastUse;
        return InWorkingSet(entry)
            ? 1 : Math.Clamp(Math.Pow(0.5, (double)age / Limits.WorkingTurns) + (entry.Mass / 8), 0, 1);
    }

    private HashSet<PageEntry> Named() =>
        [.. _pages.Where(entry => entry.NamedBy is not null),
            .. All.Where(slot => slot.Form == SlotForm.Stub).Select(slot => slot.Entry)];

    // Lines fill the window too. The oldest become a page that lists them; its own line takes their place, and the
    // lines of such pages are folded in turn, so all lines together stay short, however long the conversation.
    private void Fold(int target)
    {
        if (Stubs(Log).Sum(slot => slot.Tokens) > 2 * target)
            while (Stubs(Log).Sum(slot => slot.Tokens) > target && Stubs(Log).Any())
                Gather(Log, Together(Stubs(Log)));
        while (Summaries.Sum(slot => slot.Tokens) > 2 * target && Summaries.Count > 1)
            Gather(Summaries, Together(Summaries));

        static IEnumerable<Slot> Stubs(List<Slot> log) => log.Where(slot => slot.Form == SlotForm.Stub);
    }

    // At least two, else nothing becomes shorter; then as many as a prompt that brings the summary back has room for.
    private List<Slot> Together(IEnumerable<Slot> stubs)
    {
        var together = new List<Slot>();
        var tokens = 0;
        foreach (var slot in stubs.Take(MostInSummary))
            if ((tokens += slot.Tokens) <= LargestPage || together.Count < 2)
                together.Add(slot);
            else
                break;
        return together;
    }

    private void Gather(List<Slot> from, List<Slot> stubs)
    {
        var pages = stubs.ConvertAll(slot => slot.Entry.Page);
        var text = new StringBuilder($"Summary of {pages.Count} pages that are not shown:");
        if (_summarise?.Invoke(pages) is { Length: > 0 } about)
            text.Append('\n').Append(StubText.WithoutMarks(about));
        foreach (var page in pages)
            text.Append('\n').Append(StubText.Of(page));
        var entry = Make(PageKind.Summary, _codec.Part(PromptRole.Tool, text.ToString()),
            Label.Join(pages.Select(page => page.Label)), _groups++, sources: pages.ConvertAll(page => page.Id));
        entry.LastUse = stubs.Max(slot => slot.Entry.LastUse);
        foreach (var slot in stubs)
        {
            slot.Entry.NamedBy = entry.Page.Id;
            from.RemoveAll(other => ReferenceEquals(other, slot));
        }

        Summaries.Add(StubOf(entry));
        _newest = Math.Min(_newest, Log.Count);
    }
}
