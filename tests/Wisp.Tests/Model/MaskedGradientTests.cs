using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>Positions with target -1 give no gradient, and what only they can see gives none either.</summary>
public sealed class MaskedGradientTests : IDisposable
{
    private const int B = 3, T = 12, V = 281;

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    public static TheoryData<string,
        bool> Shapes => new() { { "qwen3", true }, { "qwen3", false }, { "llama", false } };

    private (double Loss, float[] Gradient) Gradient(string architecture, bool tied, int b, int[] tokens, int[] targets)
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Named(architecture, "test"), tied));
        using var gradients = new Parameters(weights.Map);
        using var transformer = new Transformer(weights.Map, _pool, b * T, train: true);
        var loss = transformer.ForwardBackward(
            weights, gradients, TinyModel.Batch(b, T, tokens, targets), scale: 0.125f);
        Assert.Equal(-1, gradients.Values.IndexOfAny(float.NaN, float.PositiveInfinity, float.NegativeInfinity));
        return (loss, gradients.Values.ToArray());
    }

    [Theory, MemberData(nameof(Shapes))]
    public void One_counted_row_has_the_gradient_of_that_row_alone(string architecture, bool tied)
    {
        int[] tokens = TinyModel.Tokens(B * T, V, seed: 1), targets = TinyModel.Tokens(B * T, V, seed: 2);
        var masked = targets.Select((target, i) => i / T == 1 ? target : -1).ToArray();
        var (loss, gradient) = Gradient(architecture, tied, B, tokens, masked);
        var (alone, expected) = Gradient(architecture, tied, 1, tokens[T..(2 * T)], targets[T..(2 * T)]);

        // Sums run over positions in order, and zeros in them change no bit.
        Assert.Equal(alone, loss);
        Assert.True(expected.AsSpan().SequenceEqual(gradient));
        Assert.NotEqual(-1, gradient.AsSpan().IndexOfAnyExcept(0f));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Tokens_after_the_last_counted_position_are_not_seen(string architecture, bool tied)
    {
        int[] tokens = TinyModel.Tokens(B * T, V, seed: 3), targets = TinyModel.Tokens(B * T, V, seed: 4);
        for (var i = 0; i < targets.Length; i++)
            if (i % T > 4 || i / T == 2)
                targets[i] = -1;
        var (loss, gradient) = Gradient(architecture, tied, B, tokens, targets);
        var other = TinyModel.Tokens(B * T, V, seed: 5);
        for (var i = 0; i < tokens.Length; i++)
            if (targets[i] >= 0)
                other[i] = tokens[i];
        var (otherLoss, otherGradient) = Gradient(architecture, tied, B, other, targets);
        Assert.Equal(loss, otherLoss);
        Assert.True(gradient.AsSpan().SequenceEqual(otherGradient));

        // The same change one position earlier is seen.
        other[4] = (other[4] + 1) % V;
        Assert.False(gradient.AsSpan().SequenceEqual(Gradient(architecture, tied, B, other, targets).Gradient));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Nothing_counted_is_no_loss_and_no_gradient(string architecture, bool tied)
    {
        var targets = Enumerable.Repeat(-1, B * T).ToArray();
        var (loss, gradient) = Gradient(architecture, tied, B, TinyModel.Tokens(B * T, V, seed: 6), targets);
        Assert.Equal(0, loss);
        Assert.Equal(-1, gradient.AsSpan().IndexOfAnyExcept(0f));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Gradients_of_parts_add_up_to_that_of_the_whole(string architecture, bool tied)
    {
        int[] tokens = TinyModel.Tokens(B * T, V, seed: 7), targets = TinyModel.Tokens(B * T, V, seed: 8);
        var (loss, whole) = Gradient(architecture, tied, B, tokens, targets);
        var (sumLoss, sum) = (0.0, new float[whole.Length]);
        for (var row = 0; row < B; row++)
        {
            var (part, gradient) = Gradient(
                architecture, tied, 1, tokens[(row * T)..((row + 1) * T)], targets[(row * T)..((row + 1) * T)]);
            sumLoss += part;
            for (var i = 0; i < sum.Length; i++)
                sum[i] += gradient[i];
        }

        // Two orders of a sum of N = 36 products: each side strays from the exact sum by at most N·Eps·Σ|x|, and Σ|x|
        // of terms with random signs is about √N times the sum's own size: 2·36·6·Eps.
        Assert.Equal(loss, sumLoss, loss * 36 * Check.Eps);
        var map = new ParameterMap(TinyModel.Config(Architecture.Named(architecture, "test"), tied));
        foreach (var tensor in map.All)
            Check.Close(whole.AsSpan(tensor.Offset, tensor.Length), sum.AsSpan(tensor.Offset, tensor.Length),
                2 * 36 * 6 * Check.Eps, tensor.Name);
    }

    [Theory, MemberData(nameof(Shapes))]
    public void A_packed_document_has_the_logits_that_it_has_alone(string architecture, bool tied)
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Named(architecture, "test"), tied));
        using var transformer = new Transformer(weights.Map, _pool, 2 * T, train: false);
        var tokens = TinyModel.Tokens(T, V, seed: 9);
        foreach (var start in (int[])[1, 5, T - 1])
        {
            int[] starts = [.. Enumerable.Range(0, T).Select(i => i < start ? 0 : start)],
                positions = [.. Enumerable.Range(0, T).Select(i => i < start ? i : i - start)];
            float[] packed = new float[T * V], changed = new float[T * V], alone = new float[(T - start) * V];
            transformer.Logits(weights, new TokenBatch(1, T, tokens, default, positions, starts), packed);
            transformer.Logits(weights, TinyModel.Batch(1, T - start, tokens[start..], []), alone);

            // The golden README's bound of ten times the error of float32, as in TransformerGoldenTests.
            Check.Close(alone, packed.AsSpan(start * V), 2e-5, $"document at {start}");

            // What stands in the document before changes no bit.
            int[] other = [.. TinyModel.Tokens(start, V, seed: 10), .. tokens[start..]];
            transformer.Logits(weights, new TokenBatch(1, T, other, default, positions, starts), changed);
            Assert.True(packed.AsSpan(start * V).SequenceEqual(changed.AsSpan(start * V)));
            Assert.False(packed.AsSpan(0, start * V).SequenceEqual(changed.AsSpan(0, start * V)));
        }
    }
}
