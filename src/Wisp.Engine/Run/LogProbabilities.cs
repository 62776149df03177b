using Wisp.Compute;
using Wisp.Run.Chain;

namespace Wisp.Run;

/// <summary>How likely the model itself finds a token: ln p, in nats.</summary>
public readonly record struct TokenScore(int Token, float LogProbability);

/// <summary>
/// The logarithm of softmax over the raw logits, before any bias, penalty, mask or temperature:
/// ln p = z − max − ln Σ exp(z − max). For the token that was chosen and for the most likely ones.
/// </summary>
public sealed class LogProbabilities
{
    private readonly TopSelection _selection;
    private readonly float[] _powers;
    private readonly TokenScore[] _best;

    /// <param name="alternatives">How many of the most likely tokens to give; 0 gives none.</param>
    public LogProbabilities(int vocabularySize, int alternatives)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        ArgumentOutOfRangeException.ThrowIfNegative(alternatives);
        _selection = new TopSelection(vocabularySize);
        _powers = new float[vocabularySize];
        _best = new TokenScore[Math.Min(alternatives, vocabularySize)];
    }

    /// <summary>The score of a token; the most likely tokens, best first, are valid until the next call.</summary>
    public TokenScore Read(ReadOnlySpan<float> logits, int chosen, out ReadOnlySpan<TokenScore> best)
    {
        var max = _selection.Max(logits);
        var normaliser = max + Math.Log(LogitScan.Exp(_powers, logits, max));
        var count = 0;
        foreach (var rank in _best.Length > 0 ? _selection.Best(logits, _best.Length) : default)
            _best[count++] = Score(logits, TopSelection.IdOf(rank), normaliser);
        best = _best.AsSpan(0, count);
        return Score(logits, chosen, normaliser);
    }

    private static TokenScore Score(ReadOnlySpan<float> logits, int id, double normaliser) =>
        new(id, (float)(logits[id] - normaliser));
}
