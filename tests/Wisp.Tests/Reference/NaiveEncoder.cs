using Wisp.Tests.Model;

namespace Wisp.Tests.Reference;

/// <summary>An encoder from its definition, in float64, one token at a time, with the tensors by name.</summary>
internal sealed class NaiveEncoder(TinyEncoder model)
{
    private const int C = TinyEncoder.Width, H = TinyEncoder.Heads, D = C / H;

    private const double Epsilon = 1e-12f;

    /// <summary>The last layer's rows, one a token.</summary>
    public double[][] Rows(int[] tokens)
    {
        double[][] x = [.. tokens.Select((token, t) => Norm("token_embd_norm",
            Sum(Sum(Row("token_embd", token), Row("token_types", 0)),
                Has("position_embd.weight") ? Row("position_embd", t) : new double[C])))];
        for (var l = 0; l < TinyEncoder.Layers; l++)
            x = Layer($"blk.{l}.", x);
        return x;
    }

    public double Score(int[] tokens) =>
        Product("cls.output", [.. Product("cls", Rows(tokens)[0]).Select(Math.Tanh)])[0];

    private double[][] Layer(string at, double[][] x)
    {
        var turned = !Has("position_embd.weight");
        double[][] q = new double[x.Length][], k = new double[x.Length][], v = new double[x.Length][];
        for (var t = 0; t < x.Length; t++)
        {
            double[] all = Has($"{at}attn_qkv.weight") ? Product($"{at}attn_qkv", x[t])
                : [.. Product($"{at}attn_q", x[t]), .. Product($"{at}attn_k", x[t]), .. Product($"{at}attn_v", x[t])];
            (q[t], k[t], v[t]) = (all[..C], all[C..(2 * C)], all[(2 * C)..]);
            if (turned)
                (q[t], k[t]) = (Turn(q[t], t), Turn(k[t], t));
        }

        return [.. x.Select((row, t) =>
        {
            var mixed = new double[C];
            for (var h = 0; h < H; h++)
            {
                double[] e = [.. k.Select(key => Math.Exp(
                    Enumerable.Range(h * D, D).Sum(d => q[t][d] * key[d]) / Math.Sqrt(D)))];
                for (var d = h * D; d < (h + 1) * D; d++)
                    mixed[d] = e.Select((weight, j) => weight * v[j][d]).Sum() / e.Sum();
            }

            var m = Norm($"{at}attn_output_norm", Sum(row, Product($"{at}attn_output", mixed)));
            double[] up = Product($"{at}ffn_up", m), middle = Has($"{at}ffn_gate.weight")
                ? [.. Product($"{at}ffn_gate", m).Zip(up, (z, u) => z / (1 + Math.Exp(-z)) * u)]
                : [.. up.Select(Gelu)];
            return Norm($"{at}layer_output_norm", Sum(m, Product($"{at}ffn_down", middle)));
        })];
    }

    // Pairs (d, d + D/2) of a head by the angle t·θ^(−2d/D).
    private static double[] Turn(double[] x, int t)
    {
        var y = new double[C];
        for (var h = 0; h < H; h++)
            for (var d = 0; d < D / 2; d++)
            {
                var angle = t * Math.Pow(1000, -2.0 * d / D);
                int a = (h * D) + d, b = a + (D / 2);
                y[a] = (x[a] * Math.Cos(angle)) - (x[b] * Math.Sin(angle));
                y[b] = (x[a] * Math.Sin(angle)) + (x[b] * Math.Cos(angle));
            }

        return y;
    }

    private static double Gelu(double z) =>
        z * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (z + (0.044715 * z * z * z)))) / 2;

    private double[] Norm(string name, double[] x)
    {
        var mean = x.Average();
        var variance = x.Average(z => (z - mean) * (z - mean));
        float[] gain = model.Tensors[$"{name}.weight"].Values, bias = model.Tensors[$"{name}.bias"].Values;
        return [.. x.Select((z, c) => ((z - mean) / Math.Sqrt(variance + Epsilon) * gain[c]) + bias[c])];
    }

    private double[] Product(string name, double[] x)
    {
        var w = model.Tensors[$"{name}.weight"].Values;
        var bias = Has($"{name}.bias") ? model.Tensors[$"{name}.bias"].Values : new float[w.Length / x.Length];
        return [.. bias.Select((b, r) => b + x.Select((z, c) => z * w[(r * x.Length) + c]).Sum())];
    }

    private double[] Row(string name, int row) =>
        Sample.Wide(model.Tensors[$"{name}.weight"].Values.AsSpan(row * C, C));

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private bool Has(string name) => model.Tensors.ContainsKey(name);
}
