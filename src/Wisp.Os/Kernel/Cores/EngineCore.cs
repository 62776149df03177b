using Wisp.Compute;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>How much an <see cref="EngineCore"/> may take.</summary>
/// <param name="Context">Tokens of one sequence.</param>
/// <param name="CacheTokens">Tokens of all sequences whose keys and values are kept.</param>
/// <param name="Rows">Rows of one step.</param>
/// <param name="MeasuresAttention">Whether each block's share of attention is added up.</param>
public sealed record EngineCoreOptions(int Context, int CacheTokens, int Rows = 256, bool MeasuresAttention = false)
{
    public KvType Kv { get; init; } = KvType.F16;
}

/// <summary>Our own engine as a core: a decoder over keys and values that fork by reference.</summary>
public sealed class EngineCore : ITokenCore
{
    // Rows of logits in memory at once: the head's weights are read once for all of them.
    private const int LogitRows = 32;

    private readonly Decoder _decoder;
    private readonly Tokenizer _tokenizer;
    private readonly FloatBuffer _logits;
    private readonly int _vocabulary;
    private readonly bool _measures;
    private readonly HashSet<int> _ends;
    private readonly int[] _tokens;
    private DecoderRun[] _runs = [];

    /// <param name="weights">Kept alive by the caller, like the pool.</param>
    public EngineCore(DecoderWeights weights, Tokenizer tokenizer, WorkerPool pool, EngineCoreOptions options)
    {
        (_tokenizer, _vocabulary, _measures) = (tokenizer, weights.Config.Vocabulary, options.MeasuresAttention);
        (Context, Rows) = (options.Context, options.Rows);
        Kv = new KvCache(weights.Config, KvCache.BlocksFor(options.CacheTokens), options.Kv);
        _decoder = new Decoder(weights, pool, options.Rows, options.Context);
        _logits = new FloatBuffer(checked(LogitRows * _vocabulary));
        _tokens = new int[options.Rows];
        Codec = ChatCodec.Of(tokenizer);
        _ends = [.. ChatCodec.Ends(tokenizer)];
    }

    public KvCache Kv { get; }

    public PromptCodec Codec { get; }

    public int Context { get; }

    public int Rows { get; }

    public bool Ends(int token) => _ends.Contains(token);

    /// <summary>With the spelling of control tokens, for calls stand between some.</summary>
    public string Text(IReadOnlyList<int> tokens) => _tokenizer.DecodeText([.. tokens]);

    public void Step(IReadOnlyList<StepJob> jobs)
    {
        if (_runs.Length < jobs.Count)
            _runs = new DecoderRun[2 * jobs.Count];
        var rows = 0;
        for (var i = 0; i < jobs.Count; i++)
        {
            var job = jobs[i];
            var past = job.Sequence.Length;
            job.Sequence.Append(job.Feed.Span);
            job.Feed.Span.CopyTo(_tokens.AsSpan(rows));
            rows += job.Feed.Length;
            _runs[i] = new DecoderRun(past, job.Feed.Length, job.Sequence.Blocks);
        }

        var mass = _measures ? new float[_runs.Take(jobs.Count).Sum(run => run.Blocks.Length)] : [];
        _decoder.Forward(_tokens.AsSpan(0, rows), _runs.AsSpan(0, jobs.Count), Kv.Store, mass);
        var block = 0;
        for (var i = 0; i < jobs.Count; i++)
        {
            jobs[i].Sequence.Computed();
            if (!_measures)
                continue;
            jobs[i].Sequence.Attended(mass.AsSpan(block, _runs[i].Blocks.Length));
            block += _runs[i].Blocks.Length;
        }

        Pick(jobs);
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _logits.Dispose();
        Kv.Dispose();
    }

    private static bool LooksBack(Sampling sampling) => sampling.DryMultiplier > 0 || sampling.RepeatPenalty != 1
        || sampling.FrequencyPenalty != 0 || sampling.PresencePenalty != 0;

    private void Pick(IReadOnlyList<StepJob> jobs)
    {
        var (picking, rows, row) = (new List<StepJob>(), new List<int>(), -1);
        foreach (var job in jobs)
        {
            row += job.Feed.Length;
            if (!job.Picks)
                continue;
            picking.Add(job);
            rows.Add(row); // the last of its tokens
        }

        for (var from = 0; from < rows.Count; from += LogitRows)
        {
            var count = Math.Min(LogitRows, rows.Count - from);
            var logits = _logits.Slice(0, count * _vocabulary);
            _decoder.Logits(logits, [.. rows.Skip(from).Take(count)]);
            for (var i = 0; i < count; i++)
            {
                var job = picking[from + i];
                if (job.State is not Sampler sampler)
                    job.State = sampler = new Sampler(job.Sampling, job.Seed, _vocabulary);
                job.Picked = sampler.Pick(
                    logits.Slice(i * _vocabulary, _vocabulary),
                    LooksBack(job.Sampling) ? job.Sequence.CopyOfTokens() : []);
            }
        }
    }
}
