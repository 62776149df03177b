using System.Runtime.CompilerServices;
using Wisp.Compute;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>Makes comparisons of prompts: candidates by one model, or by two that take turns.</summary>
/// <param name="models">Each makes an equal share of the candidates.</param>
/// <param name="passed">Is told of a prompt that cannot be compared, and why.</param>
internal sealed class CandidateSampler(
    IReadOnlyList<LabelModel> models, int count, ulong seed, Action<Conversation, string> passed)
{
    // A model that is sure says the same again and again.
    private const int MostTries = 6;

    /// <summary>The comparisons of these prompts, in their order; those of no use are left out.</summary>
    /// <param name="known">Comparisons that were made before, by <see cref="Comparison.SourceKey"/>.</param>
    public async IAsyncEnumerable<Comparison> Compare(
        IReadOnlyList<Conversation> prompts, IReadOnlyDictionary<string, Comparison> known,
        [EnumeratorCancellation] CancellationToken cancel = default)
    {
        foreach (var prompt in prompts)
            if (known.TryGetValue(
                Comparison.SourceKeyOf(prompt, models.Select(model => model.Hash)), out var same))
                yield return same;
            else if (await CompareAsync(prompt, cancel).ConfigureAwait(false) is { } comparison)
                yield return comparison;
    }

    private async Task<Comparison?> CompareAsync(Conversation prompt, CancellationToken cancel)
    {
        var kept = new List<Candidate>();
        var share = count / models.Count;
        try
        {
            for (var m = 0; m < models.Count; m++)
            {
                var wanted = kept.Count + share;
                for (var tries = 0; kept.Count < wanted && tries < MostTries; tries++)
                {
                    // Those that are missing are sampled together; each has a seed that no other one had.
                    var first = (m * MostTries + tries) * count;
                    var answers = await Task.WhenAll(Enumerable.Range(first, wanted - kept.Count).Select(
                        number => models[m].AnswerAsync(prompt, SeedOf(prompt, number), cancel))).ConfigureAwait(false);
                    foreach (var answer in answers)
                        if (IsAnswer(prompt, answer) && !kept.Exists(other =>
                            Comparison.ContentOf(other.Turn) == Comparison.ContentOf(answer.Turn)))
                            kept.Add(answer);
                }

                if (kept.Count < wanted && models.Count > 1)
                {
                    passed(prompt, kept.Count == 0 ? $"{models[m].Name} gives no answer" : "both give the same answer");
                    return null;
                }
            }
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or InvalidOperationException)
        {
            passed(prompt, e.Message);
            return null;
        }

        if (kept.Count < 2)
            passed(prompt, kept.Count == 0 ? "there is no answer" : "every answer is the same");
        return kept.Count < 2 ? null : new Comparison(prompt, kept);
    }

    private static bool IsAnswer(Conversation prompt, Candidate answer)
    {
        try
        {
            _ = (prompt with { Turns = [.. prompt.Turns, answer.Turn] }).Validated("");
            return true;
        }
        catch (InvalidDataException)
        {
            return false; // empty, or a call that no program could read
        }
    }

    // Short enough to type: wisp run --seed N.
    private ulong SeedOf(Conversation prompt, int number)
    {
        var key = new SplitMix64(seed).Next() ^ Convert.ToUInt64(Comparison.KeyOf(prompt)[..16], 16);
        return new SplitMix64(key + (ulong)number).Next() % 1_000_000_000;
    }
}
