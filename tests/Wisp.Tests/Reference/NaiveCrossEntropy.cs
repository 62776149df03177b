namespace Wisp.Tests.Reference;

/// <summary>log Σ exp − the target's logit by rows, and its gradient, in float64. Target −1: zero.</summary>
internal static class NaiveCrossEntropy
{
    public static double[] Losses(double[] logits, int[] targets, int V)
    {
        var losses = new double[targets.Length];
        for (var n = 0; n < targets.Length; n++)
            if (targets[n] >= 0)
                losses[n] = LogSumExp(logits, n, V) - logits[n * V + targets[n]];
        return losses;
    }

    public static double[] Gradient(double[] logits, int[] targets, int V, double scale)
    {
        var d = new double[logits.Length];
        for (var n = 0; n < targets.Length; n++)
        {
            if (targets[n] < 0)
                continue;
            var logSumExp = LogSumExp(logits, n, V);
            for (var v = 0; v < V; v++)
                d[n * V + v] = scale * (Math.Exp(logits[n * V + v] - logSumExp) - (v == targets[n] ? 1 : 0));
        }

        return d;
    }

    private static double LogSumExp(double[] logits, int n, int V)
    {
        double max = double.NegativeInfinity, sum = 0;
        for (var v = 0; v < V; v++)
            max = Math.Max(max, logits[n * V + v]);
        for (var v = 0; v < V; v++)
            sum += Math.Exp(logits[n * V + v] - max);
        return max + Math.Log(sum);
    }
}
