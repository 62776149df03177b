using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Wisp.Compute;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Labels;

/// <summary>How a labeller is served.</summary>
/// <param name="RepeatShare">Of the comparisons, those that come a second time with their sides swapped.</param>
public sealed record DeskOptions(string Labeller, ulong Seed = 1, double RepeatShare = 0.1)
{
    /// <summary>Judgments before a comparison comes again: enough to forget it.</summary>
    public int RepeatAfter { get; init; } = 8;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// Puts one comparison after the other before a person and keeps what they say. All that it knows stands in the file,
/// so whoever opens it again goes on where they were.
/// </summary>
public sealed class LabelDesk : IDisposable
{
    private readonly LabelLog _log;
    private readonly DeskOptions _options;
    private readonly ChannelReader<Comparison> _fresh;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Stack<Presentation> _front = new(); // what was taken back, and what stood there then
    private Presentation? _current;
    private long _since;

    /// <param name="fresh">Comparisons that the labeller has not seen; it ends when there are no more.</param>
    public LabelDesk(LabelLog log, DeskOptions options, ChannelReader<Comparison> fresh) =>
        (_log, _options, _fresh) = (log, options, fresh);

    /// <summary>What a labeller of a file is done with.</summary>
    /// <returns>Keys of comparisons, and of prompts with the models that answered them.</returns>
    public static HashSet<string> DoneBy(string labeller, LabelReading reading) => [.. reading.Live
        .Where(record => record.Labeller == labeller)
        .SelectMany(record => (string[])[record.Comparison!.SourceKey, record.Comparison.Key])];

    /// <summary>The labeller's records that hold, oldest first; call it with nothing else going on.</summary>
    public IReadOnlyList<LabelRecord> Own =>
        [.. _log.Reading.Live.Where(record => record.Labeller == _options.Labeller)];

    /// <summary>What is to be judged now; waits for candidates, and is null when all is done.</summary>
    public async ValueTask<Presentation?> CurrentAsync(CancellationToken cancel = default)
    {
        for (var over = false; ; over = !await _fresh.WaitToReadAsync(cancel).ConfigureAwait(false))
        {
            await _turn.WaitAsync(cancel).ConfigureAwait(false);
            try
            {
                if (_current is null && Next() is { } next)
                    (_current, _since) = (next, _options.Time.GetTimestamp());
                if (_current is not null || over)
                    return _current;
            }
            finally
            {
                _turn.Release(); // who waits for a model may still take back the last verdict
            }
        }
    }

    /// <summary>Reads the file with nothing else going on.</summary>
    public async Task<T> ReadAsync<T>(Func<LabelReading, T> read)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            return read(_log.Reading);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Keeps a ranking of the current comparison.</summary>
    /// <param name="places">Places on the screen from the best on; those not named are tied last.</param>
    /// <param name="seconds">As the page measured it; no more than passed here.</param>
    /// <returns>False where that comparison is not the current one: somebody was faster, or the page is old.</returns>
    /// <exception cref="ArgumentException">Such places do not exist.</exception>
    /// <exception cref="IOException">It could not be saved, and the comparison stays.</exception>
    public Task<bool> JudgeAsync(string id, IReadOnlyList<int> places, double seconds) =>
        CloseAsync(id, seconds, (record, shown) => record with { Ranking = shown.Ranking(places) });

    /// <summary>Passes over the current comparison, for good.</summary>
    /// <inheritdoc cref="JudgeAsync"/>
    public Task<bool> SkipAsync(string id, double seconds) =>
        CloseAsync(id, seconds, (record, _) => record with { Kind = LabelKind.Skip });

    /// <summary>Takes back the labeller's last record and puts its comparison before them again.</summary>
    /// <returns>False where there is nothing to take back.</returns>
    public async Task<bool> UndoAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (Own is not [.., var last])
                return false;
            _log.Append(new LabelRecord
            {
                Kind = LabelKind.Undo, Id = NewId(), Labeller = _options.Labeller, Time = _options.Time.GetUtcNow(),
                Undone = last.Id,
            });
            if (_current is not null)
                _front.Push(_current);
            _current = new Presentation(NewId(), last.Comparison!, last.Shown, last.IsRepeat);
            _since = _options.Time.GetTimestamp();
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<bool> CloseAsync(
        string id, double seconds, Func<LabelRecord, Presentation, LabelRecord> complete)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_current is not { } current || current.Id != id)
                return Own is [.., var last] && last.Id == id; // the page did not hear that it was saved
            var passed = _options.Time.GetElapsedTime(_since).TotalSeconds;
            _log.Append(complete(
                new LabelRecord
                {
                    Kind = LabelKind.Judgment, Id = id, Labeller = _options.Labeller,
                    Time = _options.Time.GetUtcNow(), Comparison = current.Comparison, Shown = current.Shown,
                    IsRepeat = current.IsRepeat,
                    Seconds = double.IsFinite(seconds) ? Math.Clamp(seconds, 0, passed) : passed,
                }, current));
            _current = null;
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    // What comes next; null where it is not there yet, or all is done.
    private Presentation? Next()
    {
        if (_front.TryPop(out var again))
            return again;
        var own = Own;
        var done = own.Count(record => record.Kind == LabelKind.Judgment);
        if (Repeats(own).FirstOrDefault(waiting => waiting.Due <= done) is { Of: { } due })
            return Again(due);
        if (_fresh.TryRead(out var fresh))
            return new Presentation(NewId(), fresh, Order(fresh), IsRepeat: false);
        // Nothing new will come: the rest come again, however short a while ago they were there.
        return _fresh.Completion.IsCompletedSuccessfully && Repeats(own).FirstOrDefault() is { Of: { } rest }
            ? Again(rest) : null;
    }

    // First judgments that are to come again and have not yet, with the number of judgments at which they are due.
    private IEnumerable<(LabelRecord Of, int Due)> Repeats(IReadOnlyList<LabelRecord> own)
    {
        var seen = own.Where(record => record.IsRepeat).Select(record => record.Comparison!.Key).ToHashSet();
        var number = 0;
        foreach (var record in own)
        {
            if (record.Kind != LabelKind.Judgment)
                continue;
            number++;
            var comparison = record.Comparison!;
            if (!record.IsRepeat && !seen.Contains(comparison.Key)
                && new SplitMix64(KeyOf(comparison, stream: 1)).NextUnit() < _options.RepeatShare)
                yield return (record, number + _options.RepeatAfter);
        }
    }

    // In the opposite order each candidate of a pair stands on the other side of the other.
    private static Presentation Again(LabelRecord record) =>
        new(NewId(), record.Comparison!, [.. record.Shown.Reverse()], IsRepeat: true);

    private int[] Order(Comparison comparison)
    {
        var order = new int[comparison.Candidates.Count];
        Shuffle.Permutation(order, KeyOf(comparison, stream: 2));
        return order;
    }

    // Another labeller has other sides and other repeats.
    private ulong KeyOf(Comparison comparison, ulong stream)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{comparison.Key} {_options.Labeller}"));
        return Shuffle.Key(_options.Seed ^ BinaryPrimitives.ReadUInt64LittleEndian(hash), stream, epoch: 0);
    }

    private static string NewId() => RandomNumberGenerator.GetHexString(16, lowercase: true);
}
