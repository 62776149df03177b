using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Run;

public class SamplerTests
{
    // Everything off: each test switches on what it is about.
    private static readonly Sampling s_plain = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0 };

    [Fact]
    public void The_defaults_are_the_ones_the_help_shows() =>
        Assert.Equal(
            new Sampling
            {
                Temperature = 0.8f,
                TopK = 40,
                TopP = 0.95f,
                MinP = 0.05f,
                RepeatPenalty = 1,
                FrequencyPenalty = 0,
                PresencePenalty = 0,
                PenaltyWindow = 64,
                DynamicRange = 0,
                DynamicExponent = 1,
                TypicalP = 1,
                TopNSigma = 0,
                XtcProbability = 0,
                XtcThreshold = 0.1f,
                MinKeep = 0,
                DryMultiplier = 0,
                DryBase = 1.75f,
                DryAllowedLength = 2,
                Mirostat = 0,
                MirostatTau = 5,
                MirostatEta = 0.1f,
            },
            new Sampling());

    [Fact]
    public void All_golden_cases_of_libtorch_agree()
    {
        var golden = GoldenFile.Open("torch/sampling.safetensors");
        var names = golden.Metadata["case_names"].Split(',');
        var (V, T) = (golden.Shape("logits")[1], golden.Shape("history")[1]);
        var (logits, history, settings) = (golden.Floats("logits"), golden.Ints("history"), golden.Floats("params"));
        var (kept, expected) = (golden.Ints("kept"), golden.Floats("probs"));
        Assert.Equal(26, names.Length);
        for (var row = 0; row < names.Length; row++)
        {
            var p = settings.AsSpan(row * 8, 8);
            var sampling = new Sampling
            {
                Temperature = p[0],
                TopK = (int)p[1],
                TopP = p[2],
                MinP = p[3],
                RepeatPenalty = p[4],
                FrequencyPenalty = p[5],
                PresencePenalty = p[6],
                PenaltyWindow = (int)p[7],
            };
            var z = logits.AsSpan(row * V, V);
            var past = history.AsSpan(row * T, T);

            var survivors = new Sampler(sampling, 0, V).Distribution(z, past);

            if (sampling.Temperature > 0)
                Assert.Equal(Enumerable.Range(0, V).Where(id => kept[row * V + id] == 1), survivors.Ids.ToArray());
            var wanted = expected.AsSpan(row * V, V);

            // exp(z) turns an absolute error of z into a relative one: |z| < 32, three roundings of z (penalty, less
            // max, over T) and the stored float32: 32 · 4 · 2^-24.
            Check.Close(wanted, Spread(survivors, V), 32 * 4 * Check.Eps, names[row]);
            var naive = NaiveSampling.Distribution(z, past, sampling);
            Check.Close(naive, wanted.ToArray(), 4 * Check.Eps, names[row] + " naive");
        }
    }

    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257), InlineData(5000)]
    public void Distribution_agrees_with_the_definition(int V)
    {
        int[] ks = [0, 1, 2, 7, 40, 256, 5000];
        float[] ps = [0, 0.3f, 0.95f, 1], mins = [0, 0.05f, 0.5f, 1], temperatures = [0, 0.3f, 1, 2];
        var seed = 0;
        foreach (var k in ks)
            foreach (var p in ps)
                foreach (var min in mins)
                {
                    var sampling = new Sampling
                    {
                        TopK = k,
                        TopP = p,
                        MinP = min,
                        Temperature = temperatures[seed % 4],
                        RepeatPenalty = seed % 3 == 0 ? 1 : 1.3f,
                        FrequencyPenalty = seed % 5 == 0 ? 0.2f : 0,
                        PenaltyWindow = 9,
                    };
                    var logits = Sample.Normal(V, seed++, 3);
                    var history = Enumerable.Range(0, 12).Select(i => (i * i + seed) % V).ToArray();
                    var expected = NaiveSampling.Distribution(logits, history, sampling);

                    var survivors = new Sampler(sampling, 0, V).Distribution(logits, history);

                    // Rounding may move a token that sits on a cut; none of these seeds has one within 1e-6 of it.
                    Assert.Equal(expected.Count(x => x > 0), survivors.Ids.Length);
                    Check.Close(expected, Spread(survivors, V), 32 * 4 * Check.Eps, $"{sampling}");
                }
    }

    [Fact]
    public void Draws_follow_the_distribution()
    {
        const int V = 65, Draws = 100_000;
        var logits = Sample.Normal(V, 3, 2);
        var sampling = new Sampling();
        var sampler = new Sampler(sampling, 12345, V);
        var expected = NaiveSampling.Distribution(logits, [], sampling);
        var counts = new int[V];
        for (var i = 0; i < Draws; i++)
            counts[sampler.Pick(logits, [])]++;

        var (chiSquare, cells) = (0.0, 0);
        for (var id = 0; id < V; id++)
        {
            if (expected[id] == 0)
            {
                Assert.Equal(0, counts[id]);
                continue;
            }

            var wanted = expected[id] * Draws;
            Assert.True(wanted > 50, "a cell too small for the normal approximation");
            chiSquare += (counts[id] - wanted) * (counts[id] - wanted) / wanted;
            cells++;
        }

        // χ² with n = cells - 1 degrees of freedom has mean n and variance 2n; five deviations above the mean.
        Assert.True(cells > 5);
        Assert.True(chiSquare < cells - 1 + 5 * Math.Sqrt(2 * (cells - 1)), $"χ² = {chiSquare:f1} over {cells} cells");
    }

    [Fact]
    public void The_same_seed_picks_the_same_tokens_and_another_seed_others()
    {
        int[] Picks(ulong seed)
        {
            var sampler = new Sampler(s_plain, seed, 64);
            return [.. Enumerable.Range(0, 100).Select(i => sampler.Pick(Sample.Normal(64, i), []))];
        }

        Assert.Equal(Picks(7), Picks(7));
        Assert.NotEqual(Picks(7), Picks(8));
    }

    [Fact]
    public void Looking_at_the_distribution_draws_nothing()
    {
        var logits = Sample.Normal(64, 1);
        var (looks, plain) = (new Sampler(s_plain, 7, 64), new Sampler(s_plain, 7, 64));
        for (var i = 0; i < 20; i++)
        {
            looks.Distribution(logits, []);
            Assert.Equal(plain.Pick(logits, []), looks.Pick(logits, []));
        }
    }

    [Fact]
    public void The_lowest_id_wins_a_tie()
    {
        float[] logits = [1, 5, 2, 5, 5, -0f, 0f];
        Assert.Equal(1, new Sampler(Sampling.Greedy, 0, 7).Pick(logits, []));
        Assert.Equal([1, 3], new Sampler(s_plain with { TopK = 2 }, 0, 7).Distribution(logits, []).Ids.ToArray());
        Assert.Equal([1], new Sampler(s_plain with { TopP = 0 }, 0, 7).Distribution(logits, []).Ids.ToArray());
        int[] first = [.. Enumerable.Range(0, 6)];
        Assert.Equal(first, new Sampler(s_plain with { TopK = 6 }, 0, 7).Distribution(logits, []).Ids.ToArray());
    }

    [Fact]
    public void Masked_tokens_are_never_picked()
    {
        float[] logits = [float.NegativeInfinity, 0, float.NegativeInfinity, 1];
        foreach (var sampling in new[] { s_plain, new Sampling(), s_plain with { TopP = 0.99f }, Sampling.Greedy })
            Assert.Empty(new Sampler(sampling, 0, 4).Distribution(logits, []).Ids.ToArray().Except([1, 3]));
        var nothing = new Sampler(s_plain, 0, 1);
        var error = Assert.Throws<ArgumentException>(() => nothing.Pick([float.NegativeInfinity], []));
        Assert.Contains("no token is left", error.Message);
    }

    [Fact]
    public void A_tiny_temperature_is_argmax_and_not_a_division_by_zero()
    {
        var sampler = new Sampler(s_plain with { Temperature = 1e-38f }, 0, 3);
        for (var i = 0; i < 10; i++)
            Assert.Equal(1, sampler.Pick([900, 1000, -1000], []));
    }

    [Fact]
    public void Broken_logits_are_named()
    {
        foreach (var sampling in new[] { Sampling.Greedy, new Sampling() })
        {
            var sampler = new Sampler(sampling, 0, 3);
            var error = Assert.Throws<ArgumentException>(() => sampler.Pick([0, float.NaN, 1], []));
            Assert.Contains("token 1 is NaN", error.Message);
            Assert.Throws<ArgumentException>(() => sampler.Pick([0, float.PositiveInfinity, 1], []));
            Assert.Contains("2 logits", Assert.Throws<ArgumentException>(() => sampler.Pick([0, 1], [])).Message);
        }

        var penalising = new Sampler(new Sampling { RepeatPenalty = 2 }, 0, 3);
        Assert.Contains("token 3", Assert.Throws<ArgumentException>(() => penalising.Pick([0, 1, 2], [1, 3])).Message);
        Assert.Equal(2, new Sampler(Sampling.Greedy with { RepeatPenalty = 2 }, 0, 3).Pick([0, 1, 1.1f], [1]));
    }

    [Fact]
    public void Options_outside_their_range_are_named()
    {
        (Sampling Bad, string Name)[] cases =
        [
            (new() { Temperature = -1 }, "Temperature"), (new() { Temperature = float.NaN }, "Temperature"),
            (new() { Temperature = float.PositiveInfinity }, "Temperature"), (new() { TopK = -1 }, "TopK"),
            (new() { TopP = -0.1f }, "TopP"), (new() { TopP = 1.1f }, "TopP"), (new() { TopP = float.NaN }, "TopP"),
            (new() { MinP = -0.1f }, "MinP"), (new() { MinP = 1.1f }, "MinP"), (new() { MinP = float.NaN }, "MinP"),
            (new() { RepeatPenalty = 0 }, "RepeatPenalty"), (new() { RepeatPenalty = float.NaN }, "RepeatPenalty"),
            (new() { FrequencyPenalty = float.NaN }, "FrequencyPenalty"),
            (new() { PresencePenalty = float.NegativeInfinity }, "PresencePenalty"),
            (new() { PenaltyWindow = -1 }, "PenaltyWindow"), (new() { DynamicRange = -1 }, "DynamicRange"),
            (new() { DynamicExponent = 0 }, "DynamicExponent"), (new() { TypicalP = 2 }, "TypicalP"),
            (new() { TopNSigma = float.NaN }, "TopNSigma"), (new() { XtcProbability = 1.5f }, "XtcProbability"),
            (new() { XtcThreshold = -1 }, "XtcThreshold"), (new() { MinKeep = -1 }, "MinKeep"),
            (new() { DryMultiplier = -1 }, "DryMultiplier"), (new() { DryBase = 0.5f }, "DryBase"),
            (new() { DryAllowedLength = -1 }, "DryAllowedLength"), (new() { DryWindow = -1 }, "DryWindow"),
            (new() { Mirostat = 3 }, "Mirostat"), (new() { MirostatTau = -1 }, "MirostatTau"),
            (new() { MirostatEta = 2 }, "MirostatEta"),
            (new() { LogitBias = new Dictionary<int, float> { [1] = float.NaN } }, "LogitBias"),
            (new() { LogitBias = new Dictionary<int, float> { [1] = float.PositiveInfinity } }, "LogitBias"),
        ];
        foreach (var (bad, name) in cases)
            Assert.StartsWith(name + " is ", Assert.ThrowsAny<ArgumentException>(() => new Sampler(bad, 0, 8)).Message);
        Assert.ThrowsAny<ArgumentException>(() => new Sampler(new Sampling(), 0, 0));
    }

    [Fact]
    public void A_pick_allocates_nothing()
    {
        var all = new Sampling
        {
            RepeatPenalty = 1.1f, DryMultiplier = 0.8f, DryBreakers = [], TopNSigma = 3, TypicalP = 0.9f, TopP = 0.8f,
            XtcProbability = 0.5f, DynamicRange = 0.3f, MinKeep = 3,
            LogitBias = new Dictionary<int, float> { [4] = 1, [5] = float.NegativeInfinity },
        };
        Sampling[] kinds =
        [
            new(), all, all with { TopK = 0 }, s_plain, s_plain with { TopP = 0.9f }, Sampling.Greedy,
            all with { Mirostat = 1 }, all with { Mirostat = 2 }, all with { Temperature = 0, DynamicRange = 0 },
        ];
        int[] history = [1, 2, 3, 4, 1, 2, 3];
        var mask = new ulong[(5000 + 63) / 64];
        mask.AsSpan().Fill(0xFFFF_FFFF_0000_00FF);
        foreach (var sampling in kinds)
        {
            var logits = Sample.Normal(5000, 1, 3);
            var sampler = new Sampler(sampling, 0, logits.Length);
            sampler.Pick(logits, history);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++)
            {
                sampler.Pick(logits, history);
                sampler.Pick(logits, history, mask);
            }

            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
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
