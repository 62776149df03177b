using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// Memory of keys and values in blocks of 16 tokens. A block holds its tokens for every layer and head; which sequence
/// it belongs to is its owner's affair.
/// </summary>
/// <remarks>
/// Layout: [block][layer][kv head] of keys (D, 16) and then values (16, D'), D' being D rounded up to a vector. Keys
/// stand transposed, one token a lane, so that a block's 16 scores come out of one vector without a sum across lanes.
/// </remarks>
public sealed unsafe class KvStore : IDisposable
{
    /// <summary>Tokens a block: the lanes of a vector.</summary>
    public const int BlockTokens = 16;

    private readonly FloatBuffer[] _chunks;
    private readonly int _blocksPerChunk;

    /// <exception cref="ArgumentException">A block of such a shape does not fit one buffer.</exception>
    public KvStore(int blocks, int layers, int kvHeads, int headDim)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        (Blocks, Layers, KvHeads, HeadDim) = (blocks, layers, kvHeads, headDim);
        ValueStride = StrideOf(headDim);
        HeadLength = BlockTokens * (headDim + ValueStride);
        var blockLength = BytesPerBlock(layers, kvHeads, headDim) / sizeof(float);
        if (blockLength > int.MaxValue)
            throw new ArgumentException($"A block of {BlockTokens} tokens takes {blockLength:n0} floats.");
        BlockLength = (int)blockLength;
        // Several buffers, because one holds 2³¹ floats at most.
        _blocksPerChunk = (int)Math.Min(blocks, Math.Max(1, (1L << 30) / blockLength));
        _chunks = new FloatBuffer[(blocks + _blocksPerChunk - 1) / _blocksPerChunk];
        for (var i = 0; i < _chunks.Length; i++)
            _chunks[i] = new FloatBuffer(
                Math.Min(_blocksPerChunk, blocks - (i * _blocksPerChunk)) * BlockLength);
    }

    public int Blocks { get; }

    public int Layers { get; }

    public int KvHeads { get; }

    public int HeadDim { get; }

    /// <summary>Bytes of one block, all layers and heads.</summary>
    public static long BytesPerBlock(int layers, int kvHeads, int headDim) =>
        (long)layers * kvHeads * BlockTokens * (headDim + StrideOf(headDim)) * sizeof(float);

    public long TotalBytes => _chunks.Sum(c => c.Bytes);

    internal int ValueStride { get; }

    // Floats of one head of one layer in a block: keys and values.
    internal int HeadLength { get; }

    private int BlockLength { get; }

    private static int StrideOf(int headDim) => (headDim + Simd.W - 1) / Simd.W * Simd.W;

    internal float* Head(int block, int layer, int head)
    {
        var chunk = _chunks[block / _blocksPerChunk];
        var at = ((block % _blocksPerChunk) * BlockLength) + (((layer * KvHeads) + head) * HeadLength);
        return (float*)Unsafe.AsPointer(ref chunk.Span[at]); // native memory: it does not move
    }

    /// <summary>All keys and values of a block.</summary>
    public Span<byte> Bytes(int block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)Blocks);
        return new(Head(block, 0, 0), checked(BlockLength * sizeof(float)));
    }

    /// <summary>Copies a whole block over another.</summary>
    public void Copy(int to, int from) => Bytes(from).CopyTo(Bytes(to));

    public void Dispose()
    {
        foreach (var chunk in _chunks)
            chunk.Dispose();
    }
}
