using Wisp.Run;

namespace Wisp.Tests.Reference;

/// <summary>The definition of <see cref="Sampling"/>, step by step in float64 over whole lists.</summary>
internal static class NaiveSampling
{
    /// <summary>One probability for each token of the vocabulary, 0 for those that were cut.</summary>
    /// <param name="xtc">Whether the coin of XTC fell so that it acts.</param>
    public static double[] Distribution(
        ReadOnlySpan<float> logits, ReadOnlySpan<int> history, Sampling sampling, bool xtc = true)
    {
        var (z, past) = (Sample.Wide(logits), history.ToArray());
        foreach (var (id, bias) in sampling.LogitBias)
            z[id] += bias;
        // Best first; OrderBy is stable, so of equals the lower id.
        List<int> ids = [.. Enumerable.Range(0, z.Length).Where(id => z[id] > double.NegativeInfinity)];
        foreach (var step in sampling.Order)
        {
            ids = [.. ids.Order().OrderByDescending(id => z[id])];
            ids = step switch
            {
                SamplerStep.Penalties => Rescored(ids, () => Penalise(z, past, sampling)),
                SamplerStep.Dry => Rescored(ids, () => Dry(z, past, sampling)),
                _ when sampling.Temperature == 0 => ids,
                SamplerStep.TopNSigma => TopNSigma(ids, z, sampling.TopNSigma),
                SamplerStep.TopK => sampling.TopK > 0 ? [.. ids.Take(sampling.TopK)] : ids,
                SamplerStep.TypicalP => Typical(ids, z, sampling.TypicalP, sampling.MinKeep),
                SamplerStep.TopP => TopP(ids, z, sampling.TopP, sampling.MinKeep),
                SamplerStep.MinP => [.. ids.Where((id, i) =>
                    i < sampling.MinKeep || Math.Exp(z[id] - z[ids[0]]) >= sampling.MinP)],
                SamplerStep.Xtc => xtc ? Xtc(ids, z, sampling) : ids,
                SamplerStep.Temperature => Rescored(ids, () => Temper(ids, z, sampling)),
                _ => throw new ArgumentException($"no definition of {step}"),
            };
        }

        var result = new double[z.Length];
        if (sampling.Temperature == 0)
        {
            result[ids.Order().MaxBy(id => z[id])] = 1;
            return result;
        }

        var p = Softmax(ids.Select(id => z[id]));
        for (var i = 0; i < ids.Count; i++)
            result[ids[i]] = p[i];
        return result;
    }

    public static double[] Softmax(IEnumerable<double> scores)
    {
        var x = scores.ToArray();
        var max = x.Max();
        var powers = x.Select(score => Math.Exp(score - max)).ToArray();
        var sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }

    /// <summary>How many tokens before a place of the history are those at its end, compared one by one.</summary>
    private static int MatchLength(int[] history, int end)
    {
        var n = 0;
        while (n < end && history[end - 1 - n] == history[history.Length - 1 - n])
            n++;
        return n;
    }

    private static List<int> Rescored(List<int> ids, Action rescore)
    {
        rescore();
        return ids;
    }

    private static void Penalise(double[] z, int[] history, Sampling sampling)
    {
        foreach (var group in history.TakeLast(sampling.PenaltyWindow).GroupBy(id => id))
        {
            ref var score = ref z[group.Key];
            score = score <= 0 ? score * sampling.RepeatPenalty : score / sampling.RepeatPenalty;
            score -= group.Count() * (double)sampling.FrequencyPenalty + sampling.PresencePenalty;
        }
    }

    // Without breakers: those are tested where they are found.
    private static void Dry(double[] z, int[] history, Sampling sampling)
    {
        int[] window = [.. history.TakeLast(sampling.DryWindow)];
        if (sampling.DryMultiplier == 0 || window.Length <= sampling.DryAllowedLength)
            return;
        foreach (var follower in Enumerable.Range(1, window.Length - 1).GroupBy(end => window[end]))
            if (follower.Max(end => MatchLength(window, end)) is var n && n >= sampling.DryAllowedLength)
                z[follower.Key] -= sampling.DryMultiplier * Math.Pow(sampling.DryBase, n - sampling.DryAllowedLength);
    }

    private static List<int> TopNSigma(List<int> ids, double[] z, float n)
    {
        var mean = ids.Average(id => z[id]);
        var deviation = Math.Sqrt(ids.Average(id => (z[id] - mean) * (z[id] - mean)));
        return n > 0 ? [.. ids.Where(id => z[id] >= z[ids[0]] - n * deviation)] : ids;
    }

    private static List<int> Typical(List<int> ids, double[] z, float mass, int minKeep)
    {
        var p = ids.Zip(Softmax(ids.Select(id => z[id]))).ToDictionary();
        var entropy = p.Values.Sum(x => x > 0 ? -x * Math.Log(x) : 0);
        List<int> order = [.. ids.Order().OrderBy(id => Math.Abs(-Math.Log(p[id]) - entropy))];
        var (kept, sum) = (0, 0.0);
        while (kept < order.Count && (sum <= mass || kept < minKeep))
            sum += p[order[kept++]];
        return mass < 1 ? [.. order.Take(kept)] : ids;
    }

    private static List<int> TopP(List<int> ids, double[] z, float share, int minKeep)
    {
        var p = Softmax(ids.Select(id => z[id]));
        var (kept, sum) = (0, 0.0);
        while (kept == 0 || (kept < p.Length && (sum < share || kept < minKeep)))
            sum += p[kept++];
        return share < 1 ? [.. ids.Take(kept)] : ids;
    }

    private static List<int> Xtc(List<int> ids, double[] z, Sampling sampling)
    {
        var obvious = Softmax(ids.Select(id => z[id])).Count(x => x >= sampling.XtcThreshold);
        var drop = sampling.XtcProbability > 0 && sampling.XtcThreshold <= 0.5f && obvious > 1
            && ids.Count - (obvious - 1) >= sampling.MinKeep ? obvious - 1 : 0;
        return [.. ids.Skip(drop)];
    }

    private static void Temper(List<int> ids, double[] z, Sampling sampling)
    {
        double temperature = sampling.Temperature;
        if (sampling.DynamicRange > 0 && ids.Count > 1)
        {
            var entropy = Softmax(ids.Select(id => z[id])).Sum(x => x > 0 ? -x * Math.Log(x) : 0);
            var low = Math.Max(0, temperature - sampling.DynamicRange);
            temperature = low + (temperature + sampling.DynamicRange - low)
                * Math.Pow(entropy / Math.Log(ids.Count), sampling.DynamicExponent);
        }

        foreach (var id in ids)
            z[id] /= temperature;
    }
}
