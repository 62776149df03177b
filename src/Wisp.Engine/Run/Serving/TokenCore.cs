using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>Tokens that one sequence reads in a step, and what is wanted of them.</summary>
/// <param name="Sequence">Of the core's cache, once in a step. Its domain names the adapter, if any.</param>
/// <param name="Tokens">At least one; they are appended.</param>
/// <param name="Scores">Of how many of the last tokens the logits are wanted: 0 to 32.</param>
/// <param name="Watched">Whether <see cref="KvSequence.TakeAttention"/> is to count what this step attends to.</param>
public readonly record struct TokenJob(
    KvSequence Sequence, ReadOnlyMemory<int> Tokens, int Scores = 1, bool Watched = false);

/// <summary>Receives the logits of a job, (Scores, V): those that follow each of its last tokens.</summary>
/// <param name="job">The job's place in the step.</param>
public delegate void LogitsReader(int job, ReadOnlySpan<float> logits);

/// <summary>
/// A model as a processor of tokens: every step takes some tokens of any number of sequences through the weights
/// together. Between two steps everything can be changed: sequences made, forked, cut, dropped, written to a file.
/// </summary>
/// <remarks>
/// The logits of a sequence are the same bits whatever else is in the step, however its tokens are cut into steps,
/// forked or computed afresh, and with any number of threads. Not thread-safe, like its cache: one thread steps it.
/// </remarks>
public sealed class TokenCore : IDisposable
{
    /// <summary>Rows of logits in memory at once, and so the most a job can ask for.</summary>
    public const int MostScores = 32;

    private readonly Decoder _decoder;
    private readonly FloatBuffer _logits;
    private readonly int[] _tokens;
    private readonly int[] _wanted = new int[MostScores];
    private DecoderRun[] _runs = [];
    private float[] _mass = [];

