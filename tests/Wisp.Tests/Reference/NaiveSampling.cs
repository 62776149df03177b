using Wisp.Run;

namespace Wisp.Tests.Reference;

/// <summary>The definition of <see cref="Sampling"/>, step by step in float64 over whole arrays.</summary>
internal static class NaiveSampling
{
    /// <summary>One probability for each token of the vocabulary, 0 for those that were cut.</summary>
    public static double[] Distribution(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, Sampling sampling)
    {
        var V = logits.Length;
        var z = Penalised(logits, history, sampling);
        var order = Enumerable.Range(0, V).OrderByDescending(id => z[id]).ToList(); // stable: the lower id of equals
        if (sampling.Temperature == 0)
            return [.. Enumerable.Range(0, V).Select(id => id == order[0] ? 1.0 : 0.0)];

        if (sampling.TopK > 0)
            order = [.. order.Take(sampling.TopK)];

        if (sampling.TopP < 1)
        {
            var p = Softmax(order.Select(id => z[id]));
            var (kept, sum) = (0, 0.0);
            while (kept == 0 || (kept < p.Length && sum < sampling.TopP))
                sum += p[kept++];
            order = [.. order.Take(kept)];
        }

        var q = Softmax(order.Select(id => z[id]));
        order = [.. order.Where((_, i) => q[i] >= sampling.MinP * q[0])];

        var final = Softmax(order.Select(id => z[id] / sampling.Temperature));
        var result = new double[V];
        for (var i = 0; i < order.Count; i++)
            result[order[i]] = final[i];
        return result;
    }

    public static double[] Penalised(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, Sampling sampling)
    {
        var z = Sample.Wide(logits);
        var window = history.ToArray().TakeLast(sampling.PenaltyWindow);
        foreach (var group in window.GroupBy(id => id))
        {
            ref var score = ref z[group.Key];
            score = score <= 0 ? score * sampling.RepeatPenalty : score / sampling.RepeatPenalty;
            score -= group.Count() * (double)sampling.FrequencyPenalty + sampling.PresencePenalty;
        }

        return z;
    }

    private static double[] Softmax(IEnumerable<double> scores)
    {
        var x = scores.ToArray();
        var max = x.Max();
        var powers = x.Select(score => Math.Exp(score - max)).ToArray();
        var sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }
}
