using Wisp.Compute;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>How much an <see cref="EngineCore"/> may take.</summary>
/// <param name="Context">Tokens of one sequence, at most what the model was trained for.</param>
/// <param name="CacheTokens">Tokens of all sequences whose keys and values are kept.</param>
/// <param name="Rows">Rows of one step.</param>
/// <param name="MeasuresAttention">Whether each block's share of attention is added up.</param>
public sealed record EngineCoreOptions(int Context, int CacheTokens, int Rows = 256, bool MeasuresAttention = false)
{
    public KvType Kv { get; init; } = KvType.F16;
}

/// <summary>Our own engine as a core: its steps, with a sampler and a tokenizer around them.</summary>
public sealed class EngineCore : ITokenCore
{
    private readonly TokenCore _core;
    private readonly Tokenizer _tokenizer;
    private readonly bool _measures;
    private readonly HashSet<int> _ends;
    private TokenJob[] _step = [];

    /// <param name="weights">Kept alive by the caller, like the pool.</param>
    public EngineCore(DecoderWeights weights, Tokenizer tokenizer, WorkerPool pool, EngineCoreOptions options)
    {
        (_tokenizer, _measures) = (tokenizer, options.MeasuresAttention);
        Kv = new KvCache(weights.Config, KvCache.BlocksFor(options.CacheTokens), options.Kv);
        _core = new TokenCore(weights, pool, Kv, options.Rows, options.Context);
        Codec = ChatCodec.Of(tokenizer);
        _ends = [.. ChatCodec.Ends(tokenizer)];
    }

    public KvCache Kv { get; }

    public PromptCodec Codec { get; }

    public int Context => _core.Context;

    public int Rows => _core.Rows;

    public bool Ends(int token) => _ends.Contains(token);

    /// <summary>With the spelling of control tokens, for calls stand between some.</summary>
    public string Text(IReadOnlyList<int> tokens) => _tokenizer.DecodeText([.. tokens]);

    public void Step(IReadOnlyList<StepJob> jobs)
    {
        if (_step.Length < jobs.Count)
            _step = new TokenJob[2 * jobs.Count];
        for (var i = 0; i < jobs.Count; i++)
            _step[i] = new TokenJob(jobs[i].Sequence, jobs[i].Feed, jobs[i].Picks ? 1 : 0, _measures);
        _core.Step(_step.AsSpan(0, jobs.Count), (i, logits) =>
        {
            var job = jobs[i];
            if (job.State is not Sampler sampler)
                job.State = sampler = new Sampler(job.Sampling, job.Seed, _core.Config.Vocabulary);
            job.Picked = sampler.Pick(logits, LooksBack(job.Sampling) ? job.Sequence.CopyOfTokens() : []);
        });
    }

    public void Dispose()
    {
        _core.Dispose();
        Kv.Dispose();
    }

    private static bool LooksBack(Sampling sampling) => sampling.DryMultiplier > 0 || sampling.RepeatPenalty != 1
        || sampling.FrequencyPenalty != 0 || sampling.PresencePenalty != 0;
}
