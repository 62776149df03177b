using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run.Serving;

/// <summary>What a kernel does with the engine: sequences made, forked, cut, swapped and stepped together.</summary>
public sealed class TokenCoreTests : IDisposable
{
    private const int Context = 96;

    private static readonly ModelConfig s_config = TinyModel.Config(Wisp.Model.Architecture.Qwen3, context: Context);

    private readonly Parameters _weights = TinyModel.Weights(s_config);
    private readonly DecoderWeights _view;
    private readonly WorkerPool _pool = new(2);

    public TokenCoreTests() => _view = DecoderWeights.Of(_weights);

    public void Dispose()
    {
        _weights.Dispose();
        _pool.Dispose();
    }

    [Theory]
    [Trait("cost", "medium")]
    [InlineData(1, 30, KvType.F32), InlineData(2, 80, KvType.F16)]
    public void Ten_thousand_random_operations_give_the_logits_of_a_fresh_sequence(int seed, int blocks, KvType type)
    {
        var random = new Random(seed);
        using var cache = new KvCache(s_config, blocks, type);
        using var core = new TokenCore(_view, _pool, cache, rows: 64);
        using var fresh = new Session(_view, _pool, kv: type);
        var live = new List<(KvSequence Sequence, List<int> Tokens)>();
        var images = new List<(byte[] Image, List<int> Tokens)>();
        var (refused, reused, compared) = (0, 0, 0);
        for (var operation = 0; operation < 10_000; operation++)
        {
            var pick = live.Count == 0 ? 0 : random.Next(live.Count);
            switch (random.Next(live.Count == 0 ? 1 : 9))
            {
                case 0 when live.Count < 10:
                    var made = cache.Create([.. Enumerable.Range(0, 40).Select(i => i / 16)]);
                    reused += made.Reused;
                    live.Add((made, [.. made.CopyOfTokens()]));
                    break;
                case 1 when live.Count < 10:
                    live.Add((live[pick].Sequence.Fork(), [.. live[pick].Tokens]));
                    break;
                case 2:
                    var length = random.Next(live[pick].Tokens.Count + 1);
                    live[pick].Sequence.Truncate(length);
                    live[pick].Tokens.RemoveRange(length, live[pick].Tokens.Count - length);
                    break;
                case 3:
                    live[pick].Sequence.Dispose();
                    live.RemoveAt(pick);
                    break;
                case 4 when images.Count < 4:
                    using (var to = new MemoryStream())
                    {
                        KvImage.Write(live[pick].Sequence, to);
                        images.Add((to.ToArray(), live[pick].Tokens));
                    }

                    live[pick].Sequence.Dispose();
                    live.RemoveAt(pick);
                    break;
                case 5 when images.Count > 0 && live.Count < 10:
                    try
                    {
                        using var from = new MemoryStream(images[0].Image);
                        live.Add((KvImage.Read(cache, from, "image"), images[0].Tokens));
                        images.RemoveAt(0);
                    }
                    catch (KvMemoryException)
                    {
                        refused++;
                    }

                    break;
                default:
                    refused += Step(core, live, random, (tokens, logits) =>
                    {
                        if (random.Next(8) > 0)
                            return;
                        fresh.Clear();
                        Assert.Equal(fresh.Feed([.. tokens]), logits);
                        compared++;
                    });
                    break;
            }

            Assert.Equal(live.SelectMany(l => l.Sequence.Blocks.ToArray()).Distinct().Count(), cache.Use.Used);
        }

        Assert.True(compared > 500, $"{compared} logits were compared");
        Assert.True(reused > 0 && (refused > 0 || blocks > 30), $"{reused} tokens reused, {refused} refusals");
        foreach (var (sequence, _) in live)
            sequence.Dispose();
        Assert.Equal(0, cache.Use.Used);
    }

    // Some of the sequences, each with some tokens; 1 where there was no room, and then nothing may have changed.
    private static int Step(
        TokenCore core, List<(KvSequence Sequence, List<int> Tokens)> live, Random random,
        Action<List<int>, float[]> compare)
    {
        var chosen = live.Where(l => l.Tokens.Count < Context - 8 && random.Next(3) > 0).ToList();
        TokenJob[] jobs = [.. chosen.Select(l =>
        {
            var strays = random.Next(5) == 0; // else as the prompts that are created, so that prefixes meet
            return new TokenJob(
                l.Sequence,
                Enumerable.Range(l.Tokens.Count, random.Next(1, 7)).Select(i => strays ? 7 : i / 16).ToArray(),
                Scores: random.Next(2));
        })];
        try
        {
            core.Step(jobs, (job, logits) =>
                compare([.. chosen[job].Tokens, .. jobs[job].Tokens.Span], logits.ToArray()));
        }
        catch (KvMemoryException)
        {
            Assert.All(chosen, l => Assert.Equal(l.Tokens, l.Sequence.CopyOfTokens()));
            return 1;
        }

        for (var i = 0; i < jobs.Length; i++)
            chosen[i].Tokens.AddRange(jobs[i].Tokens.Span);
        return 0;
    }

