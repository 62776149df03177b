namespace Wisp.Train.Align.Losses;

/// <summary>σ(x) = 1/(1 + e⁻ˣ) and its logarithm, right to the last digits however large x is.</summary>
internal static class Logistic
{
    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    // ln σ(x) = −ln(1 + e⁻ˣ), written so that the exponential never overflows and small results keep their digits.
    public static double LogSigmoid(double x) => Math.Min(x, 0) - LogOnePlus(Math.Exp(-Math.Abs(x)));

    // ln(1 + x) for 0 ≤ x ≤ 1. Goldberg 1991, theorem 4: the error of 1 + x cancels in the quotient.
    private static double LogOnePlus(double x)
    {
        var sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * x / (sum - 1);
    }
}
