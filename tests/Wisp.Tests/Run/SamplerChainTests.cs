using Wisp.Run;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Run;

/// <summary>All members together, in any order, against the definition; masks, biases and mirostat.</summary>
public class SamplerChainTests
{
    private static readonly Sampling s_plain = new()
    {
        Temperature = 1, TopK = 0, TopP = 1, MinP = 0, DryBreakers = [],
    };

    // 1 and 7: fewer tokens than most cuts ask for. 64 and 65: a word of the mask, a block of maxima and one more.
    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257), InlineData(2000)]
    public void Any_chain_agrees_with_the_definition(int V)
    {
        for (var seed = 0; seed < 150; seed++)
        {
            var random = new Random(seed);
            var sampling = Any(random, V);
            var logits = Sample.Normal(V, seed, 3);
            int[] history = [.. Enumerable.Range(0, 40).Select(_ => random.Next(Math.Min(V, 5)))];
            var expected = NaiveSampling.Distribution(logits, history, sampling, xtc: true);

            var survivors = new Sampler(sampling, 0, V).Distribution(logits, history);

            // Rounding may move a token that sits on a cut; none of these seeds has one so near.
            Assert.True(expected.Count(x => x > 0) == survivors.Ids.Length, $"V = {V}, seed {seed}, {sampling}");

            // |z| < 64 with the penalties, over T ≥ 0.3 once or more; five roundings.
            Check.Close(expected, Spread(survivors, V), 5 * 64 / 0.3 * Check.Eps, $"V = {V}, seed {seed}, {sampling}");
        }
    }

    private static Sampling Any(Random random, int V)
    {
        float Or(float off, params float[] values) => random.Next(2) == 0 ? off : values[random.Next(values.Length)];
        var order = SamplerOrder.Default.ToArray();
        if (random.Next(2) == 0)
            random.Shuffle(order);
        return s_plain with
        {
            Order = order[..(random.Next(3) == 0 ? random.Next(order.Length) : order.Length)],
            Temperature = random.Next(8) == 0 ? 0 : Or(1, 0.5f, 0.8f, 2),
            DynamicRange = 0,
            DynamicExponent = Or(1, 0.7f, 2),
            TopK = (int)Or(0, 1, 3, 40, 300),
            TopP = Or(1, 0.2f, 0.9f, 0.97f),
            MinP = Or(0, 0.01f, 0.3f),
            TypicalP = Or(1, 0.2f, 0.9f),
            TopNSigma = Or(0, 0.5f, 1.3f),
            XtcProbability = Or(0, 1),
            XtcThreshold = Or(0.1f, 0.01f, 0.3f, 0.6f),
            MinKeep = (int)Or(0, 1, 4, 500),
            RepeatPenalty = Or(1, 0.8f, 1.3f),
            FrequencyPenalty = Or(0, 0.2f, -0.2f),
            PresencePenalty = Or(0, 0.4f),
            PenaltyWindow = (int)Or(64, 0, 3, 20),
            DryMultiplier = Or(0, 0.8f),
            DryBase = Or(1.75f, 1, 1.2f),
            DryAllowedLength = (int)Or(2, 0, 1, 5),
            DryWindow = (int)Or(4096, 0, 1, 7, 40),
            LogitBias = random.Next(2) == 0 ? new Dictionary<int, float>() : new() { [random.Next(V)] = 1.5f },
        };
    }

    [Theory]
    [InlineData(0.5f, 1f), InlineData(1f, 2f), InlineData(0.2f, 0.5f), InlineData(3f, 1f)]
    public void The_temperature_follows_the_entropy(float range, float exponent)
    {
        foreach (var temperature in new[] { 0f, 0.7f, 1.2f })
            foreach (var scale in new[] { 0.3f, 1, 3 })
            {
                var sampling = s_plain with
                {
                    Temperature = temperature,
                    DynamicRange = range,
                    DynamicExponent = exponent,
                    TopK = 20,
                };
                var logits = Sample.Normal(100, 5, scale);
                // The definition takes temperature 0 for argmax; a hair above it the same formula holds.
                var expected = NaiveSampling.Distribution(
                    logits, [], sampling with { Temperature = Math.Max(temperature, 1e-9f) });
                var actual = new Sampler(sampling, 0, 100).Distribution(logits, []);
                Check.Close(expected, Spread(actual, 100), 1e-4, $"T = {temperature}, scale {scale}");
            }
    }

    [Fact]
    public void A_masked_token_might_as_well_not_be_in_the_vocabulary()
    {
        Sampling[] kinds = [s_plain, new(), new() { TopK = 0 }, Sampling.Greedy, s_plain with { TypicalP = 0.5f }];
        foreach (var V in new[] { 1, 7, 64, 65, 257, 5000 })
            foreach (var sampling in kinds)
            {
                var logits = Sample.Normal(V, V, 3);
                int[] ids = [.. Enumerable.Range(0, V).Where(id => id % 3 == 0 || id == V - 1)];
                var mask = new ulong[(V + 63) / 64];
                mask[^1] = V % 64 == 0 ? 0 : ulong.MaxValue << (V % 64); // bits past the end mean nothing
                foreach (var id in ids)
                    mask[id / 64] |= 1UL << (id % 64);
                float[] fewer = [.. ids.Select(id => logits[id])];
                var expected = new Sampler(sampling, 3, ids.Length).Distribution(fewer, []);
                var sampler = new Sampler(sampling, 3, V);
                var actual = sampler.Distribution(logits, [], mask);
                Assert.Equal(expected.Ids.ToArray().Select(i => ids[i]), actual.Ids.ToArray());
                // The same operations, but sums of the whole vocabulary fall into other lanes.
                Check.Close(expected.Probabilities, actual.Probabilities, 1e-6);
                Assert.Contains(sampler.Pick(logits, [], mask), ids);
            }
    }

    [Fact]
    public void A_mask_of_the_wrong_size_or_without_a_token_is_named()
    {
        var sampler = new Sampler(s_plain, 0, 65);
        var logits = new float[65];
        Assert.Contains("takes 2", Assert.Throws<ArgumentException>(() => sampler.Pick(logits, [], [1])).Message
            .Replace("65 tokens take", "takes"));
        Assert.Contains("no token is left",
            Assert.Throws<ArgumentException>(() => sampler.Pick(logits, [], [0, 0])).Message);
        Assert.Equal(64, sampler.Pick(logits, [], [0, 1]));
    }

    [Fact]
    public void A_bias_adds_or_forbids()
    {
        float[] logits = [0, 1, 2];
        var bias = new Dictionary<int, float> { [0] = 3, [2] = float.NegativeInfinity };
        Assert.Equal(0, new Sampler(Sampling.Greedy with { LogitBias = bias }, 0, 3).Pick(logits, []));
        var left = new Sampler(s_plain with { LogitBias = bias }, 0, 3).Distribution(logits, []);
        Assert.Equal([0, 1], left.Ids.ToArray());
        Check.Close(NaiveSampling.Softmax([3, 1]), left.Probabilities, 4 * Check.Eps);
        var error = Assert.Throws<ArgumentException>(() => new Sampler(s_plain with { LogitBias = bias }, 0, 2));
        Assert.Contains("token 2; the vocabulary has 2", error.Message);
    }

    [Fact]
    public void No_penalty_forbids_the_only_token_that_is_left()
    {
        var harsh = s_plain with
        {
            FrequencyPenalty = 1e38f,
            DryMultiplier = 1e38f,
            DryBase = 1e30f,
            DryAllowedLength = 0,
        };
        int[] history = [.. Enumerable.Repeat(1, 100)];
        Assert.Equal(1, new Sampler(harsh, 0, 3).Pick([0, 1, 2], history, [0b010]));
        var kind = s_plain with { FrequencyPenalty = -1e38f }; // 64 of them pass the largest float
        Assert.Equal(1, new Sampler(kind, 0, 3).Pick([0, 1, 2], history));
    }

    [Fact]
    public void A_look_shows_what_the_next_pick_draws_from_even_with_a_coin_of_XTC()
    {
        var sampling = s_plain with { XtcProbability = 0.5f, XtcThreshold = 0.05f };
        var (looks, plain) = (new Sampler(sampling, 7, 64), new Sampler(sampling, 7, 64));
        var logits = Sample.Normal(64, 1, 2);
        var acted = 0;
        const int Draws = 1000;
        for (var i = 0; i < Draws; i++)
        {
            var shown = looks.Distribution(logits, []).Ids.ToArray();
            acted += shown.Length < 64 ? 1 : 0;
            Assert.Contains(looks.Pick(logits, []), shown);
            plain.Pick(logits, []);
        }

        Assert.Equal(plain.Pick(logits, []), looks.Pick(logits, []));
        Assert.InRange(acted, Draws / 2 - 80, Draws / 2 + 80); // five deviations of √(1000/4)
    }

    [Theory]
    [InlineData(1), InlineData(2)]
    public void Mirostat_holds_the_surprise_near_its_target(int version)
    {
        // Zipf's law, for which it is made: p ~ 1/rank.
        float[] logits = [.. Enumerable.Range(1, 3000).Select(rank => -MathF.Log(rank))];
        foreach (var target in new[] { 2f, 4f, 6f })
        {
            var sampling = s_plain with { Mirostat = version, MirostatTau = target };
            var sampler = new Sampler(sampling, 9, logits.Length);
            var (sum, count) = (0.0, 0);
            for (var i = 0; i < 3000; i++)
            {
                var survivors = sampler.Distribution(logits, []);
                var (ids, probabilities) = (survivors.Ids.ToArray(), survivors.Probabilities.ToArray());
                var p = probabilities[Array.IndexOf(ids, sampler.Pick(logits, []))];
                if (i >= 1000)
                    (sum, count) = (sum - Math.Log2(p), count + 1);
            }

            // μ moves by η·(surprise − τ) a step and stays between 0 and 20 bits, so over 2000 steps the mean is off by
            // at most 20 / (0.1 · 2000).
            Assert.InRange(sum / count, target - 0.1, target + 0.1);
        }
    }

    [Fact]
    public void An_order_is_read_and_written_by_name()
    {
        Assert.Equal(
            "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature",
            SamplerOrder.Describe(SamplerOrder.Default));
        Assert.Equal(SamplerOrder.Default, SamplerOrder.Parse(SamplerOrder.Describe(SamplerOrder.Default)));
        Assert.Equal([SamplerStep.TopK, SamplerStep.Temperature], SamplerOrder.Parse("Top-K; temp"));
        foreach (var bad in new[] { "", "top_k;", "topk", "mirostat" })
            Assert.Contains("There are: penalties;dry",
                Assert.Throws<FormatException>(() => SamplerOrder.Parse(bad)).Message);
    }

    /// <summary>One probability for each token of the vocabulary.</summary>
    private static float[] Spread(Survivors survivors, int V)
    {
        var all = new float[V];
        for (var i = 0; i < survivors.Ids.Length; i++)
            all[survivors.Ids[i]] = survivors.Probabilities[i];
        return all;
    }
}
