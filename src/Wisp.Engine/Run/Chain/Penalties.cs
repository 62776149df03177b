namespace Wisp.Run.Chain;

/// <summary>
/// Lowers the scores of tokens among the last of the history. A token seen n times there gets z / r where z is positive
/// and z·r otherwise (Keskar et al. 2019, CTRL, arXiv:1909.05858, section 4.1), then loses n·frequency + presence.
/// </summary>
internal sealed class Penalties(int V)
{
    private readonly int[] _counts = new int[V]; // all zero between calls

    public void Apply(Candidates candidates, ReadOnlySpan<int> history, Sampling sampling)
    {
        var window = history[^Math.Min(history.Length, sampling.PenaltyWindow)..];
        foreach (var id in window)
            _counts[id]++;
        foreach (var id in window)
        {
            if (_counts[id] == 0)
                continue; // seen earlier in the window
            var score = candidates[id];
            score = score <= 0 ? score * sampling.RepeatPenalty : score / sampling.RepeatPenalty;
            candidates.Rescore(id, score - (_counts[id] * sampling.FrequencyPenalty + sampling.PresencePenalty));
            _counts[id] = 0;
        }
    }
}
