using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Memory;

/// <summary>
/// A context as main memory: everything that was ever said is a page, and the prompt holds those that are in use.
/// The others are named there, by a line of their own or by a summary, and come back when they are asked for, named by
/// the model, or spoken of. So a conversation has no longest length.
/// </summary>
/// <remarks>
/// The prompt is instructions | tools | summaries | log | tail, what changes least first. The log only grows at its
/// end, also by pages that come back, until it has to be cut: then many pages go at once (<see cref="EvictionPlan"/>).
/// Nothing is ever deleted: each page is resident, or a stub names it, or a summary does that can be reached by the
/// same rule. Marks that look like ours are taken out of texts that come in; lines and pages that come back speak in
/// the role of a tool, as data. Everything that names a page carries its label.
/// </remarks>
public sealed partial class PagedMemory : AddressSpace
{
    private readonly PromptCodec _codec;
    private readonly Func<IReadOnlyList<Page>, string>? _summarise;
    private readonly List<PageEntry> _pages = []; // a page's number is its index and one
    private readonly List<Slot>[] _segments = [[], [], [], [], []];
    private List<Slot> _last = []; // the prompt before, to see what changed
    private bool _hasChanged = true; // since the last prompt
    private int _turn;
    private int _thrashesUntil = -1; // the turn
    private int _groups;
    private int _question = -1; // the group of the user's last message, which the model is answering
    private int _newest; // slots of the log from here on were said since the model last answered

    /// <param name="summarise">
    /// Writes what some pages are about, in few words; the list of their names is added to it. Null writes the list
    /// alone.
    /// </param>
    public PagedMemory(
        PromptCodec codec, MemoryLimits limits, Func<IReadOnlyList<Page>, string>? summarise = null)
    {
        (_codec, Limits, _summarise) = (codec, limits, summarise);
    }

    private PagedMemory(PagedMemory other) : this(other._codec, other.Limits, other._summarise)
    {
        var copies = other._pages.ToDictionary(entry => entry, entry => entry.Copy());
        _pages.AddRange(other._pages.Select(entry => copies[entry]));
        for (var i = 0; i < _segments.Length; i++)
            _segments[i].AddRange(Copied(other._segments[i]));
        (_last, _turn, _groups) = (Copied(other._last), other._turn, other._groups);
        (_question, _newest, _hasChanged) = (other._question, other._newest, other._hasChanged);
        _thrashesUntil = other._thrashesUntil;
        Counters = other.Counters;

        List<Slot> Copied(List<Slot> slots) => [.. slots.Select(slot => slot with { Entry = copies[slot.Entry] })];
    }

    public MemoryLimits Limits { get; }

    public MemoryCounters Counters { get; private set; } = new();

    /// <summary>Tokens of the next prompt as it stands.</summary>
    public int Tokens => All.Sum(slot => slot.Tokens);

    /// <summary>Of all that is in the prompt, lines that name pages too: they show words of them.</summary>
    public override Label Label => Label.Join(All.Select(slot => slot.Entry.Page.Label));

    /// <summary>All pages, in the order in which they were made.</summary>
    public IReadOnlyList<PageReport> Pages => [.. _pages.Select(entry => new PageReport(entry.Page,
        ResidencyOf(entry), IsPinned(entry), entry.LastUse, entry.Mass, entry.NamedBy))];

    private IEnumerable<Slot> All => _segments.SelectMany(slots => slots);

    private List<Slot> Log => _segments[(int)Segment.Log];

    private List<Slot> Summaries => _segments[(int)Segment.Summaries];

    /// <summary>The page, or null where there is none of that number.</summary>
    public Page? Find(PageId id) => EntryOf(id)?.Page;

    public Residency ResidencyOf(PageId id) => ResidencyOf(Known(id));

    /// <summary>
    /// Adds what somebody said; instructions before anything else was said stay for good. A message also brings in
    /// pages that speak of the same.
    /// </summary>
    public override void Say(PromptRole role, string text, Label label) => Add(role, text, label);

    /// <summary>The same, and the pages it became: more than one where the text is long.</summary>
    public IReadOnlyList<PageId> Add(PromptRole role, string text, Label label, IReadOnlyList<Extent>? extents = null)
    {
        if (role == PromptRole.System && Log.Count == 0)
            return [Put(Segment.Instructions, PageKind.Instructions, _codec.Part(role, text), label)];
        if (role == PromptRole.User)
        {
            Prefetch(text);
            _question = _groups;
        }

        var kind = role == PromptRole.Tool ? PageKind.Result : PageKind.Message;
        return AddPieces(role, kind, (StubText.WithoutMarks(text), label, extents ?? []), _groups++, LargestPage);
    }

    /// <summary>What tools there are, one line each; it takes the place of what was said of them before.</summary>
    public override void SetTools(string text, Label label) => Replace(Segment.Tools, PageKind.Tools, text, label);

    /// <summary>What is new in each prompt, at its end; an empty text takes it away.</summary>
    public void SetTail(string text, Label label) => Replace(Segment.Tail, PageKind.Tail, text, label);

    public override void Exchange(PromptPart answer, IReadOnlyList<CallResult> results)
    {
        var label = Label;
        var group = _groups++;
        _newest = Log.Count;
        Put(Segment.Log, PageKind.Answer, answer, label, group);
        var left = Limits.Room / 2 - answer.Tokens.Length;
        for (var i = 0; i < results.Count; i++)
        {
            var result = results[i].Result;
            var before = Log.Sum(slot => slot.Tokens);
            AddPieces(PromptRole.Tool, PageKind.Result,
                (StubText.WithoutMarks(result.Text), result.Label, result.Extents), group,
                Math.Min(LargestPage, left / (results.Count - i)));
            left -= Log.Sum(slot => slot.Tokens) - before;
        }
    }

