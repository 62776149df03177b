namespace Wisp.Train;

/// <summary>The curve of the warm-down, from 1 to 0 as u goes from 0 to 1.</summary>
public enum WarmDown
{
    /// <summary>1 − u</summary>
    Linear,

    /// <summary>1 − √u. Hägele et al. 2024, arXiv:2405.18392, section 4.2.</summary>
    Sqrt,

    /// <summary>(1 + cos πu)/2. Loshchilov and Hutter 2017, "SGDR", arXiv:1608.03983, eq. 5.</summary>
    Cosine,
}

/// <summary>
/// Learning rate by step: linear warm-up, a constant stretch, then the warm-down to a final rate. With a warm-down over
/// everything after the warm-up it is the classic cosine or linear schedule.
/// </summary>
/// <remarks>
/// Steps count from 0. Warm-up: peak·(s+1)/warmup, so step 0 already learns and step warmup−1 is at the peak.
/// Warm-down: final + (peak − final)·curve(u) with u = (s − start)/length, so its first step is still at the peak and
/// step <see cref="Steps"/> would be the first at the final rate. Where the two do not fit into the steps, the
/// warm-down is shortened: a run that skips its warm-up can diverge.
/// </remarks>
public readonly record struct LearningRate(
    double Peak, double Final, int Steps, int WarmUpSteps, int WarmDownSteps, WarmDown Curve = WarmDown.Linear)
{
    /// <summary>The schedule of a budget, its parts given as fractions of the steps.</summary>
    /// <param name="finalFraction">The final rate as a fraction of the peak.</param>
    public static LearningRate Of(
        double peak, int steps, double warmUpFraction, double warmDownFraction, double finalFraction,
        WarmDown curve = WarmDown.Linear)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        RequireFraction(warmUpFraction, nameof(warmUpFraction));
        RequireFraction(warmDownFraction, nameof(warmDownFraction));
        RequireFraction(finalFraction, nameof(finalFraction));
        return new LearningRate(
            peak, peak * finalFraction, steps, (int)Math.Round(steps * warmUpFraction),
            (int)Math.Round(steps * warmDownFraction), curve);
    }

    public int WarmUpSteps { get; } = Math.Clamp(WarmUpSteps, 0, Math.Max(0, Steps));

    public int WarmDownSteps { get; } =
        Math.Clamp(WarmDownSteps, 0, Math.Max(0, Steps - Math.Max(0, WarmUpSteps)));

    /// <summary>The first step of the warm-down.</summary>
    public int WarmDownStart => Steps - WarmDownSteps;

    /// <summary>The rate of a step, counted from 0.</summary>
    public double At(int step)
    {
        if (step < WarmUpSteps)
            return Peak * (step + 1) / WarmUpSteps;
        if (step >= Steps)
            return Final;
        if (step < WarmDownStart)
            return Peak;

        var u = (double)(step - WarmDownStart) / WarmDownSteps;
        var curve = Curve switch
        {
            WarmDown.Linear => 1 - u,
            WarmDown.Sqrt => 1 - Math.Sqrt(u),
            WarmDown.Cosine => (1 + Math.Cos(Math.PI * u)) / 2,
            _ => throw new ArgumentOutOfRangeException(nameof(step), Curve, "There is no such curve."),
        };
        return Final + (Peak - Final) * curve;
    }

    private static void RequireFraction(double value, string name)
    {
        if (!(value is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(name, value, "A fraction lies between 0 and 1.");
    }
}
