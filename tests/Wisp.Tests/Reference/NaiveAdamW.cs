namespace Wisp.Tests.Reference;

/// <summary>One step of AdamW in float64, in place.</summary>
internal static class NaiveAdamW
{
    public static void Step(
        double[] p, double[] m, double[] v, double[] g, double lr, double beta1, double beta2, double eps,
        double weightDecay, int step)
    {
        for (var i = 0; i < p.Length; i++)
        {
            p[i] -= lr * weightDecay * p[i];
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            var unbiasedM = m[i] / (1 - Math.Pow(beta1, step));
            var unbiasedV = v[i] / (1 - Math.Pow(beta2, step));
            p[i] -= lr * unbiasedM / (Math.Sqrt(unbiasedV) + eps);
        }
    }
}
