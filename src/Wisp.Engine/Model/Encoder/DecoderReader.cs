using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A decoder that reads: the rows are those after its last norm, and there is no head. Texts go through in passes of
/// as many rows as fit, the end of one and the beginning of the next together.
/// </summary>
/// <param name="weights">Kept alive by the caller until the reader is disposed.</param>
internal sealed class DecoderReader(DecoderWeights weights, WorkerPool pool) : ITextReader
{
    // Rows of one pass: tall enough for full speed of the products, small enough to stay in the caches.
    private const int RowsAtOnce = 256;

    private readonly ModelConfig _config = weights.Config;
    private readonly Decoder _decoder =
        new(weights, pool, Math.Min(RowsAtOnce, weights.Config.Context), weights.Config.Context);
    private KvStore? _store;
    private int[] _blocks = [];

    public int Vocabulary => _config.Vocabulary;

    public int Context => _config.Context;

    public int Width => _config.Width;

    public void Read(Span<float> rows, IReadOnlyList<int[]> texts, CancellationToken cancel)
    {
        MakeRoom(texts.Sum(text => BlocksOf(text.Length)));
        var tokens = new List<int>();
        var runs = new List<DecoderRun>();
        int done = 0, firstBlock = 0;
        foreach (var text in texts)
        {
            for (var at = 0; at < text.Length;)
            {
                var count = Math.Min(text.Length - at, _decoder.MaxRows - tokens.Count);
                tokens.AddRange(text.AsSpan(at, count));
                runs.Add(new DecoderRun(at, count, _blocks.AsMemory(firstBlock, BlocksOf(at + count))));
                at += count;
                if (tokens.Count == _decoder.MaxRows)
                    Pass(rows);
            }

            firstBlock += BlocksOf(text.Length);
        }

        if (tokens.Count > 0)
            Pass(rows);

        void Pass(Span<float> y)
        {
            cancel.ThrowIfCancellationRequested();
            _decoder.Forward([.. tokens], [.. runs], _store!);
            _decoder.Normed(y.Slice(done * Width, tokens.Count * Width), 0, tokens.Count);
            done += tokens.Count;
            tokens.Clear();
            runs.Clear();
        }
    }

    private static int BlocksOf(int tokens) => (tokens + KvStore.BlockTokens - 1) / KvStore.BlockTokens;

    private void MakeRoom(int blocks)
    {
        if (blocks <= _blocks.Length)
            return;
        var bytes = blocks * KvStore.BytesPerBlock(_config.Layers, _config.KvHeads, _config.HeadDim);
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            throw new ArgumentException(
                $"The keys and values of {(long)blocks * KvStore.BlockTokens:n0} tokens need {bytes:n0} bytes; this " +
                $"machine has {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes:n0}. Give shorter texts.");
        _store?.Dispose();
        _store = null;
        _blocks = [];
        _store = new KvStore(blocks, _config.Layers, _config.KvHeads, _config.HeadDim);
        _blocks = [.. Enumerable.Range(0, blocks)];
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _store?.Dispose();
    }
}
