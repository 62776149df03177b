using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run;

public sealed class PerplexityTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(2, 64, 1), InlineData(64, 64, 1), InlineData(65, 64, -1), InlineData(66, 64, 1)]
    [InlineData(300, 64, -1), InlineData(301, 16, 3), InlineData(97, 7, 3)]
    public void Every_token_is_judged_once_with_half_a_context_before_it(int count, int context, int begin)
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var view = DecoderWeights.Of(weights);
        int[] text = [.. Enumerable.Range(0, count).Select(i => i * 31 % 281)];
        var found = Perplexity.Of(view, _pool, text, context, begin);

        // One token at a time, each with a session of its own that saw exactly the window's past.
        int[] tokens = begin >= 0 ? [begin, .. text] : text;
        double nats = 0;
        using var session = new Session(view, _pool, context);
        for (var i = 1; i < tokens.Length; i++)
        {
            // The first window judges up to `context` tokens, every later one half a context more.
            var from = i <= context ? 0 : (((i - context) + (context / 2) - 1) / (context / 2)) * (context / 2);
            session.Clear();
            float[] z = [.. session.Feed(tokens.AsSpan(from, i - from))];
            var max = z.Max();
            nats -= z[tokens[i]] - max - Math.Log(z.Sum(v => Math.Exp((double)v - max)));
        }

        Assert.Equal(tokens.Length - 1, found.Tokens);
        // Logits agree to float32 rounding in another order of positions: some 1e-6 a token.
        Assert.Equal(nats / found.Tokens, found.Nats / found.Tokens, 1e-5);
        Assert.Equal(Math.Exp(found.Nats / found.Tokens), found.Value);
        Assert.Equal(found.Nats / Math.Log(2) / 1000, found.BitsPerByte(1000));
    }

    [Fact]
    public void Too_little_text_or_context_is_an_argument_fault()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var view = DecoderWeights.Of(weights);
        Assert.Throws<ArgumentException>(() => Perplexity.Of(view, _pool, [1], 64, -1));
        Assert.Throws<ArgumentException>(() => Perplexity.Of(view, _pool, [], 64, 1));
        Assert.Throws<ArgumentException>(() => Perplexity.Of(view, _pool, [1, 2, 3], 3, -1));
    }
}