    /// <param name="weights">Kept alive by the caller, as are the pool and the cache.</param>
    /// <param name="rows">The most tokens of a step.</param>
    /// <param name="context">The longest sequence; 0 means what the model was trained for.</param>
    public TokenCore(DecoderWeights weights, WorkerPool pool, KvCache cache, int rows = 256, int context = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(context);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, weights.Config.Context);
        if (!ReferenceEquals(cache.Config, weights.Config))
            throw new ArgumentException("The cache was made for another model.", nameof(cache));
        Cache = cache;
        _decoder = new Decoder(weights, pool, rows, context == 0 ? weights.Config.Context : context);
        _tokens = new int[rows];
        _logits = new FloatBuffer(checked(MostScores * weights.Config.Vocabulary));
    }

    public ModelConfig Config => _decoder.Config;

    public KvCache Cache { get; }

    /// <summary>The most tokens of a step.</summary>
    public int Rows => _decoder.MaxRows;

    /// <summary>The longest sequence.</summary>
    public int Context => _decoder.Context;

    /// <summary>Rows computed since the start.</summary>
    public long ComputedRows { get; private set; }

    /// <summary>
    /// Reads the tokens of all jobs in one pass, then hands out the logits, job by job. Full blocks can be shared from
    /// then on.
    /// </summary>
    /// <exception cref="ArgumentException">A job cannot run: no tokens, too many, unknown ones, beyond the context, a
    /// sequence twice. No sequence has changed.</exception>
    /// <exception cref="KvMemoryException">There is no room for all. No sequence has changed.</exception>
    public void Step(ReadOnlySpan<TokenJob> jobs, LogitsReader read)
    {
        if (jobs.IsEmpty)
            return;
        Check(jobs);
        Compute(jobs);
        for (var from = 0; from < jobs.Length;)
        {
            var end = Wanted(jobs, from, out var wanted);
            var V = Config.Vocabulary;
            var logits = _logits.Slice(0, wanted * V);
            if (wanted > 0)
                _decoder.Logits(logits, _wanted.AsSpan(0, wanted));
            for (var at = 0; from < end; at += jobs[from++].Scores * V)
                if (jobs[from].Scores > 0)
                    read(from, logits.Slice(at, jobs[from].Scores * V));
        }
    }

    private void Check(ReadOnlySpan<TokenJob> jobs)
    {
        var (rows, blocks) = (0L, 0L);
        for (var i = 0; i < jobs.Length; i++)
        {
            var (sequence, tokens, scores, _) = jobs[i];
            if (tokens.IsEmpty)
                throw new ArgumentException("A job has no token to read.");
            if (scores < 0 || scores > Math.Min(MostScores, tokens.Length))
                throw new ArgumentException(
                    $"Logits of {scores} tokens are wanted; the range is 0 to {Math.Min(MostScores, tokens.Length)}.");
            if (!ReferenceEquals(sequence.Cache, Cache))
                throw new ArgumentException("A sequence belongs to another cache.");
            if (sequence.Length + (long)tokens.Length > Context)
                throw new ArgumentException(
                    $"{tokens.Length} tokens after {sequence.Length} do not fit a context of {Context}.");
            for (var other = 0; other < i; other++)
                if (ReferenceEquals(jobs[other].Sequence, sequence))
                    throw new ArgumentException("A sequence stands twice in a step.");
            foreach (var token in tokens.Span)
                if ((uint)token >= (uint)Config.Vocabulary)
                    throw new ArgumentException($"Token {token} is outside the vocabulary of {Config.Vocabulary}.");
            rows += tokens.Length;
            blocks += sequence.BlocksToAppend(tokens.Length);
        }

        if (rows > Rows)
            throw new ArgumentException($"{rows} tokens in a step; the most are {Rows}.");
        if (blocks > Cache.Available)
            throw new KvMemoryException(
                $"{rows} more tokens of {jobs.Length} sequences need {blocks} KV blocks; {Cache.Available} of " +
                $"{Cache.Store.Blocks} can be had. End a sequence, or give the cache more memory.");
    }

    private void Compute(ReadOnlySpan<TokenJob> jobs)
    {
        if (_runs.Length < jobs.Length)
            _runs = new DecoderRun[2 * jobs.Length];
        var (rows, blocks, watched) = (0, 0, false);
        var appended = 0;
        try
        {
            for (; appended < jobs.Length; appended++)
            {
                var (sequence, tokens, _, watch) = jobs[appended];
                var past = sequence.Length;
                sequence.Append(tokens.Span);
                tokens.CopyTo(_tokens.AsMemory(rows));
                _runs[appended] = new DecoderRun(past, tokens.Length, sequence.Blocks, sequence.Domain.Adapter);
                rows += tokens.Length;
                blocks += sequence.Blocks.Length;
                watched |= watch;
            }

            if (watched && _mass.Length < blocks)
                _mass = new float[2 * blocks];
            var mass = watched ? _mass.AsSpan(0, blocks) : default;
            _decoder.Forward(_tokens.AsSpan(0, rows), _runs.AsSpan(0, jobs.Length), Cache.Store, mass);
        }
        catch
        {
            // Nothing was learned: the sequences are what they were.
            for (var i = 0; i < appended; i++)
                jobs[i].Sequence.Truncate(_runs[i].Past);
            throw;
        }

        blocks = 0;
        foreach (var job in jobs)
        {
            job.Sequence.Computed();
            var count = job.Sequence.Blocks.Length;
            if (job.Watched)
                job.Sequence.Attended(_mass.AsSpan(blocks, count));
            blocks += count;
        }

        ComputedRows += rows;
    }

    // The rows of as many jobs from one on as fit the memory of logits; returns the job after them.
    private int Wanted(ReadOnlySpan<TokenJob> jobs, int from, out int wanted)
    {
        wanted = 0;
        var row = 0;
        for (var i = 0; i < from; i++)
            row += jobs[i].Tokens.Length;
        for (; from < jobs.Length && wanted + jobs[from].Scores <= MostScores; from++)
        {
            row += jobs[from].Tokens.Length;
            for (var i = jobs[from].Scores; i > 0; i--)
                _wanted[wanted++] = row - i;
        }

        return from;
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _logits.Dispose();
    }
}
