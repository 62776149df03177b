using Spectre.Console;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>
/// Progress of a long task that is not training, such as reading a corpus. Pass <see cref="Report"/> as an
/// <c>Action&lt;string, long, long&gt;</c>: stage, done, total; a total of 0 means that nobody knows it yet.
/// </summary>
/// <remarks>A terminal sees one line fill up, and then one line for every stage; a pipe sees the latter only.</remarks>
internal sealed class ProgressLine : IDisposable
{
    private static readonly TimeSpan DrawEvery = TimeSpan.FromMilliseconds(125);
    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);

    private readonly IAnsiConsole _console;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new(); // readers and workers report from threads of their own
    private readonly LiveArea _area;
    private readonly bool _live;
    private readonly ITimer? _ticks; // a stage that has nothing to report still shows that time passes
    private string? _stage;
    private long _done, _total;
    private long _stageAt, _drawnAt;

    public ProgressLine(IAnsiConsole console, TimeProvider clock)
    {
        (_console, _clock, _area, _live) = (console, clock, new LiveArea(console), Terminal.IsLive(console));
        if (_live)
            _ticks = clock.CreateTimer(_ => Tick(), null, TickEvery, TickEvery);
    }

    private void Tick()
    {
        lock (_lock)
            if (_stage is not null)
                _area.Draw([Line()]);
    }

    public void Report(string stage, long done, long total)
    {
        lock (_lock)
        {
            if (stage != _stage)
            {
                Close();
                (_stage, _stageAt) = (stage, _clock.GetTimestamp());
                _drawnAt = _stageAt;
                (_done, _total) = (done, total);
                if (_live)
                    _area.Draw([Line()]);
                return;
            }

            (_done, _total) = (done, total);
            if (!_live || _clock.GetElapsedTime(_drawnAt) < DrawEvery)
                return;
            _drawnAt = _clock.GetTimestamp();
            _area.Draw([Line()]);
        }
    }

    /// <summary>Ends the last stage.</summary>
    public void Dispose()
    {
        _ticks?.Dispose();
        lock (_lock)
            Close();
    }

    private void Close()
    {
        if (_stage is null)
            return;
        _area.Clear();
        // A stage that was over at once and had nothing to count is not worth a line.
        if (_done == 0 && _total == 0 && _clock.GetElapsedTime(_stageAt) < TickEvery)
        {
            _stage = null;
            return;
        }

        var time = Human.Time(_clock.GetElapsedTime(_stageAt));
        // A stage that was left early, by Ctrl-C or a fault, says how far it came.
        var amount = _total > 0 && _done < _total ? $"{Human.Short(_done)} of {Human.Short(_total)}, "
            : _done > 0 ? $"{Human.Short(_done)}, " : "";
        _console.Profile.Out.Writer.WriteLine($"{Terminal.Clean(_stage)}: {amount}{time}");
        _stage = null;
    }

    private Paint Line()
    {
        var elapsed = _clock.GetElapsedTime(_stageAt);
        var line = new Paint().Add(Terminal.Clean(_stage!)).Add("  ");
        if (_total <= 0)
            return (_done > 0 ? line.Add(Human.Short(_done), Glyphs.Accent).Add("  ") : line)
                .Add(Human.Time(elapsed), Glyphs.Label);
        var part = Math.Clamp((double)_done / _total, 0, 1);
        var tail = $" {100 * part,3:0} %";
        if (part > 0.02 && elapsed.TotalSeconds > 2)
            tail += $"  {Human.Time(elapsed * (1 / part - 1))} left";
        var width = Math.Min(40, _area.Width - line.Width - tail.Length);
        return (width >= 5 ? line.Bar(part, width, _console.Profile.Capabilities.Unicode) : line)
            .Add(tail, Glyphs.Label);
    }
}
