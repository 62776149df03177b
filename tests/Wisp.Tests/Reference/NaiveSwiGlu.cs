namespace Wisp.Tests.Reference;

/// <summary>h = gate·σ(gate)·up in float64; gateUp holds rows of F gates and then F ups.</summary>
internal static class NaiveSwiGlu
{
    public static double[] Forward(double[] gateUp, int F)
    {
        var h = new double[gateUp.Length / 2];
        for (var i = 0; i < h.Length; i++)
        {
            var at = i / F * 2 * F + i % F;
            double gate = gateUp[at], up = gateUp[at + F];
            h[i] = gate / (1 + Math.Exp(-gate)) * up;
        }

        return h;
    }

    public static double[] Backward(double[] dh, double[] gateUp, int F)
    {
        var d = new double[gateUp.Length];
        for (var i = 0; i < dh.Length; i++)
        {
            var at = i / F * 2 * F + i % F;
            double gate = gateUp[at], up = gateUp[at + F], sigma = 1 / (1 + Math.Exp(-gate));
            d[at] = dh[i] * up * sigma * (1 + gate * (1 - sigma));
            d[at + F] = dh[i] * gate * sigma;
        }

        return d;
    }
}
