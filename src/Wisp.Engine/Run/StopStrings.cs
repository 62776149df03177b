using System.Text;

namespace Wisp.Run;

/// <summary>
/// Ends a text at the first of some strings, none of which is shown: what may be the beginning of one is held back
/// until it is sure not to be. The string that is complete first ends the text; of those complete at the same
/// character, the longest. So it does not matter how the text is cut into pieces.
/// </summary>
/// <remarks>
/// Each string is followed by its own automaton (Knuth, Morris and Pratt 1977, "Fast Pattern Matching in Strings"): the
/// state is how much of the string the text ends with, and the largest state is how much must be held back.
/// </remarks>
public sealed class StopStrings
{
    private readonly string[] _stops;
    private readonly int[][] _borders; // of each prefix, its longest proper prefix that is a suffix of it too
    private readonly int[] _states;
    private readonly StringBuilder _held = new();

    public StopStrings(IEnumerable<string> stops)
    {
        _stops = [.. stops];
        foreach (var stop in _stops)
        {
            if (stop.Length == 0)
                throw new ArgumentException("A stop string is empty: every text would end before it begins.");
            if (HasHalfCharacter(stop))
                throw new ArgumentException("A stop string holds half a character (a lone surrogate).");
        }

        _borders = [.. _stops.Select(Borders)];
        _states = new int[_stops.Length];
    }

    /// <summary>The string that ended the text, or null.</summary>
    public string? Found { get; private set; }

    /// <summary>Adds text and returns what can be shown of it and of what was held back.</summary>
    public string Push(string text)
    {
        if (Found is not null)
            return "";
        if (_stops.Length == 0)
            return text;
        foreach (var c in text)
        {
            _held.Append(c);
            for (var i = 0; i < _stops.Length; i++)
                if (Advance(i, c) == _stops[i].Length && _stops[i].Length > (Found?.Length ?? 0))
                    Found = _stops[i];
            if (Found is not null)
            {
                _held.Length -= Found.Length;
                return Flush();
            }
        }

        return Take(_held.Length - _states.Max());
    }

    /// <summary>What was held back, at the end of a text that no stop string ended.</summary>
    public string Flush()
    {
        Array.Clear(_states);
        return Take(_held.Length);
    }

    private static bool HasHalfCharacter(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (Rune.TryGetRuneAt(text, i, out var rune))
                i += rune.Utf16SequenceLength - 1;
            else
                return true;
        }

        return false;
    }

    private string Take(int count)
    {
        var shown = _held.ToString(0, count);
        _held.Remove(0, count);
        return shown;
    }

    private int Advance(int i, char c)
    {
        var (stop, state) = (_stops[i], _states[i]);
        while (state > 0 && stop[state] != c)
            state = _borders[i][state - 1];
        return _states[i] = stop[state] == c ? state + 1 : 0;
    }

    private static int[] Borders(string stop)
    {
        var borders = new int[stop.Length];
        for (var (i, length) = (1, 0); i < stop.Length; i++)
        {
            while (length > 0 && stop[i] != stop[length])
                length = borders[length - 1];
            borders[i] = length += stop[i] == stop[length] ? 1 : 0;
        }

        return borders;
    }
}
