namespace Wisp.Guard;

/// <summary>A value was about to go where its label forbids.</summary>
public sealed class FlowException(string message) : Exception(message);

/// <summary>
/// What is known of a value: where its parts came from, and who may read it. What is made from two values has the label
/// of both (<see cref="Join(Label)"/>), and nothing flows to where fewer are allowed to read it.
/// </summary>
/// <remarks>
/// Labels with Join are a semilattice (associative, commutative, idempotent) with <see cref="Public"/> as the neutral
/// element; <see cref="FlowsTo(Label)"/> is its order. Denning 1976, "A lattice model of secure information flow". The
/// default has no sources and nobody may read it: it flows nowhere.
/// </remarks>
public readonly record struct Label(SourceSet Sources, ReaderSet Readers)
{
    /// <summary>Of nobody's making, for everyone.</summary>
    public static readonly Label Public = new(default, ReaderSet.Everyone);

    /// <summary>For everyone, from these sources.</summary>
    public static Label From(params ReadOnlySpan<Source> sources) => new(SourceSet.Of(sources), ReaderSet.Everyone);

    /// <summary>The label of what is made from both: all sources, and those readers that may read either.</summary>
    public Label Join(Label other) => new(Sources.Union(other.Sources), Readers.Intersect(other.Readers));

    public static Label Join(IEnumerable<Label> labels) => labels.Aggregate(Public, (all, label) => all.Join(label));

    /// <summary>The same sources for these readers only.</summary>
    public Label OnlyFor(ReaderSet readers) => this with { Readers = Readers.Intersect(readers) };

    /// <summary>Whether a value labelled so may be kept in a place labelled like that.</summary>
    public bool FlowsTo(Label place) => Sources.IsSubsetOf(place.Sources) && place.Readers.IsSubsetOf(Readers);

    /// <summary>Whether those readers may be shown the value.</summary>
    public bool FlowsTo(ReaderSet readers) => readers.IsSubsetOf(Readers);

    /// <summary>Whether all that it was made from is trusted.</summary>
    public bool IsFrom(SourceSet trusted) => Sources.IsSubsetOf(trusted);

    /// <param name="what">What flows where, as the message is to call it: "the answer to bob".</param>
    /// <exception cref="FlowException">The readers are more than may read it.</exception>
    public void RequireFlow(ReaderSet readers, string what)
    {
        if (!FlowsTo(readers))
            throw new FlowException(
                $"{what}: may be read by {Readers}, and would be read by {readers}. Only the user can widen that.");
    }

    /// <param name="what">What flows where, as the message is to call it: "a note into /mem/plan.md".</param>
    /// <exception cref="FlowException">The place has more readers than may read it, or fewer sources.</exception>
    public void RequireFlow(Label place, string what)
    {
        RequireFlow(place.Readers, what);
        if (!Sources.IsSubsetOf(place.Sources))
            throw new FlowException($"{what}: comes from {Sources}, and the place takes what is from {Known(place)}.");
    }

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">It is no label.</exception>
    public static Label Parse(string text) => LabelText.Parse(text);

    /// <summary>One line that <see cref="Parse"/> reads again; stored, so its form is fixed.</summary>
    public string ToText() => LabelText.Of(this);

    public override string ToString() =>
        $"from {(Sources.IsEmpty ? "nowhere" : Sources.ToString())}, for {Readers}";

    private static string Known(Label place) => place.Sources.IsEmpty ? "nowhere" : place.Sources.ToString();
}
