using Wisp.Compute;

namespace Wisp.Tests.Reference;

/// <summary>Attention and its gradient from the definition, in float64, one query at a time.</summary>
internal static class NaiveAttention
{
    public sealed record Result(double[] O, double[] Lse, double[] Dq, double[] Dk, double[] Dv);

    public static Result Run(double[] q, double[] k, double[] v, double[] dO, int[] starts, AttentionShape s)
    {
        var r = new Result(
            new double[q.Length], new double[s.B * s.H * s.Tq], new double[q.Length], new double[k.Length],
            new double[v.Length]);
        var scale = 1 / Math.Sqrt(s.D);
        for (var b = 0; b < s.B; b++)
            for (var h = 0; h < s.H; h++)
                for (var i = 0; i < s.Tq; i++)
                {
                    var position = s.Tk - s.Tq + i;
                    var first = starts.Length == 0 ? 0 : starts[(b * s.Tk) + position];
                    var qi = (((b * s.Tq) + i) * s.H + h) * s.D;
                    int Key(int j) => (((b * s.Tk) + j) * s.K + (h / (s.H / s.K))) * s.D;

                    var p = new double[s.Tk];
                    for (var j = first; j <= position; j++)
                        for (var d = 0; d < s.D; d++)
                            p[j] += q[qi + d] * k[Key(j) + d] * scale;
                    var max = p[first..(position + 1)].Max();
                    var sum = 0.0;
                    for (var j = first; j <= position; j++)
                        sum += Math.Exp(p[j] - max);
                    r.Lse[(((b * s.H) + h) * s.Tq) + i] = max + Math.Log(sum);
                    for (var j = first; j <= position; j++)
                        p[j] = Math.Exp(p[j] - max) / sum;

                    var dp = new double[s.Tk];
                    var mean = 0.0;
                    for (var j = first; j <= position; j++)
                    {
                        for (var d = 0; d < s.D; d++)
                        {
                            r.O[qi + d] += p[j] * v[Key(j) + d];
                            r.Dv[Key(j) + d] += p[j] * dO[qi + d];
                            dp[j] += dO[qi + d] * v[Key(j) + d];
                        }

                        mean += p[j] * dp[j];
                    }

                    for (var j = first; j <= position; j++)
                        for (var d = 0; d < s.D; d++)
                        {
                            var ds = p[j] * (dp[j] - mean) * scale;
                            r.Dq[qi + d] += ds * k[Key(j) + d];
                            r.Dk[Key(j) + d] += ds * q[qi + d];
                        }
                }

        return r;
    }
}
