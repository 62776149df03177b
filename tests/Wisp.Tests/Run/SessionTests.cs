using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run;

public sealed class SessionTests : IDisposable
{
    // Both sides are float32 results of one graph with sums in another order; the golden README measures each within
    // 1e-6 of the exact value for such depths, and allows ten times that.
    private const double Rtol = 1e-5;

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData("qwen3", 1), InlineData("qwen3", 2), InlineData("llama", 3)]
    public void Parts_of_any_size_give_the_logits_of_the_whole(string architecture, int seed)
    {
        // 300 tokens are more than two passes of the session, which takes 128 at once.
        var config = TinyModel.Config(Architecture.Named(architecture, "test"), context: 300);
        using var weights = TinyModel.Weights(config, seed);
        var tokens = TinyModel.Tokens(300, config.Vocabulary, seed);
        var expected = Logits(weights, tokens);
        using var session = new Session(DecoderWeights.Of(weights), _pool);
        Assert.Equal(300, session.Context);
        var random = new Random(seed);
        for (var at = 0; at < tokens.Length;)
        {
            var count = Math.Min(tokens.Length - at, random.Next(4) switch { 0 => 1, 1 => 7, 2 => 64, _ => 150 });
            var logits = session.Feed(tokens.AsSpan(at, count));
            at += count;
            Check.Close(Row(expected, at - 1), logits, Rtol, $"after {at}");
        }
    }

    [Fact]
    public void All_at_once_gives_the_logits_of_the_whole()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, context: 300));
        var tokens = TinyModel.Tokens(257, 281, seed: 4);
        using var session = new Session(DecoderWeights.Of(weights), _pool);
        Check.Close(Row(Logits(weights, tokens), 256), session.Feed(tokens), Rtol);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(7), InlineData(16), InlineData(64)]
    public void A_full_context_forgets_its_older_half(int context)
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var tokens = TinyModel.Tokens(3 * context + 1, 281, seed: 5);
        using var session = new Session(DecoderWeights.Of(weights), _pool, context);
        using var fresh = new Session(DecoderWeights.Of(weights), _pool, context);
        var kept = new List<int>();
        foreach (var token in tokens)
        {
            // The same passes over the same numbers, so not a bit differs: what is kept is read again with the new
            // token.
            var slides = kept.Count == context;
            if (slides)
                kept.RemoveRange(0, context - (context / 2));
            kept.Add(token);
            if (slides)
                fresh.Clear();
            var expected = fresh.Feed(slides ? kept.ToArray() : [token]);
            Assert.True(session.Feed([token]).SequenceEqual(expected), $"with {kept.Count} in the context");
        }
    }

    [Fact]
    public void A_text_longer_than_the_context_slides_like_single_tokens()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var tokens = TinyModel.Tokens(75, 281, seed: 6);
        var view = DecoderWeights.Of(weights);
        using Session whole = new(view, _pool, 16), single = new(view, _pool, 16);
        var actual = whole.Feed(tokens);
        ReadOnlySpan<float> expected = default;
        foreach (var token in tokens)
            expected = single.Feed([token]);
        Check.Close(expected, actual, Rtol);
    }

    [Fact]
    public void A_cleared_session_is_a_new_one()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var view = DecoderWeights.Of(weights);
        using Session used = new(view, _pool), fresh = new(view, _pool);
        used.Feed(TinyModel.Tokens(50, 281, seed: 7));
        used.Clear();
        Assert.True(used.Feed([1, 2, 3]).SequenceEqual(fresh.Feed([1, 2, 3])));
    }

    [Fact]
    public void What_cannot_be_fed_is_refused_and_harms_nothing()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        var view = DecoderWeights.Of(weights);
        using Session session = new(view, _pool), fresh = new(view, _pool);
        session.Feed([5]);
        Assert.Throws<ArgumentException>(() => { session.Feed([]); });
        Assert.Contains("Token 281 is outside",
            Assert.Throws<ArgumentException>(() => { session.Feed([281]); }).Message);
        Assert.Contains("Token -1 is outside", Assert.Throws<ArgumentException>(() => { session.Feed([-1]); }).Message);
        fresh.Feed([5]);
        Assert.True(session.Feed([6]).SequenceEqual(fresh.Feed([6])));
    }

    [Fact]
    public void The_context_is_at_most_what_the_model_was_trained_for()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Session(DecoderWeights.Of(weights), _pool, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Session(DecoderWeights.Of(weights), _pool, 65));
        using var session = new Session(DecoderWeights.Of(weights), _pool);
        Assert.Equal(64, session.Context);
    }

    [Fact]
    public void A_context_beyond_the_memory_is_an_argument_fault()
    {
        // 2 · 1024 layers · 2^20 tokens · 64 floats are 2^37; the weights themselves are small.
        var config =
            TinyModel.Config(Architecture.Llama) with { Layers = 1024, Context = 1 << 20, Width = 8, FeedForward = 2 };
        using var weights = new Parameters(new ParameterMap(config));
        var message = Assert.Throws<ArgumentException>(() => new Session(DecoderWeights.Of(weights), _pool)).Message;
        Assert.StartsWith("The keys and values of 1048576 tokens need 549,755,813,888 bytes; this machine has ",
            message);
    }

    private static ReadOnlySpan<float> Row(float[] logits, int row) => logits.AsSpan(row * 281, 281);

    private float[] Logits(Parameters weights, int[] tokens)
    {
        using var transformer = new Transformer(weights.Map, _pool, tokens.Length, train: false);
        var logits = new float[tokens.Length * weights.Map.Config.Vocabulary];
        transformer.Logits(weights, TinyModel.Batch(1, tokens.Length, tokens, []), logits);
        return logits;
    }
}
