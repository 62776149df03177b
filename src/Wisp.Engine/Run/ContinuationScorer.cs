using Wisp.Compute;
using Wisp.Model;
using Wisp.Run.Chain;

namespace Wisp.Run;

/// <summary>A text to judge and what stands before it, both as tokens.</summary>
/// <param name="Prefix">At least one token: what follows nothing has no probability.</param>
/// <param name="Suffix">At least one token.</param>
public readonly record struct Continuation(IReadOnlyList<int> Prefix, IReadOnlyList<int> Suffix);

/// <param name="LogProbability">Σ ln p of the suffix's tokens, in nats.</param>
/// <param name="IsGreedy">Each of them was the likeliest where it stands.</param>
public readonly record struct ContinuationScore(double LogProbability, bool IsGreedy);

/// <summary>
/// How likely texts are after other texts, many at once. A prefix that several suffixes follow is read once and forked,
/// and what prefixes begin alike with, such as worked examples, is read once for all of them.
/// </summary>
/// <remarks>The scores have the bits that each continuation has alone, whatever is judged beside it.</remarks>
public sealed class ContinuationScorer : IDisposable
{
    // Rows of a pass, and rows of logits in memory at once.
    private const int Rows = 512, LogitRows = 64;

    // Prefixes in hand at once: enough to fill passes with the short pieces that choices are.
    private const int MaxGroups = 48;

    private readonly ModelConfig _config;
    private readonly Decoder _decoder;
    private readonly KvCache _cache;
    private readonly LogProbabilities _scores;
    private readonly TopSelection _selection;
    private readonly FloatBuffer _logits;
    private readonly int[] _tokens = new int[Rows];

