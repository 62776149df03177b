using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Bench.Engine;

/// <summary>What a user of ours does: a model file and a session.</summary>
internal sealed class OurSequence : ISequence
{
    private readonly WorkerPool _pool;
    private readonly ModelFile _file;
    private readonly PackedWeights? _packed;
    private readonly Session _session;

    /// <param name="mapped">As with <c>--no-repack</c>: weights are used as they lie in the file.</param>
    public OurSequence(string path, int threads, int context, bool mapped)
    {
        _pool = new WorkerPool(threads);
        _file = ModelFile.Open(path);
        _packed = mapped ? null : _file.Pack(_pool);
        _session = new Session(_packed?.Weights ?? _file.Weights, _pool, context, KvType.F16);
    }

    public int Vocabulary => _file.Config.Vocabulary;

    public void Clear() => _session.Clear();

    public ReadOnlySpan<float> Feed(ReadOnlySpan<int> tokens) => _session.Feed(tokens);

    public float[] Logits(int[] tokens)
    {
        Clear();
        var logits = new float[tokens.Length * Vocabulary];
        _session.FeedEvery(tokens, logits);
        return logits;
    }

    public void Dispose()
    {
        _session.Dispose();
        _packed?.Dispose();
        _file.Dispose();
        _pool.Dispose();
    }
}

/// <summary>The decoder itself with sequences side by side, each with its own blocks of the cache.</summary>
internal sealed class OurStreams : IStreams
{
    private const int Chunk = 512; // rows of a pass, as a session takes a prompt

    private readonly WorkerPool _pool;
    private readonly ModelFile _file;
    private readonly PackedWeights _packed;
    private readonly Decoder _decoder;
    private readonly KvStore _store;
    private readonly FloatBuffer _logits;
    private readonly int[][] _blocks;
    private int _past; // of every sequence

    public OurStreams(string path, int threads, int context, int streams)
    {
        _pool = new WorkerPool(threads);
        _file = ModelFile.Open(path);
        _packed = _file.Pack(_pool);
        var c = _file.Config;
        var each = (context + KvStore.BlockTokens - 1) / KvStore.BlockTokens;
        _blocks = [.. Enumerable.Range(0, streams).Select(s => Enumerable.Range(s * each, each).ToArray())];
        _store = new KvStore(streams * each, c.Layers, c.KvHeads, c.HeadDim, KvType.F16);
        _decoder = new Decoder(_packed.Weights, _pool, Chunk, context);
        _logits = new FloatBuffer(streams * c.Vocabulary);
    }

    public int Vocabulary => _file.Config.Vocabulary;

    public DecoderWeights Weights => _file.Weights;

    public DecoderTimes? Times { set => _decoder.Times = value; }

    public void Clear() => _past = 0;

    public void Step(ReadOnlySpan<int> tokens)
    {
        var runs = new DecoderRun[tokens.Length];
        for (var s = 0; s < runs.Length; s++)
            runs[s] = new DecoderRun(_past, 1, Blocks(s, _past + 1));
        _decoder.Forward(tokens, runs, _store);
        _decoder.Logits(_logits.Slice(0, tokens.Length * Vocabulary), 0, tokens.Length);
        _past++;
    }

    /// <summary>Appends a prompt to the first sequence, as a session does.</summary>
    public void Feed(ReadOnlySpan<int> tokens)
    {
        for (var at = 0; at < tokens.Length; at += Chunk)
        {
            var part = tokens.Slice(at, Math.Min(Chunk, tokens.Length - at));
            _decoder.Forward(part, [new DecoderRun(_past, part.Length, Blocks(0, _past + part.Length))], _store);
            _past += part.Length;
        }

        _decoder.Logits(_logits.Slice(0, Vocabulary), ((tokens.Length - 1) % Chunk));
    }

    private ReadOnlyMemory<int> Blocks(int sequence, int tokens) =>
        _blocks[sequence].AsMemory(0, (tokens + KvStore.BlockTokens - 1) / KvStore.BlockTokens);

    public void Dispose()
    {
        _decoder.Dispose();
        _store.Dispose();
        _logits.Dispose();
        _packed.Dispose();
        _file.Dispose();
        _pool.Dispose();
    }
}
