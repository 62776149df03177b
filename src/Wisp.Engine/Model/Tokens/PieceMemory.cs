namespace Wisp.Model;

/// <summary>Encodes a piece of text by itself.</summary>
internal delegate void PieceEncoding(ReadOnlySpan<byte> piece, List<int> ids);

/// <summary>The tokens of the pieces met so far: a text has few different words. For one thread.</summary>
internal sealed class PieceMemory(PieceEncoding encode)
{
    // A book has some 20 thousand different pieces. At the limit everything is forgotten: no bookkeeping for hits.
    private const int MaxRemembered = 1 << 16;

    // Longer pieces are rare and seldom seen twice.
    private const int MaxRememberedBytes = 48;

    private readonly ByteStrings _pieces = new();
    private readonly List<int> _ids = [];
    private readonly int[] _ends = new int[MaxRemembered];

    /// <summary>Appends the tokens of a piece. One that is remembered costs no allocation.</summary>
    public void Encode(ReadOnlySpan<byte> piece, List<int> ids)
    {
        if (piece.Length > MaxRememberedBytes)
        {
            encode(piece, ids);
            return;
        }

        var number = _pieces.FindOrAdd(piece, out var added);
        if (added)
        {
            if (number == MaxRemembered)
            {
                _pieces.Clear();
                _ids.Clear();
                number = _pieces.FindOrAdd(piece, out _);
            }

            encode(piece, _ids);
            _ends[number] = _ids.Count;
        }

        for (var i = number == 0 ? 0 : _ends[number - 1]; i < _ends[number]; i++)
            ids.Add(_ids[i]);
    }
}
