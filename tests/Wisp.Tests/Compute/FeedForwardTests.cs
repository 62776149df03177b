using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class FeedForwardTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(1, 1), InlineData(7, 16), InlineData(3, 65), InlineData(300, 33)]
    public void Every_activation_is_its_definition(int N, int F)
    {
        foreach (var activation in Enum.GetValues<Activation>())
        {
            float[] input = Sample.Normal(N * 2 * F, 1, 4), h = new float[N * F];
            FeedForward.Gated(_pool, h, input, F, activation);
            var gated = new double[N * F];
            for (var i = 0; i < gated.Length; i++)
            {
                var at = (i / F * 2 * F) + (i % F);
                gated[i] = Naive(activation, input[at]) * input[at + F];
            }

            // exp to 1.3 ulp, then some five roundings.
            Check.Close(gated, h, 10 * Check.Eps, $"gated {activation}");
            FeedForward.Plain(_pool, h, input.AsSpan(0, N * F), F, activation);
            double[] plain = [.. input.Take(N * F).Select(z => Naive(activation, z))];
            Check.Close(plain, h, 10 * Check.Eps, $"plain {activation}");
        }
    }

    [Fact]
    public void Gated_silu_is_the_SwiGlu_of_training()
    {
        float[] input = Sample.Normal(5 * 2 * 65, 2), a = new float[5 * 65], b = new float[5 * 65];
        FeedForward.Gated(_pool, a, input, 65, Activation.Silu);
        SwiGlu.Forward(_pool, b, input, 65);
        Assert.Equal(b, a);
    }

    private static double Naive(Activation activation, double z) => activation switch
    {
        Activation.Silu => z / (1 + Math.Exp(-z)),
        Activation.Gelu => 0.5 * z * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (z + (0.044715 * z * z * z)))),
        _ => Math.Max(z, 0) * Math.Max(z, 0),
    };
}
