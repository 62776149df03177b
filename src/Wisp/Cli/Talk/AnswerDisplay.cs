using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;
using Wisp.Serve.Store;

namespace Wisp.Cli.Talk;

/// <summary>
/// Shows an answer while it is written: finished blocks scroll into the history, the one in the making is drawn again
/// in place, a faint line below says how it goes.
/// </summary>
internal sealed class AnswerDisplay
{
    private static readonly TimeSpan s_drawEvery = TimeSpan.FromMilliseconds(50);
    private static readonly Style s_thought = new(Color.Grey, decoration: Decoration.Italic);
    private static readonly Style s_call = new(Color.SteelBlue1);

    private const int MostTold = 200; // characters of a call's arguments and result

    private readonly IAnsiConsole _console;
    private readonly TimeProvider _clock;
    private readonly LiveArea _area;
    private readonly MarkdownLines _markdown;
    private readonly int _width; // of the whole answer: lines that scrolled away cannot be wrapped anew
    private int _scrolled;
    private long? _drawnAt;

    public AnswerDisplay(IAnsiConsole console, TimeProvider clock)
    {
        (_console, _clock, _area, _markdown) = (console, clock, new LiveArea(console), new MarkdownLines(console));
        _width = Math.Min(_area.Width, 100); // longer lines are hard to read
    }

    /// <param name="status">Below the text.</param>
    /// <param name="always">Also right after the last drawing: this one stays for a while.</param>
    public void Show(IReadOnlyList<MessagePart> parts, string status, bool always = false)
    {
        if (!always && _drawnAt is { } at && _clock.GetElapsedTime(at) < s_drawEvery)
            return;
        _drawnAt = _clock.GetTimestamp();
        var lines = Lines(parts, out var sure);
        // An area that is taller than the screen could not be drawn again.
        var room = Math.Max(2, _console.Profile.Height - 5);
        Draw(lines, Math.Max(sure, lines.Count - room), status);
    }

    /// <summary>Leaves the answer as it stands.</summary>
    public void Finish(IReadOnlyList<MessagePart> parts, string status)
    {
        var lines = Lines(parts, out _);
        Draw(lines, lines.Count, status);
        _area.Keep();
    }

    private void Draw(List<SegmentLine> lines, int scroll, string status)
    {
        scroll = Math.Clamp(scroll, _scrolled, Math.Max(_scrolled, lines.Count));
        var above = lines[Math.Min(_scrolled, lines.Count)..Math.Min(scroll, lines.Count)];
        var live = lines.Skip(scroll).Select(Paint.Of).ToList();
        if (status.Length > 0)
            live.AddRange(Entry.Wrap(status, _area.Width).Select(row => new Paint().Add(row, Glyphs.Label)));
        _area.Draw(live, above.Count > 0 ? new Rows(above) : null);
        _scrolled = scroll;
    }

    private List<SegmentLine> Lines(IReadOnlyList<MessagePart> parts, out int sure)
    {
        var lines = new List<SegmentLine>();
        sure = 0;
        for (var i = 0; i < parts.Count; i++)
        {
            if (lines.Count > 0)
                lines.Add([]);
            var (text, before) = ((parts[i].Text ?? "").Trim(), lines.Count);
            switch (parts[i].Kind)
            {
                case PartKind.Call:
                    sure = parts[i].Text is null ? before : int.MaxValue;
                    lines.AddRange(_markdown.Plain(Told(parts[i]), s_call, _width));
                    break;
                case PartKind.Thought:
                    lines.AddRange(_markdown.Plain(text, s_thought, _width));
                    break;
                default:
                    lines.AddRange(_markdown.Of(text, _width, out var ready));
                    sure = before + ready;
                    break;
            }

            sure = Math.Min(i < parts.Count - 1 ? lines.Count : sure, lines.Count);
        }

        return lines;
    }

    /// <summary>A call as one line: what was asked for and what came of it.</summary>
    public static string Told(MessagePart call)
    {
        var arguments = call.Arguments ?? "";
        try
        {
            // A function of one argument is read like a sum.
            using var json = JsonDocument.Parse(arguments);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.EnumerateObject().Count() == 1)
                arguments = json.RootElement.EnumerateObject().First().Value.ToString();
        }
        catch (JsonException)
        {
            // Shown as it is.
        }

        return $"{call.Name}: {Short(arguments)}{(call.Text is null ? " ..." : $" = {Short(call.Text)}")}";
    }

    // A file that was read is for the model.
    private static string Short(string text) => text.Length <= MostTold ? text
        : $"{text[..(char.IsHighSurrogate(text[MostTold - 1]) ? MostTold - 1 : MostTold)]} ... " +
            $"({text.Length:N0} characters)";

    /// <summary>How an answer went, in a few words.</summary>
    public static string Summary(AnswerCost? cost, int context)
    {
        if (cost is null)
            return "";
        var speed = cost.Speed > 0 ? string.Create(CultureInfo.InvariantCulture, $" · {cost.Speed:0} a second") : "";
        var use = cost.PromptTokens > 0 ? string.Create(CultureInfo.InvariantCulture,
            $" · context {100.0 * (cost.PromptTokens + cost.Tokens) / context:0} %") : "";
        return $"{cost.Tokens} token{(cost.Tokens == 1 ? "" : "s")}{speed}{use}";
    }

    private sealed class Rows(List<SegmentLine> lines) : Renderable
    {
        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            lines.SelectMany(line => line.Append(Segment.LineBreak));
    }
}
