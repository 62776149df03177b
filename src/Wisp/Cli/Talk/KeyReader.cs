using System.Text;

namespace Wisp.Cli.Talk;

/// <summary>A key, or a text that came as a whole.</summary>
internal readonly record struct Stroke(ConsoleKeyInfo Key, string? Pasted = null)
{
    public bool IsControl(ConsoleKey key) =>
        Pasted is null && Key.Key == key && Key.Modifiers == ConsoleModifiers.Control;
}

/// <summary>
/// Keys of a terminal. Bracketed paste (mode 2004) marks what is pasted with ESC [200~ and ESC [201~, so its line
/// breaks are text and not the end of the input.
/// </summary>
/// <param name="read">Waits for a key and does not show it.</param>
/// <param name="waits">Whether a key is there already.</param>
internal sealed class KeyReader(Func<ConsoleKeyInfo> read, Func<bool> waits)
{
    public const string PasteOn = "\e[?2004h", PasteOff = "\e[?2004l";

    private const string Begin = "[200~", End = "\e[201~";

    private readonly Queue<ConsoleKeyInfo> _ahead = new();
    private Task<ConsoleKeyInfo>? _awaited; // a reading that nobody can break off

    /// <summary>
    /// Takes what was typed before anybody read. The terminal was in its usual mode then and made Enter a line feed,
    /// which otherwise means Ctrl-J.
    /// </summary>
    public void TakeAhead()
    {
        while (_awaited is null && waits())
            _ahead.Enqueue(read() is { KeyChar: not '\n' } key ? key
                : new ConsoleKeyInfo('\r', ConsoleKey.Enter, shift: false, alt: false, control: false));
    }

    /// <summary>
    /// The next key that is pressed, for whoever waits for something else too. Reading cannot be broken off: a key that
    /// is not waited for any more is the next reader's.
    /// </summary>
    public async Task<ConsoleKeyInfo> NextAsync(CancellationToken cancel)
    {
        var key = await (_awaited ??= Task.Run(read, CancellationToken.None)).WaitAsync(cancel).ConfigureAwait(false);
        _awaited = null;
        return key;
    }

    public Stroke Next()
    {
        var key = _ahead.TryDequeue(out var waiting) ? waiting : Read();
        var (escape, bracket) = (key.Key == ConsoleKey.Escape, IsAltBracket(key));
        if (char.IsHighSurrogate(key.KeyChar))
            return new Stroke(key, $"{key.KeyChar}{read().KeyChar}"); // one character comes as two keys
        if (!escape && !bracket)
            return new Stroke(key);

        // The runtime knows no such sequence and hands it out as single keys.
        var seen = new List<ConsoleKeyInfo>();
        for (var at = bracket ? 1 : 0; at < Begin.Length; at++)
        {
            if (!waits())
                break;
            seen.Add(read());
            if (seen[^1].KeyChar != Begin[at])
                break;
            if (at == Begin.Length - 1)
                return new Stroke(key, Paste());
        }

        foreach (var other in seen)
            _ahead.Enqueue(other);
        return new Stroke(key);
    }

    private ConsoleKeyInfo Read()
    {
        if (_awaited is not { } awaited)
            return read();
        _awaited = null;
        return awaited.GetAwaiter().GetResult();
    }

    private string Paste()
    {
        var text = new StringBuilder();
        while (true)
        {
            var key = read();
            text.Append(IsAltBracket(key) ? "\e[" : key.Key == ConsoleKey.Escape ? "\e" : key.KeyChar.ToString());
            if (text.Length >= End.Length && text.ToString(text.Length - End.Length, End.Length) == End)
                return text.ToString(0, text.Length - End.Length).ReplaceLineEndings("\n");
        }
    }

    private static bool IsAltBracket(ConsoleKeyInfo key) => key.KeyChar == '[' && key.Modifiers == ConsoleModifiers.Alt;
}
