namespace Wisp.Train.Data;

/// <summary>The lines of a stream, of any length up to a limit. A line is valid until the next call.</summary>
internal sealed class LineReader(Stream stream, string where, int maxBytes)
{
    private byte[] _buffer = new byte[1 << 16];
    private int _start, _length, _next, _end;
    private bool _drained;

    /// <summary>Without its LF; a CR before it is left in place.</summary>
    public ReadOnlySpan<byte> Line => _buffer.AsSpan(_start, _length);

    /// <summary>Counted from 1.</summary>
    public long Number { get; private set; }

    public bool Next()
    {
        var searched = _next;
        while (true)
        {
            var feed = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (feed >= 0)
                return Take(searched + feed, searched + feed + 1);
            if (_drained)
                return _next < _end && Take(_end, _end);
            if (_end - _next > maxBytes)
                throw CorpusReader.TooLong($"{where}:{Number + 1}", maxBytes);
            searched = Refill();
        }
    }

    private bool Take(int end, int next)
    {
        (_start, _length, _next) = (_next, end - _next, next);
        Number++;
        return _length <= maxBytes ? true : throw CorpusReader.TooLong($"{where}:{Number}", maxBytes);
    }

    /// <summary>Reads more behind the unfinished line, moved to the front; returns where the new bytes begin.</summary>
    private int Refill()
    {
        var pending = _end - _next;
        _buffer.AsSpan(_next, pending).CopyTo(_buffer);
        (_next, _end) = (0, pending);
        if (pending == _buffer.Length)
            Array.Resize(ref _buffer, (int)Math.Min(2L * pending, Array.MaxLength));
        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _drained = read == 0;
        _end += read;
        return pending;
    }
}
