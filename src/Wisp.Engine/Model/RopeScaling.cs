namespace Wisp.Model;

/// <summary>
/// How RoPE is stretched beyond the context a model was first trained for. Linear: all frequencies divided by Factor
/// (Chen et al. 2023, arXiv:2306.15595). YaRN: only the slow ones, with a ramp between BetaSlow and BetaFast turns over
/// the original context, and scores made sharper by a magnitude (Peng et al. 2023, arXiv:2309.00071, sections 3.2 and
/// 3.4). Factors by frequency (Llama 3, LongRoPE) come as tensors beside it.
/// </summary>
public sealed record RopeScaling(float Factor, int OriginalContext)
{
    public static readonly RopeScaling None = new(1, 0);

    public bool Yarn { get; init; }

    public float BetaFast { get; init; } = 32;

    public float BetaSlow { get; init; } = 1;

    /// <summary>Factor on what is turned, beside YaRN's own.</summary>
    public float Magnitude { get; init; } = 1;

    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public void Check()
    {
        if (!(Factor > 0 && Magnitude > 0 && BetaFast > 0 && BetaSlow > 0 && float.IsFinite(Factor + Magnitude
            + BetaFast + BetaSlow) && (!Yarn || OriginalContext > 0)))
            throw new ArgumentException($"Model configuration: RoPE cannot be scaled by {this}.");
    }

    /// <summary>Radians a position for every pair of RoPE's dimensions, and the factor on what is turned.</summary>
    /// <param name="dimensions">R: elements that RoPE turns, two a frequency.</param>
    /// <param name="factors">A divisor for each frequency; empty means 1.</param>
    public (double[] Frequencies, float Magnitude) Frequencies(
        double theta, int dimensions, ReadOnlySpan<float> factors)
    {
        var frequencies = new double[dimensions / 2];
        if (!factors.IsEmpty && factors.Length != frequencies.Length)
            throw new ArgumentException($"{factors.Length} RoPE factors for {frequencies.Length} frequencies.");
        var (fast, slow) = (Math.Max(0, Math.Floor(PairOf(BetaFast))),
            Math.Min(dimensions - 1, Math.Ceiling(PairOf(BetaSlow))));
        for (var p = 0; p < frequencies.Length; p++)
        {
            var frequency = Math.Pow(theta, -2.0 * p / dimensions) / (factors.IsEmpty ? 1 : factors[p]);
            // 1 for pairs that turn so often that they must not be stretched, 0 for those that hardly turn.
            var kept = Yarn ? 1 - Math.Clamp((p - fast) / Math.Max(0.001, slow - fast), 0, 1) : 0;
            frequencies[p] = frequency * ((kept * 1) + ((1 - kept) / Factor));
        }

        return (frequencies, Yarn ? (float)(Magnitude * (1 + (0.1 * Math.Log(Factor)))) : Magnitude);

        // The pair that makes so many full turns over the original context.
        double PairOf(double turns) => Yarn
            ? dimensions * Math.Log(OriginalContext / (turns * 2 * Math.PI)) / (2 * Math.Log(theta)) : 0;
    }
}
