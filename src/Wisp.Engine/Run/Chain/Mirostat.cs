namespace Wisp.Run.Chain;

/// <summary>
/// Mirostat: holds the surprise of the text, −log₂ p a token, near a target τ by feedback. After each token the limit μ
/// moves by η times how far its surprise was off: μ ← μ − η·(−log₂ p − τ), from μ = 2τ.
/// Basu, Ramachandran, Keskar and Varshney 2021, arXiv:2007.14966, algorithm 1; version 2 is llama.cpp's simpler cut.
/// </summary>
/// <remarks>
/// Version 1 estimates the exponent s of a Zipf distribution from the most likely 100 tokens,
/// s = Σ tᵢ·bᵢ / Σ tᵢ² with tᵢ = ln((i+1)/i), bᵢ = ln(pᵢ/pᵢ₊₁), and keeps the k best with
/// k = ((s−1)·2^μ / (1 − V^(1−s)))^(1/s).
/// Version 2 keeps the tokens whose surprise is at most μ.
/// </remarks>
internal sealed class Mirostat(Sampling sampling)
{
    private const int TokensOfEstimate = 100;

    public float Limit { get; set; } = 2 * sampling.MirostatTau;

    public void Cut(Candidates candidates)
    {
        if (sampling.Mirostat == 1)
            Cuts.TopK(candidates, Zipf(candidates));
        else
            CutSurprising(candidates);
    }

    /// <summary>What the token that was picked teaches, by its probability among those that were left.</summary>
    public void Learn(float probability) =>
        Limit -= sampling.MirostatEta * (-MathF.Log2(probability) - sampling.MirostatTau);

    private int Zipf(Candidates candidates)
    {
        var best = candidates.Leading(TokensOfEstimate);
        double products = 0, squares = 0;
        for (var i = 0; i < Math.Min(TokensOfEstimate, best.Length) - 1; i++)
        {
            var t = Math.Log((i + 2.0) / (i + 1));
            products += t * (candidates[best[i]] - candidates[best[i + 1]]);
            squares += t * t;
        }

        var s = products / squares;
        var k = Math.Pow((s - 1) * Math.Pow(2, Limit) / (1 - Math.Pow(candidates.VocabularySize, 1 - s)), 1 / s);

        // For nearly equal scores the estimate is no number or has no bounds. As in llama.cpp, one token stays then.
        return k is >= 1 and <= int.MaxValue ? (int)k : 1;
    }

    private void CutSurprising(Candidates candidates)
    {
        // −log₂ p ≤ μ  ⇔  z − max ≥ ln Σ − μ·ln 2
        var floor = candidates.Max() + Math.Log(candidates.PowerSum()) - Limit * Math.Log(2);
        if (candidates.Max() >= floor)
            candidates.AtLeast((float)floor);
        else
            candidates.Only(candidates.Best());
    }
}