    /// <param name="weights">Kept alive by the caller.</param>
    /// <param name="context">The most tokens of a continuation; 0 means the model's own, 2,048 at most.</param>
    public ContinuationScorer(DecoderWeights weights, WorkerPool pool, int context = 0, KvType kv = KvType.F32)
    {
        _config = weights.Config;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, _config.Context);
        Context = context > 0 ? context : Math.Min(_config.Context, 2048);
        _decoder = new Decoder(weights, pool, Rows, Context);
        // What all begin with, one continuation that shares nothing with it, and as much again to fill passes.
        _cache = new KvCache(_config, KvCache.BlocksFor(Math.Max(8192, 4 * Context)), kv);
        _scores = new LogProbabilities(_config.Vocabulary, alternatives: 0);
        _selection = new TopSelection(_config.Vocabulary);
        _logits = new FloatBuffer(checked(LogitRows * _config.Vocabulary));
    }

    /// <summary>The most tokens of a prefix and its suffix together.</summary>
    public int Context { get; }

    /// <summary>Rows that went through the model so far: what sharing saves shows here.</summary>
    public long ComputedRows { get; private set; }

    /// <param name="progress">Called with continuations judged and all of them.</param>
    /// <exception cref="ArgumentException">A part is empty or both together are longer than the context.</exception>
    public ContinuationScore[] Score(
        IReadOnlyList<Continuation> all, Action<long, long>? progress = null, CancellationToken cancel = default)
    {
        foreach (var one in all)
            if (one.Prefix.Count == 0 || one.Suffix.Count == 0 || one.Prefix.Count + one.Suffix.Count > Context)
                throw new ArgumentException(
                    $"{one.Suffix.Count} tokens after {one.Prefix.Count} cannot be judged: both need one at least, " +
                    $"and {Context} together at most.");
        var found = new ContinuationScore[all.Count];
        Array.Fill(found, new ContinuationScore(0, IsGreedy: true));
        // What all begin with is held for the whole call, so that nothing pushes it out of the cache.
        using var header = _cache.Create([]);
        var common = CommonLength(all) / KvStore.BlockTokens * KvStore.BlockTokens; // whole blocks can be shared
        if (common > 0)
            Pass([new Piece(header, [.. all[0].Prefix.Take(common)], null, -1)], found, cancel);
        for (var at = 0; at < all.Count;)
        {
            at = Wave(all, at, found, cancel);
            progress?.Invoke(at, all.Count);
        }

        return found;
    }

    // As many prefixes as there is memory for: first what they hold, then what follows each.
    private int Wave(IReadOnlyList<Continuation> all, int from, ContinuationScore[] found, CancellationToken cancel)
    {
        var held = new List<KvSequence>();
        try
        {
            List<Piece> prefixes = [], suffixes = [];
            var (at, blocks, room) = (from, 0, _cache.Available);
            while (at < all.Count && prefixes.Count < MaxGroups)
            {
                var prefix = all[at].Prefix;
                var end = at + 1;
                while (end < all.Count && all[end].Prefix.SequenceEqual(prefix))
                    end++;
                var needed = KvCache.BlocksFor(prefix.Count);
                var taken = at;
                while (taken < end && blocks + needed + BlocksOf(all[taken]) <= room)
                    needed += BlocksOf(all[taken++]);
                if (taken == at)
                    break; // no room: a later wave takes it
                blocks += needed;
                int[] tokens = [.. prefix];
                var sequence = _cache.Create(tokens);
                held.Add(sequence);
                prefixes.Add(new Piece(sequence, tokens[sequence.Length..^1], null, -1));
                for (; at < taken; at++)
                    suffixes.Add(new Piece(sequence, [tokens[^1], .. all[at].Suffix.SkipLast(1)], all[at].Suffix, at));
                if (taken < end)
                    break;
            }

            Pass(prefixes, found, cancel);
            for (var i = 0; i < suffixes.Count; i++)
            {
                var fork = suffixes[i].Sequence.Fork();
                held.Add(fork);
                suffixes[i] = suffixes[i] with { Sequence = fork };
            }

            Pass(suffixes, found, cancel);
            return at;
        }
        finally
        {
            foreach (var sequence in held)
                sequence.Dispose();
        }

        // A copy of the block that the prefix ends in, and what follows it.
        static int BlocksOf(Continuation one) => 1 + KvCache.BlocksFor(one.Suffix.Count);
    }

    /// <summary>Tokens for one sequence; where they are judged, what each of them must foresee.</summary>
    private readonly record struct Piece(KvSequence Sequence, int[] Tokens, IReadOnlyList<int>? Targets, int Judged);

    private readonly record struct Part(Piece Piece, int From, int Row, int Count);

    private void Pass(IReadOnlyList<Piece> pieces, ContinuationScore[] found, CancellationToken cancel)
    {
        var (parts, runs) = (new List<Part>(), new List<DecoderRun>());
        for (int at = 0, done = 0; at < pieces.Count;)
        {
            cancel.ThrowIfCancellationRequested();
            parts.Clear();
            runs.Clear();
            var rows = 0;
            while (at < pieces.Count && rows < Rows)
            {
                var piece = pieces[at];
                var count = Math.Min(piece.Tokens.Length - done, Rows - rows);
                if (count > 0)
                {
                    var past = piece.Sequence.Length;
                    piece.Sequence.Append(piece.Tokens.AsSpan(done, count));
                    runs.Add(new DecoderRun(past, count, piece.Sequence.Blocks));
                    piece.Tokens.AsSpan(done, count).CopyTo(_tokens.AsSpan(rows));
                    parts.Add(new Part(piece, done, rows, count));
                    (rows, done) = (rows + count, done + count);
                }

                if (done == piece.Tokens.Length)
                    (at, done) = (at + 1, 0);
            }

            if (rows == 0)
                return;
            _decoder.Forward(_tokens.AsSpan(0, rows), [.. runs], _cache.Store);
            ComputedRows += rows;
            foreach (var part in parts)
                part.Piece.Sequence.Computed();
            if (parts[0].Piece.Targets is not null)
                Judge(parts, rows, found);
        }
    }

    // Every row of the pass is judged: a pass holds either prefixes or suffixes.
    private void Judge(List<Part> parts, int rows, ContinuationScore[] found)
    {
        var V = _config.Vocabulary;
        var part = 0;
        for (var from = 0; from < rows; from += LogitRows)
        {
            var count = Math.Min(LogitRows, rows - from);
            var logits = _logits.Slice(0, count * V);
            _decoder.Logits(logits, from, count);
            for (var row = from; row < from + count; row++)
            {
                while (row >= parts[part].Row + parts[part].Count)
                    part++;
                var (piece, first, start, _) = parts[part];
                var target = piece.Targets![first + row - start];
                ReadOnlySpan<float> z = logits.Slice((row - from) * V, V);
                ref var score = ref found[piece.Judged];
                score = new ContinuationScore(
                    score.LogProbability + _scores.Read(z, target, out _).LogProbability,
                    score.IsGreedy && z[target] >= _selection.Max(z));
            }
        }
    }

    // All but the last token of the shortest prefix, at most: that one is read together with the suffix.
    private static int CommonLength(IReadOnlyList<Continuation> all)
    {
        if (all.Count < 2)
            return 0;
        var first = all[0].Prefix;
        var common = first.Count - 1;
        foreach (var one in all)
        {
            common = Math.Min(common, one.Prefix.Count - 1);
            for (var i = 0; i < common; i++)
                if (one.Prefix[i] != first[i])
                    common = i;
        }

        return common;
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _cache.Dispose();
        _logits.Dispose();
    }
}
