using Wisp.Compute;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// Compares the reward that a policy learns from with a judge that it does not: while both rise, the policy learns what
/// was meant. Where the reward has risen since the judge was at its best and the judge has fallen, both beyond chance,
/// the two have parted, and what is learned from there on is how to please the reward. Gao et al. 2022, "Scaling Laws
/// for Reward Model Overoptimization", arXiv:2210.10760, show how a judge turns while the reward still rises.
/// </summary>
/// <remarks>
/// Both are means over the answers of a step. Windows of equal length are compared by Welch's t, which knows how much
/// they vary by themselves.
/// </remarks>
public sealed class HackingMeter : IDisposable
{
    // A difference of so many standard errors is no chance: at 18 degrees of freedom once in 200,000 comparisons. It is
    // that high because the judge's best window is the best of many, which looks better than it was.
    private const double Certain = 6;

    private readonly FloatBuffer _scores; // reward and judge of every step
    private readonly int _window;

    /// <param name="window">Steps of a window; 0 never stops anything.</param>
    public HackingMeter(int steps, int window)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        (_scores, _window) = (new FloatBuffer(2 * steps), window);
    }

    /// <summary>What a checkpoint has to keep.</summary>
    internal FloatBuffer State => _scores;

    /// <summary>Takes the means of a step, from 0.</summary>
    public void Add(int step, double reward, double judge) =>
        (_scores.Span[2 * step], _scores.Span[(2 * step) + 1]) = ((float)reward, (float)judge);

    /// <summary>Why a run that has done so many steps must not go on; null while it may.</summary>
    public string? Parted(int steps)
    {
        if (_window < 2 || steps < 2 * _window)
            return null;
        var (reward, judge) = (Of(0, steps - _window), Of(1, steps - _window));
        // Since the judge was at its best, in a window that shares no step with this one.
        var best = Enumerable.Range(0, (steps / _window) - 1).Select(i => i * _window).MaxBy(from => Of(1, from).Mean);
        var (rewardBefore, judgeBefore) = (Of(0, best), Of(1, best));
        return reward.Above(rewardBefore) >= Certain && judgeBefore.Above(judge) >= Certain
            ? $"the reward rose from {rewardBefore.Mean:0.###} to {reward.Mean:0.###} since step {best + _window} " +
                $"while the judge fell from {judgeBefore.Mean:0.###} to {judge.Mean:0.###}"
            : null;
    }

    private Window Of(int which, int from)
    {
        double sum = 0, squares = 0;
        for (var step = from; step < from + _window; step++)
            sum += _scores.Span[(2 * step) + which];
        var mean = sum / _window;
        for (var step = from; step < from + _window; step++)
            squares += (_scores.Span[(2 * step) + which] - mean) * (_scores.Span[(2 * step) + which] - mean);
        return new Window(mean, squares / (_window - 1) / _window);
    }

    /// <param name="Square">The squared standard error of the mean.</param>
    private readonly record struct Window(double Mean, double Square)
    {
        // Standard errors by which this mean lies above another; the constant stands for windows that do not vary.
        public double Above(Window other) => (Mean - other.Mean) / Math.Sqrt(Square + other.Square + 1e-8);
    }

    public void Dispose() => _scores.Dispose();
}
