using System.Text;
using Spectre.Console;

namespace Wisp.Tests.Cli;

/// <summary>
/// A terminal in memory: it obeys the control sequences that the live display uses and refuses all others, so a test
/// sees what a person would.
/// </summary>
internal sealed class Screen : TextWriter, IAnsiConsoleOutput
{
    private readonly List<StringBuilder> _rows = [new()];
    private readonly StringBuilder _raw = new();
    private int _row, _column;

    private Screen(int width, int height) => (Width, Height) = (width, height);

    public static (Screen Screen, IAnsiConsole Console) Of(int width, int height = 24, bool color = false)
    {
        var screen = new Screen(width, height);
        return (screen, AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = color ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Out = screen,
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        }));
    }

    public TextWriter Writer => this;

    public bool IsTerminal => true;

    public int Width { get; private set; }

    public int Height { get; }

    public override Encoding Encoding => Encoding.UTF8;

    public void SetEncoding(Encoding encoding)
    {
    }

    /// <summary>Everything that ever scrolled by, one string a row, without trailing spaces.</summary>
    public string[] Rows => [.. _rows.Select(row => row.ToString().TrimEnd())];

    public string Raw => _raw.ToString();

    /// <summary>As when a window is made narrower: long rows are wrapped, the cursor stays at its text.</summary>
    public void Narrow(int width)
    {
        Width = width;
        for (var row = 0; row < _rows.Count; row++)
        {
            if (_rows[row].Length <= width)
                continue;
            _rows.Insert(row + 1, new StringBuilder(_rows[row].ToString(width, _rows[row].Length - width)));
            _rows[row].Length = width;
            _row += row < _row ? 1 : 0;
        }
    }

    public override void Write(char value) => Take([value]);

    public override void Write(string? value) => Take((value ?? "").ToCharArray());

    public override void Write(char[] buffer, int index, int count) => Take(buffer[index..(index + count)]);

    private void Take(char[] text)
    {
        _raw.Append(text);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\e':
                    i = Obey(text, i);
                    break;
                case '\r':
                    _column = 0;
                    break;
                case '\n':
                    (_row, _column) = (_row + 1, 0);
                    while (_rows.Count <= _row)
                        _rows.Add(new StringBuilder());
                    break;
                default:
                    Assert.InRange(_column, 0, Width - 1); // nothing may run into the terminal's own wrapping
                    var row = _rows[_row];
                    row.Append(' ', Math.Max(0, _column + 1 - row.Length));
                    row[_column++] = text[i];
                    break;
            }
        }
    }

    private int Obey(char[] text, int at)
    {
        Assert.Equal('[', text[at + 1]);
        var end = at + 2;
        while (!char.IsLetter(text[end]))
            end++;
        var argument = new string(text[(at + 2)..end]);
        switch (text[end])
        {
            case 'A':
                _row -= int.Parse(argument);
                Assert.True(_row >= 0, "the cursor left the screen at the top");
                break;
            case 'C':
                _column += int.Parse(argument);
                break;
            case 'J':
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                break;
            case 'h' or 'l':
                Assert.Equal("?2026", argument);
                break;
            case 'm':
                break;
            default:
                Assert.Fail($"unexpected control sequence {argument}{text[end]}");
                break;
        }

        return end;
    }
}

/// <summary>Time that stands still until a test moves it.</summary>
internal sealed class StillClock : TimeProvider
{
    private long _now = 1_000_000;

    public override long TimestampFrequency => 1_000; // one tick is a millisecond

    public override long GetTimestamp() => _now;

    public void Pass(double seconds) => _now += (long)(seconds * 1000);
}
