using Spectre.Console;

namespace Wisp.Cli.Talk;

/// <summary>Why a reading of the line editor ended without a text.</summary>
internal enum InputEnd
{
    /// <summary>There is a text.</summary>
    None,

    /// <summary>Ctrl-C on an empty line.</summary>
    Interrupt,

    /// <summary>Ctrl-D on an empty line.</summary>
    End,
}

/// <summary>
/// Reads a text that a person types: history, several lines, completion, the keys of readline. A line that ends with a
/// backslash goes on, as does a text that begins with """ until it ends with them.
/// </summary>
/// <param name="complete">The words that may stand at the end of a text in place of its last one.</param>
internal sealed class LineEditor(
    IAnsiConsole console, KeyReader keys, InputHistory history, Func<string, IReadOnlyList<string>> complete)
{
    private const string Fence = "\"\"\"";

    private readonly EditBuffer _buffer = new();
    private readonly EditView _view = new(console);
    private string _hint = "";

    public string Prompt { get; } = console.Profile.Capabilities.Unicode ? "› " : "> ";

    /// <param name="begin">What stands there at first.</param>
    /// <param name="placeholder">Faint words in an empty line.</param>
    public (string Text, InputEnd End) Read(string begin = "", string placeholder = "")
    {
        _buffer.Set(begin);
        while (true)
        {
            _view.Draw(Prompt, _buffer, _buffer.IsEmpty && _hint.Length == 0 ? placeholder : _hint);
            var stroke = keys.Next();
            _hint = "";
            if (stroke.Pasted is { } pasted)
                _buffer.Insert(pasted);
            else if (stroke.IsControl(ConsoleKey.C))
            {
                if (_buffer.IsEmpty)
                    return Finish("", InputEnd.Interrupt);
                _buffer.Set("");
            }
            else if (stroke.IsControl(ConsoleKey.D))
            {
                if (_buffer.IsEmpty)
                    return Finish("", InputEnd.End);
                _buffer.Delete();
            }
            else if (stroke.Key.Key == ConsoleKey.Enter)
            {
                if (!Continues(stroke.Key))
                    return Finish(Unfenced(_buffer.Text), InputEnd.None);
            }
            else if (stroke.IsControl(ConsoleKey.R))
                Search();
            else
                Obey(stroke.Key);
        }
    }

    private (string, InputEnd) Finish(string text, InputEnd end)
    {
        _view.Draw(Prompt, _buffer, final: true);
        if (end == InputEnd.None)
            history.Add(_buffer.Text);
        return (text, end);
    }

    // Ctrl-J is told from Enter by its character; Alt-Enter by what is held down.
    private bool Continues(ConsoleKeyInfo key)
    {
        if (key.KeyChar == '\n' || key.Modifiers.HasFlag(ConsoleModifiers.Alt)
            || key.Modifiers.HasFlag(ConsoleModifiers.Shift))
        {
            _buffer.Insert("\n");
            return true;
        }

        var text = _buffer.Text;
        if (text.EndsWith('\\') && !text.EndsWith(@"\\", StringComparison.Ordinal) && _buffer.Cursor == text.Length)
        {
            _buffer.Backspace();
            _buffer.Insert("\n");
            return true;
        }

        if (!text.TrimStart().StartsWith(Fence, StringComparison.Ordinal) || Closed(text.Trim()))
            return false;
        _buffer.Set(text + "\n");
        return true;
    }

    private static bool Closed(string text) =>
        text.Length >= 2 * Fence.Length && text.EndsWith(Fence, StringComparison.Ordinal);

    private static string Unfenced(string text) =>
        text.Trim() is var trimmed && trimmed.StartsWith(Fence, StringComparison.Ordinal) && Closed(trimmed)
            ? trimmed[Fence.Length..^Fence.Length].Trim('\n') : text;

    private void Obey(ConsoleKeyInfo key)
    {
        var control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        var alt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow when control || alt: _buffer.WordLeft(); break;
            case ConsoleKey.RightArrow when control || alt: _buffer.WordRight(); break;
            case ConsoleKey.LeftArrow: _buffer.Left(); break;
            case ConsoleKey.RightArrow: _buffer.Right(); break;
            case ConsoleKey.UpArrow: Older(); break;
            case ConsoleKey.DownArrow: Newer(); break;
            case ConsoleKey.Home: _buffer.Home(); break;
            case ConsoleKey.End: _buffer.End(); break;
            case ConsoleKey.Delete: _buffer.Delete(); break;
            case ConsoleKey.Backspace when alt || control: _buffer.KillWord(); break;
            case ConsoleKey.Backspace: _buffer.Backspace(); break;
            case ConsoleKey.Tab: Complete(); break;
            case ConsoleKey.A when control: _buffer.Home(); break;
            case ConsoleKey.E when control: _buffer.End(); break;
            case ConsoleKey.B when control: _buffer.Left(); break;
            case ConsoleKey.F when control: _buffer.Right(); break;
            case ConsoleKey.P when control: Older(); break;
            case ConsoleKey.N when control: Newer(); break;
            case ConsoleKey.H when control: _buffer.Backspace(); break;
            case ConsoleKey.B when alt: _buffer.WordLeft(); break;
            case ConsoleKey.F when alt: _buffer.WordRight(); break;
            case ConsoleKey.W when control: _buffer.KillWord(); break;
            case ConsoleKey.U when control: _buffer.KillToLineBegin(); break;
            case ConsoleKey.K when control: _buffer.KillToLineEnd(); break;
            case ConsoleKey.Y when control: _buffer.Yank(); break;
            case ConsoleKey.L when control: Clear(); break;
            default:
                if (!char.IsControl(key.KeyChar) && !control && !alt)
                    _buffer.Insert(key.KeyChar.ToString());
                break;
        }
    }

    private void Older()
    {
        if (!_buffer.Up() && history.Older(_buffer.Text) is { } entry)
            _buffer.Set(entry);
    }

    private void Newer()
    {
        if (!_buffer.Down() && history.Newer() is { } entry)
            _buffer.Set(entry);
    }

    private void Complete()
    {
        var text = _buffer.Text;
        if (_buffer.Cursor != text.Length || complete(text) is not { Count: > 0 } words)
            return;
        var stem = text[..(text.LastIndexOf(' ') + 1)];
        var common = words.Aggregate((a, b) => a[..a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count()]);
        if (stem.Length + common.Length > text.Length)
            _buffer.Set(stem + common + (words.Count == 1 ? " " : ""));
        else if (words.Count == 1)
            _buffer.Insert(" ");
        if (words.Count > 1)
            _hint = string.Join("  ", words);
    }

    private void Clear()
    {
        console.Profile.Out.Writer.Write("\e[H\e[2J");
        _view.Forget();
    }

    // Ctrl-R: what was typed before and holds the letters; Enter or an arrow takes it, Ctrl-C does not.
    private void Search()
    {
        var (wanted, skip, before) = ("", 0, _buffer.Text);
        while (true)
        {
            var found = wanted.Length == 0 ? null : history.Search(wanted, skip);
            if (found is not null)
                _buffer.Set(found);
            _view.Draw(found is null && wanted.Length > 0 ? $"no such: {wanted} " : $"search: {wanted} ", _buffer);
            var stroke = keys.Next();
            if (stroke.IsControl(ConsoleKey.R))
                skip += found is null ? 0 : 1;
            else if (stroke.Key.Key == ConsoleKey.Backspace && stroke.Pasted is null)
                (wanted, skip) = (wanted.Length > 0 ? wanted[..^1] : "", 0);
            else if (stroke.Pasted is not null || !char.IsControl(stroke.Key.KeyChar) && stroke.Key.KeyChar != '\0')
                (wanted, skip) = (wanted + (stroke.Pasted ?? stroke.Key.KeyChar.ToString()), 0);
            else
            {
                if (stroke.IsControl(ConsoleKey.C) || stroke.Key.Key == ConsoleKey.Escape)
                    _buffer.Set(before);
                return;
            }
        }
    }
}
