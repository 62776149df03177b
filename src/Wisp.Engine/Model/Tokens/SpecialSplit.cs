namespace Wisp.Model;

/// <summary>
/// Cuts the spellings of special tokens out of a text. The longest spelling is cut out everywhere first, then the next:
/// a text in which two spellings overlap is read as llama.cpp reads it.
/// </summary>
internal sealed class SpecialSplit(Tokenizer tokenizer)
{
    private readonly List<(int Start, int Length, int Id)> _parts = [];

    /// <summary>The parts of a text, text with id -1 and special tokens in turn. Valid until the next call.</summary>
    public List<(int Start, int Length, int Id)> Split(ReadOnlySpan<byte> text, bool parseSpecial)
    {
        _parts.Clear();
        if (text.Length > 0)
            _parts.Add((0, text.Length, -1));
        foreach (var id in parseSpecial ? tokenizer.Special : tokenizer.AlwaysSpecial)
            if (text.IndexOf(tokenizer.BytesOf(id)) >= 0)
                CutOut(text, id);
        return _parts;
    }

    private void CutOut(ReadOnlySpan<byte> text, int id)
    {
        var spelling = tokenizer.BytesOf(id);
        var (stripLeft, stripRight) = tokenizer.Strips(id);
        var count = _parts.Count;
        for (var i = 0; i < count; i++)
        {
            var (start, length, special) = _parts[i];
            var end = start + length;
            while (special < 0 && text[start..end].IndexOf(spelling) is >= 0 and var found)
            {
                var at = start + found;
                var leftEnd = at;
                while (stripLeft && leftEnd > start && IsSpace(text[leftEnd - 1]))
                    leftEnd--;
                if (leftEnd > start)
                    _parts.Add((start, leftEnd - start, -1));
                _parts.Add((at, spelling.Length, id));
                start = at + spelling.Length;
                while (stripRight && start < end && IsSpace(text[start]))
                    start++;
            }

            if (start < end)
                _parts.Add((start, end - start, special));
        }

        _parts.RemoveRange(0, count);
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (>= (byte)'\t' and <= (byte)'\r');
}
