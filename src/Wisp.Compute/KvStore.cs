using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// Memory of keys and values in blocks of 16 tokens. A block holds its tokens for every layer and head; which sequence
/// it belongs to is its owner's affair.
/// </summary>
/// <remarks>Layout: [block][layer][kv head] of a <see cref="KvLayout"/>.</remarks>
public sealed unsafe class KvStore : IDisposable
{
    /// <summary>Tokens a block: the lanes of a vector.</summary>
    public const int BlockTokens = KvLayout.Tokens;

    private readonly FloatBuffer[] _chunks;
    private readonly int _blocksPerChunk;

    /// <exception cref="ArgumentException">A block of such a shape does not fit one buffer.</exception>
    public KvStore(int blocks, int layers, int kvHeads, int headDim, KvType type = KvType.F32)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        (Blocks, Layers, KvHeads) = (blocks, layers, kvHeads);
        Layout = new KvLayout(type, headDim);
        var bytes = BytesPerBlock(layers, kvHeads, headDim, type);
        if (bytes > int.MaxValue)
            throw new ArgumentException($"A block of {BlockTokens} tokens takes {bytes:n0} bytes.");
        BlockBytes = (int)bytes;
        // Several buffers, because one holds 2³¹ floats at most.
        _blocksPerChunk = (int)Math.Min(blocks, Math.Max(1, (1L << 32) / bytes));
        _chunks = new FloatBuffer[(blocks + _blocksPerChunk - 1) / _blocksPerChunk];
        for (var i = 0; i < _chunks.Length; i++)
            _chunks[i] = new FloatBuffer(
                (int)(Math.Min(_blocksPerChunk, blocks - (i * _blocksPerChunk)) * bytes / sizeof(float)));
    }

    public int Blocks { get; }

    public int Layers { get; }

    public int KvHeads { get; }

    public int HeadDim => Layout.D;

    public KvType Type => Layout.Type;

    /// <summary>Bytes of one block, all layers and heads.</summary>
    public static long BytesPerBlock(int layers, int kvHeads, int headDim, KvType type = KvType.F32) =>
        (long)layers * kvHeads * new KvLayout(type, headDim).Bytes;

    public long TotalBytes => _chunks.Sum(c => c.Bytes);

    internal KvLayout Layout { get; }

    private int BlockBytes { get; }

    internal byte* Head(int block, int layer, int head)
    {
        var chunk = _chunks[block / _blocksPerChunk];
        var at = ((long)(block % _blocksPerChunk) * BlockBytes) + (((layer * KvHeads) + head) * (long)Layout.Bytes);
        return (byte*)Unsafe.AsPointer(ref chunk.Span[0]) + at; // native memory: it does not move
    }

    /// <summary>All keys and values of a block.</summary>
    public Span<byte> Bytes(int block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)Blocks);
        return new(Head(block, 0, 0), BlockBytes);
    }

    /// <summary>Copies a whole block over another.</summary>
    public void Copy(int to, int from) => Bytes(from).CopyTo(Bytes(to));

    public void Dispose()
    {
        foreach (var chunk in _chunks)
            chunk.Dispose();
    }
}
