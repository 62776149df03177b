using Spectre.Console;
using Spectre.Console.Rendering;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>
/// A training run as it goes: a few live lines on a terminal, and one plain line every few seconds anywhere else.
/// Called from the training thread; a call that draws nothing costs well under a microsecond.
/// </summary>
/// <param name="flopPerToken">Forward and backward, for GFLOP/s.</param>
/// <param name="fmaPeak">FLOP/s as measured by this process; 0 leaves out the share of it.</param>
internal sealed class TrainDisplay(
    IAnsiConsole console, int totalSteps, double flopPerToken, double fmaPeak, TimeProvider clock) : IDisposable
{
    // Eight drawings a second look continuous, and leave the terminal next to nothing to do.
    private static readonly TimeSpan DrawEvery = TimeSpan.FromMilliseconds(125);
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    // Losses are kept as means of ever longer stretches, so that a run of any length fits.
    private const int MaxStretches = 512;

    // A cell is a label of 9 letters, a value of up to 9 and a gap: four fit on 80 columns, two on 40.
    private const int LabelWidth = 10;
    private const int CellWidth = 19;

    private readonly LiveArea _area = new(console);
    private readonly bool _live = Terminal.IsLive(console);
    private readonly bool _unicode = console.Profile.Capabilities.Unicode;
    private readonly long _start = clock.GetTimestamp();
    private readonly List<double> _losses = [];
    private double _stretchSum;
    private int _stretchCount;
    private int _stretch = 1;
    private double _lossMean, _lossWeight;
    private double _tokens, _seconds;
    private readonly List<WatchRecord> _watched = []; // the latest of each name
    private StepRecord? _last;
    private EvalRecord? _eval, _evalBefore;
    private int _firstStep;
    private long _firstStepAt;
    private long? _drawnAt;
    private bool _finished;

    /// <summary>What a run has just logged.</summary>
    public void Show(LogRecord record)
    {
        switch (record)
        {
            case StepRecord step:
                Step(step);
                break;
            case EvalRecord eval:
                Eval(eval);
                break;
            case SampleRecord sample:
                Sample(sample);
                break;
            case WatchRecord watched:
                Watch(watched);
                break;
            case FigureRecord figure:
                Note($"step {figure.Step}  {figure.Name} {figure.Value:0.0000}");
                break;
        }
    }

    public void Step(StepRecord step)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (_last is null)
            (_firstStep, _firstStepAt) = (step.Step, clock.GetTimestamp());
        _last = step;

        // Means over about the last twenty steps; speed as tokens over seconds, so slow steps weigh what they cost.
        const double keep = 0.95;
        if (float.IsFinite(step.Loss))
            (_lossMean, _lossWeight) = (keep * _lossMean + (1 - keep) * step.Loss, keep * _lossWeight + (1 - keep));
        (_tokens, _seconds) = (keep * _tokens + step.Tokens, keep * _seconds + step.Seconds);
        Remember(step.Loss);

        var due = _drawnAt is not { } at || clock.GetElapsedTime(at) >= (_live ? DrawEvery : LineEvery);
        if (due || step.Step == totalSteps)
            Draw();
    }

    /// <summary>A figure of every step: shown with the next drawing.</summary>
    public void Watch(WatchRecord figure)
    {
        ArgumentNullException.ThrowIfNull(figure);
        var at = _watched.FindIndex(before => before.Name == figure.Name);
        if (at < 0)
            _watched.Add(figure);
        else
            _watched[at] = figure;
    }

    public void Eval(EvalRecord eval)
    {
        ArgumentNullException.ThrowIfNull(eval);
        (_evalBefore, _eval) = (_eval, eval);
        if (_live)
            Draw();
        else
            Print($"step {eval.Step}  held out {eval.BitsPerByte:0.0000} bits/byte  loss {eval.LossNats:0.0000}");
    }

    public void Sample(SampleRecord sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        var (prompt, text) = (Terminal.Clean(sample.Prompt), Terminal.Clean(sample.Text).TrimEnd());
        if (!_live)
        {
            Print($"step {sample.Step}  sample: {prompt}{text}".ReplaceLineEndings("\n    "));
            return;
        }

        var body = new Paragraph();
        body.Append(prompt, Glyphs.Accent);
        body.Append(text);
        Draw(new Rows(
            new Text($"step {Human.Count(sample.Step)}", Glyphs.Label),
            new Padder(body, new Padding(2, 0, 1, 1))));
    }

    /// <summary>A line for the person, such as where a checkpoint was written.</summary>
    public void Note(string line)
    {
        if (_live)
            Draw(new Text(Terminal.Clean(line)));
        else
            Print(Terminal.Clean(line));
    }

    /// <summary>Draws the last state; it stays on the screen.</summary>
    public void Finish()
    {
        if (_finished)
            return;
        if (_live || _drawnAt is null)
            Draw();
        _finished = true;
        _area.Keep();
    }

    public void Dispose() => Finish();

    private void Draw(IRenderable? above = null)
    {
        if (_finished)
            return;
        _drawnAt = clock.GetTimestamp();
        if (_live)
            _area.Draw(_last is null ? [] : Lines(_last), above);
        else if (_last is { } step)
            Print(PlainLine(step));
    }

    private List<Paint> Lines(StepRecord step)
    {
        var width = _area.Width;
        var head = new Paint().Add("step ", Glyphs.Label).Add(Human.Count(step.Step))
            .Add($" of {Human.Count(totalSteps)}", Glyphs.Label).Add("  ");
        var percent = $"{100 * Part(step),4:0} %";
        head.Bar(Part(step), Math.Max(4, width - head.Width - percent.Length), _unicode).Add(percent);

        var loss = new Paint().Add("loss ", Glyphs.Label)
            .Add(_lossWeight > 0 ? $"{_lossMean / _lossWeight:0.000}  " : "not finite  ");
        loss.Add(Glyphs.Sparkline(Losses(), width - loss.Width, _unicode), Glyphs.Accent);

        List<Paint> lines = [head, loss];
        var columns = Math.Max(1, width / CellWidth);
        var cells = Cells(step);
        for (var i = 0; i < cells.Count; i++)
        {
            if (i % columns == 0)
                lines.Add(new Paint());
            lines[^1].To(i % columns * CellWidth).Add(cells[i].Label.PadRight(LabelWidth), Glyphs.Label)
                .Add(cells[i].Value);
        }

        return lines;
    }

    private List<(string Label, string Value)> Cells(StepRecord step)
    {
        var trend = _evalBefore is null || _eval is null || !_unicode ? ""
            : _eval.BitsPerByte < _evalBefore.BitsPerByte ? " ↓" : " ↑";
        var cells = new List<(string, string)>
        {
            ("tokens/s", Human.Short(TokensPerSecond)),
            ("GFLOP/s", $"{Flops / 1e9:0.0}"),
        };
        if (_watched.Count == 0) // a run that answers itself has other things to show
            cells.Insert(0, ("bits/byte", _eval is null ? "-" : $"{_eval.BitsPerByte:0.000}{trend}"));
        if (fmaPeak > 0)
            cells.Add(("of peak", $"{100 * Flops / fmaPeak:0} %"));
        cells.AddRange(
        [
            ("rate", Human.Small(step.LearningRate)),
            ("gradient", $"{step.GradientNorm:0.00}"),
            ("elapsed", Clock(clock.GetElapsedTime(_start))),
            ("left", TimeLeft(step) is { } left ? Clock(left) : "-"),
            .. _watched.Select(figure => (Short(figure.Name), Number(figure.Value))),
        ]);
        return cells;
    }

    private string PlainLine(StepRecord step)
    {
        var loss = _lossWeight > 0 ? $"{_lossMean / _lossWeight:0.0000}" : "not finite";
        var share = fmaPeak > 0 ? $" ({100 * Flops / fmaPeak:0} % of peak)" : "";
        var left = TimeLeft(step) is { } time ? $"  left {Clock(time)}" : "";
        var watched = string.Concat(_watched.Select(figure => $"{figure.Name} {Number(figure.Value)}  "));
        return $"step {step.Step}/{totalSteps}  loss {loss}  {watched}rate {Human.Small(step.LearningRate)}  " +
            $"{Human.Short(TokensPerSecond)} tok/s  {Flops / 1e9:0.0} GFLOP/s{share}  " +
            $"elapsed {Clock(clock.GetElapsedTime(_start))}{left}";
    }

    // A cell has room for so many letters.
    private static string Short(string name) => name.Length < LabelWidth ? name : name[..(LabelWidth - 1)];

    private static string Number(double value) => Math.Abs(value) is >= 0.001 and < 1000 || value == 0
        ? $"{value:0.###}" : Human.Small(value);

    // Past the console's wrapping: a line of a log stays one line.
    private void Print(string line) => console.Profile.Out.Writer.WriteLine(line);

    private double Part(StepRecord step) => totalSteps > 0 ? Math.Clamp((double)step.Step / totalSteps, 0, 1) : 0;

    private double TokensPerSecond => _seconds > 0 ? _tokens / _seconds : 0;

    private double Flops => TokensPerSecond * flopPerToken;

    // From the wall clock since the first step, so that evaluations and checkpoints count as they come.
    private TimeSpan? TimeLeft(StepRecord step) => step.Step >= totalSteps ? TimeSpan.Zero
        : step.Step == _firstStep ? null
        : clock.GetElapsedTime(_firstStepAt) * ((double)(totalSteps - step.Step) / (step.Step - _firstStep));

    private void Remember(double loss)
    {
        if (!double.IsFinite(loss))
            return;
        (_stretchSum, _stretchCount) = (_stretchSum + loss, _stretchCount + 1);
        if (_stretchCount < _stretch)
            return;
        _losses.Add(_stretchSum / _stretchCount);
        (_stretchSum, _stretchCount) = (0, 0);
        if (_losses.Count < MaxStretches)
            return;
        for (var i = 0; i < MaxStretches / 2; i++)
            _losses[i] = (_losses[2 * i] + _losses[2 * i + 1]) / 2;
        _losses.RemoveRange(MaxStretches / 2, MaxStretches / 2);
        _stretch *= 2;
    }

    // On the scale of the logarithm, or the first fall would flatten all that follows.
    private List<double> Losses() => [.. _losses.Select(loss => Math.Log(Math.Max(loss, 1e-9)))];

    private static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}"
        : $"{time.Minutes}:{time.Seconds:00}";
}
