using Wisp.Compute;
using Wisp.Model;
using Wisp.Run.Chain;

namespace Wisp.Run;

/// <summary>
/// Picks tokens by <see cref="Sampling"/>. One sampler belongs to one running text: it holds the generator, what
/// mirostat has learned and the scratch memory, so that a pick allocates nothing.
/// </summary>
/// <remarks>
/// Equal logits rank by id, the lower first. A draw walks the survivors by ascending id, so a seed gives the same text
/// wherever the logits are the same. Logits of -∞ are never picked.
/// A mask, such as a grammar's, has a bit for each token, that of token i being bit i % 64 of word i / 64. Tokens whose
/// bit is 0 are out before everything else, so the others keep the distribution that they have among themselves.
/// </remarks>
public sealed class Sampler
{
    private readonly Sampling _sampling;
    private readonly SamplerStep[] _order;
    private readonly (int Id, float Bias)[] _biases;
    private readonly Candidates _candidates;
    private readonly float[] _probabilities; // (V), of the survivors
    private readonly Penalties? _penalties;
    private readonly Dry? _dry;
    private readonly Mirostat? _mirostat;
    private SplitMix64 _random;

    /// <summary>A sampler for the vocabulary of a tokenizer.</summary>
    public Sampler(Sampling sampling, ulong seed, Tokenizer tokenizer)
        : this(sampling, seed, tokenizer.VocabularySize,
            sampling.HasDry ? SequenceBreakers.Of(tokenizer, sampling.DryBreakers) : null)
    {
    }

    /// <param name="breakers">What <see cref="Sampling.DryBreakers"/> are in the vocabulary; DRY needs it.</param>
    public Sampler(Sampling sampling, ulong seed, int vocabularySize, SequenceBreakers? breakers = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        sampling.Check();
        foreach (var id in sampling.LogitBias.Keys)
            if ((uint)id >= (uint)vocabularySize)
                throw new ArgumentException($"A bias is for token {id}; the vocabulary has {vocabularySize}.");
        _sampling = sampling;
        _order = [.. sampling.Order];
        _biases = [.. sampling.LogitBias.Select(pair => (pair.Key, pair.Value))];
        _random = new SplitMix64(seed);
        _candidates = new Candidates(vocabularySize);
        _probabilities = new float[vocabularySize];
        if (sampling.HasPenalties)
            _penalties = new Penalties(vocabularySize);
        if (sampling.HasDry)
            _dry = new Dry(vocabularySize, breakers ?? (sampling.DryBreakers.Count == 0 ? SequenceBreakers.None
                : throw new ArgumentException("DRY has breakers, and without a tokenizer nobody can find them.")));
        if (sampling.Mirostat > 0 && !sampling.IsGreedy)
            _mirostat = new Mirostat(sampling);
    }

    /// <summary>Mirostat's limit μ.</summary>
    internal float Limit
    {
        get => _mirostat!.Limit;
        set => _mirostat!.Limit = value;
    }

    /// <summary>The score of a token after all steps of the last call.</summary>
    internal float ScoreOf(int id) => _candidates[id];

    /// <summary>Picks the next token.</summary>
    /// <param name="logits">(V), one score a token.</param>
    /// <param name="history">The tokens so far, oldest first; only penalties and DRY look at them.</param>
    /// <param name="allowed">A bit a token in ⌈V/64⌉ words; empty allows all.</param>
    public int Pick(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, ReadOnlySpan<ulong> allowed = default)
    {
        if (_sampling.IsGreedy)
            return PickBest(logits, history, allowed);

        var survivors = Distribution(ref _random, logits, history, allowed);
        var coin = _random.NextUnit();
        var picked = 0;
        // The probabilities may add up to a hair less than the coin.
        while (picked + 1 < survivors.Ids.Length && (coin -= survivors.Probabilities[picked]) >= 0)
            picked++;
        _mirostat?.Learn(survivors.Probabilities[picked]);
        return survivors.Ids[picked];
    }

