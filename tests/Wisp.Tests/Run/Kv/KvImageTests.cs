using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run.Kv;

public sealed class KvImageTests : IDisposable
{
    private const int Vocabulary = 281;

    private static readonly ModelConfig s_config = TinyModel.Config(Wisp.Model.Architecture.Qwen3, context: 256);

    private readonly WorkerPool _pool = new(2);
    private readonly Parameters _weights = TinyModel.Weights(s_config);
    private readonly Decoder _decoder;

    public KvImageTests() => _decoder = new Decoder(DecoderWeights.Of(_weights), _pool, 64, 256);

    public void Dispose()
    {
        _decoder.Dispose();
        _weights.Dispose();
        _pool.Dispose();
    }

    [Theory]
    [InlineData(KvType.F32, 33), InlineData(KvType.F16, 32), InlineData(KvType.Q8, 1)]
    public void A_sequence_that_was_away_goes_on_with_the_same_bits(KvType type, int length)
    {
        var prompt = Tokens(length);
        using var cache = new KvCache(s_config, 16, type);
        using var stayed = cache.Create(prompt);
        Feed(cache, stayed, prompt);
        using var image = new MemoryStream();
        KvImage.Write(stayed, image);
        Assert.Equal(KvImage.BytesOf(stayed), image.Length);
        image.Position = 0;

        using var other = new KvCache(s_config, 16, type);
        using var returned = KvImage.Read(other, image, "image");
        Assert.Equal(prompt, returned.CopyOfTokens());
        foreach (var token in Tokens(20))
            Assert.Equal(Feed(cache, stayed, [token]), Feed(other, returned, [token]));
    }

    [Fact]
    public void Blocks_that_the_cache_still_has_are_shared()
    {
        using var cache = new KvCache(s_config, 16);
        var prompt = Tokens(40);
        using var image = new MemoryStream();
        using (var first = cache.Create(prompt))
        {
            Feed(cache, first, prompt);
            KvImage.Write(first, image);
        }

        image.Position = 0;
        using var returned = KvImage.Read(cache, image, "image");
        Assert.Equal(32, returned.Reused);
        Assert.Equal(new KvUse(3, 0, 13), cache.Use);
    }

    [Fact]
    public void Damage_and_other_models_are_told_and_leave_the_cache_as_it_was()
    {
        using var cache = new KvCache(s_config, 4);
        var prompt = Tokens(40);
        using var image = new MemoryStream();
        using (var sequence = cache.Create(prompt))
        {
            Feed(cache, sequence, prompt);
            KvImage.Write(sequence, image);
        }

        var bytes = image.ToArray();
        cache.Clear();
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var damaged = bytes.ToArray();
            if (i % 2 == 0)
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            else
                damaged = damaged[..random.Next(damaged.Length)];
            var fault = Assert.ThrowsAny<Exception>(() => KvImage.Read(cache, new MemoryStream(damaged), "image"));
            Assert.True(fault is InvalidDataException or KvMemoryException, fault.ToString());
            Assert.StartsWith("image: ", fault.Message);
            Assert.Equal(new KvUse(0, 0, 4), cache.Use);
        }

        using var small = new KvCache(s_config, 2);
        Assert.Throws<KvMemoryException>(() => KvImage.Read(small, new MemoryStream(bytes), "image"));
        using var halves = new KvCache(s_config, 4, KvType.F16);
        Assert.Contains("not of", Assert.Throws<InvalidDataException>(
            () => KvImage.Read(halves, new MemoryStream(bytes), "image")).Message);
    }

    [Fact]
    public void Attention_to_a_sequence_adds_up_until_it_is_taken()
    {
        using var cache = new KvCache(s_config, 16);
        var prompt = Tokens(40);
        using var sequence = cache.Create(prompt);
        sequence.Append(prompt);
        var mass = new float[3];
        _decoder.Forward(prompt, [new DecoderRun(0, 40, sequence.Blocks)], cache.Store, mass);
        sequence.Computed();
        sequence.Attended(mass);

        // Every row of every head of every layer has probabilities that sum to one.
        var whole = 40 * s_config.Heads * s_config.Layers;
        Assert.Equal(whole, mass.Sum(), whole * 1e-5);
        Assert.All(mass, share => Assert.True(share > 0));
        Assert.Equal(mass, sequence.TakeAttention());
        Assert.Equal(new float[3], sequence.TakeAttention());

        using var plain = cache.Create([]);
        var logits = Feed(cache, plain, prompt);
        var asked = new float[Vocabulary];
        _decoder.Forward(prompt, [new DecoderRun(0, 40, sequence.Blocks)], cache.Store, mass);
        _decoder.Logits(asked, 39);
        Assert.Equal(logits, asked);
    }

    private static int[] Tokens(int count) =>
        [.. Enumerable.Range(0, count).Select(i => (i * 7919 + 13) % Vocabulary)];

    private float[] Feed(KvCache cache, KvSequence sequence, int[] tokens)
    {
        var past = sequence.Length;
        sequence.Append(tokens);
        _decoder.Forward(tokens, [new DecoderRun(past, tokens.Length, sequence.Blocks)], cache.Store);
        sequence.Computed();
        var logits = new float[s_config.Vocabulary];
        _decoder.Logits(logits, tokens.Length - 1);
        return logits;
    }
}
