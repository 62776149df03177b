namespace Wisp.Train.Data;

/// <summary>
/// A forward-only stream that knows its name: whatever a decompressor throws at damaged bytes comes out as one
/// InvalidDataException that names the file.
/// </summary>
internal sealed class NamedStream(Stream inner, string name) : Stream
{
    private const int TarBlock = 512;

    private int _zeros;

    /// <summary>
    /// The last 512 bytes read were zero: what the end of a tar looks like, and what a cut one lacks.
    /// </summary>
    public bool EndsInZeroBlock => _zeros >= TarBlock;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int count;
        try
        {
            count = inner.Read(buffer);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{name}: damaged or cut short ({e.Message}). Fetch or make the file again.",
                e);
        }

        var read = buffer[..count];
        var last = read.LastIndexOfAnyExcept((byte)0);
        _zeros = last < 0 ? Math.Min(TarBlock, _zeros + count) : count - 1 - last;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