    [Fact]
    public void Forty_branches_of_one_prompt_share_it_and_write_what_each_writes_alone()
    {
        var prompt = TinyModel.Tokens(40, 281, seed: 3);
        using var cache = new KvCache(s_config, 3 + (40 * 2));
        using var core = new TokenCore(_view, _pool, cache);
        using var root = cache.Create(prompt);
        core.Step([new TokenJob(root, prompt, Scores: 0)], (_, _) => Assert.Fail("no logits were asked for"));
        Assert.Equal(3, root.OwnBlocks);

        KvSequence[] branches = [.. Enumerable.Range(0, 40).Select(_ => root.Fork())];
        Assert.Equal(3, cache.Use.Used);
        var last = Enumerable.Range(0, 40).ToArray(); // each branch begins with a token of its own
        var texts = last.Select(token => new List<int> { token }).ToArray();
        for (var step = 0; step < 20; step++)
            core.Step([.. branches.Select((b, i) => new TokenJob(b, new[] { last[i] }))], (branch, logits) =>
                texts[branch].Add(last[branch] = logits.IndexOf(TensorMax(logits))));
        Assert.Equal(40 + (40 * 20), core.ComputedRows);
        // Two blocks of the prompt are everyone's; the third was copied, and one more was filled.
        Assert.All(branches, branch => Assert.Equal(2, branch.OwnBlocks));
        Assert.Equal(2 + 1 + (40 * 2), cache.Use.Used);

        using var fresh = new Session(_view, _pool);
        for (var i = 0; i < 40; i += 13)
        {
            fresh.Clear();
            fresh.Feed(prompt);
            for (var at = 0; at < 20; at++)
            {
                var logits = fresh.Feed([texts[i][at]]);
                Assert.Equal(texts[i][at + 1], logits.IndexOf(TensorMax(logits)));
            }
        }

        foreach (var branch in branches)
            branch.Dispose();
        Assert.Equal(3, cache.Use.Used);

        static float TensorMax(ReadOnlySpan<float> x)
        {
            var most = x[0];
            foreach (var z in x)
                most = Math.Max(most, z);
            return most;
        }
    }

    [Fact]
    public void Watched_sequences_are_told_what_was_attended_to_and_others_are_not()
    {
        using var cache = new KvCache(s_config, 20);
        using var core = new TokenCore(_view, _pool, cache);
        using var watched = cache.Create([]);
        using var other = cache.Create([]);
        float[] plain = [], seen = [];
        core.Step([new TokenJob(other, TinyModel.Tokens(20, 281, 1))], (_, logits) => plain = logits.ToArray());
        core.Step([
            new TokenJob(other, TinyModel.Tokens(3, 281, 2), Scores: 0),
            new TokenJob(watched, TinyModel.Tokens(20, 281, 1), Watched: true),
        ], (_, logits) => seen = logits.ToArray());
        Assert.Equal(plain, seen);

        // Every row of every head and layer pays out a probability of one: rounded, over 20 rows.
        var mass = watched.TakeAttention();
        Assert.Equal(2, mass.Length);
        Assert.Equal(20 * s_config.Heads * s_config.Layers, mass.Sum(), 20 * 1e-5);
        Assert.All(mass, share => Assert.True(share > 0));
        Assert.Equal(new float[2], watched.TakeAttention());
        Assert.Equal(new float[2], other.TakeAttention());
    }

    [Fact]
    public void A_step_allocates_nothing_once_it_has_run()
    {
        using var cache = new KvCache(s_config, 12);
        using var core = new TokenCore(_view, _pool, cache);
        using var a = cache.Create([]);
        using var b = cache.Create([], domain: 1);
        TokenJob[] jobs = [new(a, new[] { 1 }), new(b, new[] { 2, 3 }, Watched: true)];
        var sum = 0f;
        LogitsReader read = (_, logits) => sum += logits[0];
        // A block's place among the idle ones is made when it is first needed: in twelve rounds at most.
        var allocated = new long[14];
        for (var round = 0; round < allocated.Length; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Steps();
            allocated[round] = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Contains(0L, allocated);
        Assert.NotEqual(0, sum);

        void Steps()
        {
            for (var i = 0; i < 40; i++)
                core.Step(jobs, read);
            a.Truncate(0);
            b.Truncate(0);
        }
    }

    [Fact]
    public void What_cannot_run_is_told_and_changes_nothing()
    {
        using var cache = new KvCache(s_config, 4);
        using var core = new TokenCore(_view, _pool, cache, rows: 60);
        using var a = cache.Create([]);
        using var b = cache.Create([]);
        core.Step([new TokenJob(a, new[] { 1, 2, 3 })], (_, _) => { });

        void Refused<T>(string message, params TokenJob[] jobs) where T : Exception
        {
            Assert.Contains(message, Assert.Throws<T>(
                () => core.Step(jobs, (_, _) => Assert.Fail("a refused step has no logits"))).Message);
            Assert.Equal((3, 0), (a.Length, b.Length));
            Assert.Equal(new KvUse(1, 0, 3), cache.Use);
        }

        Refused<ArgumentException>("no token", new TokenJob(b, ReadOnlyMemory<int>.Empty));
        Refused<ArgumentException>("twice", new TokenJob(a, new[] { 1 }), new TokenJob(a, new[] { 1 }));
        Refused<ArgumentException>("Token 281 is outside",
            new TokenJob(b, new[] { 1 }), new TokenJob(a, new[] { 281 }));
        Refused<ArgumentException>("94 tokens after 3 do not fit a context of 96", new TokenJob(a, new int[94]));
        Refused<ArgumentException>("61 tokens in a step; the most are 60", new TokenJob(b, new int[61]));
        Refused<ArgumentException>("the range is 0 to 2", new TokenJob(b, new int[2], Scores: 3));
        Refused<KvMemoryException>("47 more tokens of 2 sequences need 4 KV blocks; 3 of 4 can be had",
            new TokenJob(a, new int[14]), new TokenJob(b, new int[33]));
        using var stranger = new KvCache(s_config, 4);
        using var strange = stranger.Create([]);
        Refused<ArgumentException>("another cache", new TokenJob(strange, new[] { 1 }));
        using var other = new KvCache(s_config with { Layers = 1 }, 1);
        Assert.Throws<ArgumentException>(() => new TokenCore(_view, _pool, other));
    }
}
