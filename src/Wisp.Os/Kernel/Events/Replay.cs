using Wisp.Kernel.Cores;
using Wisp.Memory;

namespace Wisp.Kernel.Events;

/// <summary>What a replay found.</summary>
/// <param name="Entries">Entries of the journal.</param>
/// <param name="Same">Those that came out again bit for bit, from the first on.</param>
/// <param name="Difference">The first that did not, both sides; null where there is none.</param>
public sealed record ReplayReport(int Entries, int Same, string? Difference);

/// <summary>
/// Runs a journal again: its inputs come in at the ticks at which they came, the model writes what it wrote, drivers
/// answer what they answered, the clock shows what it showed; and everything that the kernel does must come out as it
/// stands there, byte for byte.
/// </summary>
public static class Replay
{
    /// <param name="codec">The model's.</param>
    /// <param name="newSpace">Makes address spaces as the run did.</param>
    /// <param name="classOf">The effect classes that the drivers gave; null takes them from the journal.</param>
    public static ReplayReport Run(
        IReadOnlyList<JournalEntry> entries, PromptCodec codec, Func<PromptCodec, AddressSpace> newSpace,
        Func<Verb, string, Effect>? classOf = null, CancellationToken cancel = default)
    {
        var starts = entries.Index().Where(e => e.Item.Event is Booted).Select(e => e.Index).ToList();
        if (starts.Count == 0 || starts[0] != 0)
            return new ReplayReport(entries.Count, 0, "It does not begin with the start of a kernel.");
        for (var i = 0; i < starts.Count; i++)
        {
            var end = i + 1 < starts.Count ? starts[i + 1] : entries.Count;
            var (same, difference) = Segment(entries, starts[i], end, codec, newSpace, classOf, cancel);
            if (difference is not null)
                return new ReplayReport(entries.Count, starts[i] + same, difference);
        }

        return new ReplayReport(entries.Count, entries.Count, null);
    }

    private static (int Same, string? Difference) Segment(
        IReadOnlyList<JournalEntry> entries, int from, int to, PromptCodec codec,
        Func<PromptCodec, AddressSpace> newSpace,
        Func<Verb, string, Effect>? classOf, CancellationToken cancel)
    {
        var setup = (Booted)entries[from].Event;
        var time = new RecordedTime { Now = At(entries[from].Time) };
        using var core = new ReplayCore(setup, entries, codec);
        var made = new List<JournalEntry>();
        using var kernel = new WispKernel(
            new KernelParts(core, new RecordedDriver(entries, classOf), time, () => newSpace(codec))
            {
                Past = [.. entries.Take(from)], Watch = made.Add, Model = setup.Model, IsReplay = true,
                AsksAll = setup.AsksAll,
            }, setup.Options);
        var checkedUpTo = 0;
        for (var at = from; at < to;)
        {
            cancel.ThrowIfCancellationRequested();
            var tick = entries[at].Tick;
            var inputs = new List<KernelEvent>();
            var next = at;
            for (; next < to && entries[next].Tick == tick; next++)
                if (entries[next].IsInput && entries[next].Event is not Booted)
                    inputs.Add(entries[next].Event);
            while (kernel.Ticks < tick - 1)
                kernel.Tick(); // steps of the model in which nothing ended
            if (kernel.Ticks < tick)
            {
                time.Now = At(entries[at].Time);
                foreach (var input in inputs)
                    kernel.Inject(input);
                kernel.Tick();
            }

            for (; checkedUpTo < made.Count && from + checkedUpTo < to; checkedUpTo++)
                if (!Equal(made[checkedUpTo], entries[from + checkedUpTo]))
                    return (checkedUpTo, $"recorded: {Line(entries[from + checkedUpTo])}\n  replayed: " +
                        Line(made[checkedUpTo]));
            if (from + checkedUpTo < next)
                return (checkedUpTo, $"recorded: {Line(entries[from + checkedUpTo])}\n  replayed: nothing");
            at = next;
        }

        return (to - from, null);
    }

    private static bool Equal(JournalEntry a, JournalEntry b) =>
        (a.Sequence, a.Tick, a.Time, a.IsInput) == (b.Sequence, b.Tick, b.Time, b.IsInput)
        && Journal.Body(a.Event).AsSpan().SequenceEqual(Journal.Body(b.Event));

    private static string Line(JournalEntry entry) => $"entry {entry.Sequence}, tick {entry.Tick}, " +
        $"{entry.Time} ms, {(entry.IsInput ? "input" : "follows")}: " +
        System.Text.Encoding.UTF8.GetString(Journal.Body(entry.Event));

    private static DateTimeOffset At(long time) => DateTimeOffset.FromUnixTimeMilliseconds(time);

    private sealed class RecordedTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }

    // Never answers: the answers are in the journal, and come in as inputs.
    private sealed class RecordedDriver(
        IReadOnlyList<JournalEntry> entries, Func<Verb, string, Effect>? classOf) : Driver
    {
        private readonly Dictionary<(string, string), Effect> _classes = entries.Select(e => e.Event).OfType<Intended>()
            .GroupBy(e => (e.Name, e.Path)).ToDictionary(group => group.Key, group => group.Last().Class);

        public override Effect ClassOf(Verb verb, string path) => classOf?.Invoke(verb, path)
            ?? _classes.GetValueOrDefault(
                (new DriverSyscall(Pid.None, verb, path, "", default).Name, path), base.ClassOf(verb, path));

        public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) =>
            new(new TaskCompletionSource<SysResult>().Task);

        public override ValueTask<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(
            DriverCall call, CancellationToken cancel) =>
            new(new TaskCompletionSource<(ProbeAnswer, SysResult?)>().Task);
    }
}
