using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A copy of a decoder's matrices, packed for speed, beside everything else as it was: about the bytes of the file in
/// memory of its own, after which only rows of the embedding are still read from the file.
/// </summary>
/// <remarks>
/// Quantised matrices meet activations of 8 bits from then on, so logits differ from those of the weights as stored by
/// about what 8 bits lose (see <see cref="PackedLinear"/>); float weights give the same but for the order of sums.
/// </remarks>
public sealed class PackedWeights : IDisposable
{
    private readonly PackedMemory _memory;
    private readonly List<PackedMatrix> _matrices = [];
    private readonly WorkerPool _pool;
    private readonly Action<long, long>? _progress;
    private readonly long _total;
    private readonly CancellationToken _cancel;
    private long _done;

    /// <param name="progress">Called with the bytes packed and the bytes there are.</param>
    /// <exception cref="OutOfMemoryException">The machine has no room for a copy.</exception>
    public PackedWeights(
        DecoderWeights stored, WorkerPool pool, Action<long, long>? progress = null, CancellationToken cancel = default)
    {
        (_pool, _progress, _cancel) = (pool, progress, cancel);
        _total = stored.Projections.Where(CanPack).Sum(p => p.Weight.Bytes);
        _memory = new PackedMemory(stored.Projections.Where(CanPack).Select(p => p.Weight));
        try
        {
            // In the order of a pass, which is that of memory.
            Weights = stored with
            {
                Blocks = [.. stored.Blocks.Select(block => block with
                {
                    Q = Pack(block.Q),
                    K = Pack(block.K),
                    V = Pack(block.V),
                    O = Pack(block.O),
                    Ffn = [.. block.Ffn.Select(f => new FeedForwardWeights(
                        f.Gate is null ? null : Pack(f.Gate), Pack(f.Up), Pack(f.Down)))],
                })],
                Head = Pack(stored.Head),
            };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>To run; valid until this is disposed, and as long as the stored weights are.</summary>
    public DecoderWeights Weights { get; }

    /// <summary>Bytes of the copy.</summary>
    public long Bytes => _matrices.Sum(m => m.Bytes);

    private static bool CanPack(Projection p) => PackedMatrix.Supports(p.Weight.Type);

    private Projection Pack(Projection stored)
    {
        if (!CanPack(stored))
            return stored;
        _cancel.ThrowIfCancellationRequested();
        var packed = PackedMatrix.Pack(_pool, stored.Weight, _memory);
        _matrices.Add(packed);
        _done += stored.Weight.Bytes;
        _progress?.Invoke(_done, _total);
        return stored with { Packed = packed };
    }

    public void Dispose()
    {
        foreach (var matrix in _matrices)
            matrix.Dispose();
        _memory.Dispose();
    }
}
