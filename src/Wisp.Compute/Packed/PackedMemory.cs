namespace Wisp.Compute;

/// <summary>
/// Memory for many packed matrices, one after another in the order in which they are packed: that of their use, so that
/// what is asked for ahead of the end of one is the beginning of the next.
/// </summary>
/// <remarks>
/// It comes in pieces large enough for huge pages, which single matrices often are not; with small pages every 4 KB
/// cost a walk through the page tables, in a virtual machine through two of them.
/// </remarks>
public sealed unsafe class PackedMemory : IDisposable
{
    private const long LargestPiece = 4L << 30, CacheLine = 64;

    private readonly List<FloatBuffer> _pieces = [];
    private long _wanted, _left;
    private byte* _next;

    /// <param name="matrices">What will be packed; nothing is read yet.</param>
    public PackedMemory(params IEnumerable<WeightMatrix> matrices) =>
        _wanted = matrices.Sum(w => WholeLines(PackedMatrix.BytesOf(w)));

    /// <summary>Bytes of all pieces.</summary>
    public long Bytes => _pieces.Sum(piece => piece.Bytes);

    internal byte* Take(long bytes)
    {
        bytes = WholeLines(bytes);
        if (_left < bytes)
        {
            _left = Math.Max(bytes, Math.Min(_wanted, LargestPiece));
            var piece = new FloatBuffer(checked((int)(_left / sizeof(float))));
            _pieces.Add(piece);
            fixed (float* p = piece.Span) // native memory: its address stays good after the block
                _next = (byte*)p;
        }

        var taken = _next;
        _next += bytes;
        _left -= bytes;
        _wanted = Math.Max(0, _wanted - bytes);
        return taken;
    }

    private static long WholeLines(long bytes) => (bytes + CacheLine - 1) / CacheLine * CacheLine;

    public void Dispose()
    {
        foreach (var piece in _pieces)
            piece.Dispose();
    }
}