    /// <summary>
    /// The distribution that the next <see cref="Pick"/> draws from. Draws nothing itself; valid until the next call.
    /// </summary>
    public Survivors Distribution(
        ReadOnlySpan<float> logits, ReadOnlySpan<int> history, ReadOnlySpan<ulong> allowed = default)
    {
        if (_sampling.IsGreedy)
        {
            _candidates.Only(PickBest(logits, history, allowed));
            return Survivors();
        }

        var random = _random; // a copy: XTC's coin is the one that the pick will throw
        return Distribution(ref random, logits, history, allowed);
    }

    private int PickBest(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, ReadOnlySpan<ulong> allowed)
    {
        Load(logits, history, allowed);
        foreach (var step in _order)
            if (step is SamplerStep.Penalties or SamplerStep.Dry)
                Score(step, history);
        return _candidates.Best();
    }

    private Survivors Distribution(
        scoped ref SplitMix64 random, ReadOnlySpan<float> logits, ReadOnlySpan<int> history,
        ReadOnlySpan<ulong> allowed)
    {
        Load(logits, history, allowed);
        if (_mirostat is not null)
        {
            Cut(SamplerStep.Temperature, ref random);
            _mirostat.Cut(_candidates);
            return Survivors();
        }

        foreach (var step in _order)
            if (step is SamplerStep.Penalties or SamplerStep.Dry)
                Score(step, history);
            else
                Cut(step, ref random);
        return Survivors();
    }

    private void Load(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, ReadOnlySpan<ulong> allowed)
    {
        _candidates.Load(logits, allowed);
        foreach (var (id, bias) in _biases)
            if (float.IsNegativeInfinity(bias))
                _candidates.Forbid(id);
            else
                _candidates.Rescore(id, _candidates[id] + bias);
        if (float.IsNegativeInfinity(_candidates.Max()))
            throw new ArgumentException("All logits are -∞ or masked: no token is left to pick.", nameof(logits));
        if (_penalties is null && _dry is null)
            return;
        foreach (var id in history)
            if ((uint)id >= (uint)_candidates.VocabularySize)
                throw new ArgumentException(
                    $"The history holds token {id}; the vocabulary has {_candidates.VocabularySize}.");
    }

    private void Score(SamplerStep step, ReadOnlySpan<int> history)
    {
        if (step == SamplerStep.Penalties)
            _penalties?.Apply(_candidates, history, _sampling);
        else
            _dry?.Apply(_candidates, history, _sampling);
    }

    private void Cut(SamplerStep step, ref SplitMix64 random)
    {
        var minKeep = _sampling.MinKeep;
        switch (step)
        {
            case SamplerStep.TopNSigma:
                Cuts.TopNSigma(_candidates, _sampling.TopNSigma);
                break;
            case SamplerStep.TopK:
                Cuts.TopK(_candidates, _sampling.TopK);
                break;
            case SamplerStep.TypicalP:
                Typical.Apply(_candidates, _sampling.TypicalP, minKeep);
                break;
            case SamplerStep.TopP:
                Cuts.TopP(_candidates, _sampling.TopP, minKeep);
                break;
            case SamplerStep.MinP:
                Cuts.MinP(_candidates, _sampling.MinP, minKeep);
                break;
            case SamplerStep.Xtc when _sampling.XtcProbability > 0:
                if (random.NextUnit() < _sampling.XtcProbability)
                    Cuts.Xtc(_candidates, _sampling.XtcThreshold, minKeep);
                break;
            case SamplerStep.Temperature:
                Temperature.Apply(
                    _candidates, _sampling.Temperature, _sampling.DynamicRange, _sampling.DynamicExponent);
                break;
        }
    }

    private Survivors Survivors()
    {
        var ids = _candidates.ById();
        var powers = _candidates.Powers(out var sum);
        var probabilities = _probabilities.AsSpan(0, ids.Length);
        for (var i = 0; i < ids.Length; i++)
            probabilities[i] = (float)(powers[i] / sum);
        return new Survivors(ids, probabilities);
    }
}

/// <summary>What is left after all cuts: ids, ascending, and their probabilities, which add up to 1.</summary>
public readonly ref struct Survivors(ReadOnlySpan<int> ids, ReadOnlySpan<float> probabilities)
{
    public ReadOnlySpan<int> Ids { get; } = ids;

    public ReadOnlySpan<float> Probabilities { get; } = probabilities;
}
