namespace Wisp.Train.Align.Policies;

/// <summary>An answer that a policy wrote to a prompt.</summary>
/// <param name="Prompt">The tokens before it.</param>
/// <param name="Ids">Its tokens, the one that ended it included where one did.</param>
/// <param name="Logs">ln π of each of them, as the engine found it.</param>
/// <param name="Ended">Whether it ended by itself, within the limit.</param>
/// <param name="Text">What it says, without control tokens.</param>
public sealed record Rollout(int[] Prompt, int[] Ids, float[] Logs, bool Ended, string Text)
{
    private const int Gram = 3;

    /// <summary>
    /// Share of the answer's runs of three tokens that it had written before: 0 for one that never repeats itself, near
    /// 1 for a loop. Of tokens, not words: writing without spaces repeats itself too.
    /// </summary>
    public double Repetition
    {
        get
        {
            var runs = Ids.Length - Gram + 1;
            if (runs < 2)
                return 0;
            var seen = new HashSet<(int, int, int)>();
            for (var i = 0; i < runs; i++)
                seen.Add((Ids[i], Ids[i + 1], Ids[i + 2]));
            return (double)(runs - seen.Count) / runs;
        }
    }

    /// <summary>Prompt and answer as a model trains on them: every token of the answer is a target.</summary>
    internal Example Example => new(
        [.. Prompt, .. Ids.AsSpan(0, Ids.Length - 1)],
        [.. Enumerable.Repeat(Compute.CrossEntropy.Ignored, Prompt.Length - 1), .. Ids]);
}