    /// <exception cref="WindowException">What may not be put away is longer than the room.</exception>
    public override IReadOnlyList<PromptPart> Prompt()
    {
        // Looking twice is no second turn: what is put away depends on what was said and on nothing else.
        if (!_hasChanged)
            return [.. _last.Select(slot => slot.Part)];
        _turn++;
        Evict();
        var slots = All.ToList();
        var stable = 0;
        for (var i = 0; i < slots.Count && i < _last.Count && ReferenceEquals(slots[i].Part, _last[i].Part); i++)
            stable += slots[i].Tokens;
        Counters = Counters with
        {
            Turns = Counters.Turns + 1,
            PromptTokens = Counters.PromptTokens + slots.Sum(slot => slot.Tokens),
            StableTokens = Counters.StableTokens + stable,
        };
        _last = slots;
        _newest = Log.Count;
        _hasChanged = false;
        return [.. slots.Select(slot => slot.Part)];
    }

    /// <summary>
    /// Spreads what each block of the last prompt was paid over its pages, by tokens. A page whose tokens were looked
    /// at more than the average token counts as used.
    /// </summary>
    public override void Attended(ReadOnlySpan<float> mass)
    {
        const int block = Compute.KvStore.BlockTokens;
        var paid = new double[_last.Count];
        var at = 0;
        for (var i = 0; i < _last.Count; at += _last[i++].Tokens)
            for (var b = at / block; b < mass.Length && b * block < at + _last[i].Tokens; b++)
            {
                var shared = Math.Min(at + _last[i].Tokens, (b + 1) * block) - Math.Max(at, b * block);
                paid[i] += mass[b] * shared / block;
            }

        // The first tokens take attention that no other wants, so instructions do not count for the average.
        double all = 0, tokens = 0;
        for (var i = _segments[(int)Segment.Instructions].Count; i < _last.Count; i++)
            (all, tokens) = (all + paid[i], tokens + _last[i].Tokens);
        for (var i = 0; i < _last.Count && all > 0; i++)
        {
            var share = paid[i] / _last[i].Tokens / (all / tokens);
            var entry = _last[i].Entry;
            entry.Mass = (entry.Mass / 2) + (share / 2);
            if (share > 1 && _last[i].Form != SlotForm.Stub)
                entry.LastUse = _turn;
        }
    }

    public override AddressSpace Fork() => new PagedMemory(this);

    private int LargestPage => Limits.Of(Limits.LargestPage);

    private PageEntry? EntryOf(PageId id) =>
        id.Number >= 1 && id.Number <= _pages.Count ? _pages[id.Number - 1] : null;

    private PageEntry Known(PageId id) =>
        EntryOf(id) ?? throw new ArgumentException($"Page {id} is none of this address space.", nameof(id));

    private Residency ResidencyOf(PageEntry entry)
    {
        var isNamed = false;
        foreach (var slot in All)
            if (ReferenceEquals(slot.Entry, entry))
            {
                if (slot.Form != SlotForm.Stub)
                    return Residency.Resident;
                isNamed = true;
            }

        return isNamed ? Residency.Stub : Residency.Swapped;
    }

    private PageEntry Make(PageKind kind, PromptPart part, Label label, int group,
        IReadOnlyList<Extent>? extents = null, IReadOnlyList<PageId>? sources = null)
    {
        var page = new Page(new PageId(_pages.Count + 1), kind, part, label, group)
        {
            Extents = extents ?? [], Sources = sources ?? [],
        };
        var entry = new PageEntry(page) { LastUse = _turn };
        _pages.Add(entry);
        _hasChanged = true;
        return entry;
    }

    private PageId Put(Segment segment, PageKind kind, PromptPart part, Label label, int? group = null)
    {
        var entry = Make(kind, part, label, group ?? _groups++);
        _segments[(int)segment].Add(new Slot(entry, SlotForm.Body, part));
        return entry.Page.Id;
    }

    private void Replace(Segment segment, PageKind kind, string text, Label label)
    {
        var slots = _segments[(int)segment];
        if (slots.Count == 1 && slots[0].Part.Text == text && slots[0].Entry.Page.Label == label)
            return;
        slots.Clear();
        _hasChanged = true;
        if (text.Length > 0)
            Put(segment, kind, _codec.Part(PromptRole.System, text), label);
    }

    // The first piece is there at once and belongs to the group; the others are named where they would stand.
    private List<PageId> AddPieces(PromptRole role, PageKind kind,
        (string Text, Label Label, IReadOnlyList<Extent> Extents) said, int group, int first)
    {
        var frame = _codec.Encode(role, "").Length;
        var most = Math.Max(frame + 8, LargestPage);
        var pieces = TextPieces.Of(
            said.Text, Math.Clamp(first, frame + 8, most), most, piece => _codec.Encode(role, piece).Length);
        var ids = new List<PageId>();
        for (var i = 0; i < pieces.Count; i++)
        {
            var part = _codec.Part(role, pieces[i]);
            var entry = Make(kind, part, said.Label, i == 0 ? group : _groups++, said.Extents);
            Log.Add(i == 0 ? new Slot(entry, SlotForm.Body, part) : StubOf(entry));
            ids.Add(entry.Page.Id);
        }

        return ids;
    }

    private Slot StubOf(PageEntry entry) =>
        new(entry, SlotForm.Stub, _codec.Part(PromptRole.Tool, StubText.Of(entry.Page)));
}
