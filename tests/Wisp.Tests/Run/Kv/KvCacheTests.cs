using System.Runtime.InteropServices;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run.Kv;

/// <summary>
/// The cache against a model of plain lists. In place of keys and values every position stores a number made from all
/// tokens up to it, so whoever reads another sequence's memory, or memory that was never written, is found out.
/// </summary>
public sealed class KvCacheTests
{
    private static readonly WorkerPool s_pool = new(1);

    private static readonly ModelConfig s_config = TinyModel.Config(Wisp.Model.Architecture.Llama) with
    {
        Layers = 1,
        Heads = 1,
        KvHeads = 1,
        HeadDim = 2,
        Context = 4096,
    };

    [Theory]
    [InlineData(1, 12), InlineData(2, 40), InlineData(3, 200)]
    public void Ten_thousand_random_operations_leave_every_sequence_with_its_own_tokens(int seed, int blocks)
    {
        var random = new Random(seed);
        using var cache = new KvCache(s_config, blocks);
        var live = new List<(KvSequence Sequence, List<int> Tokens, long Domain)>();
        var (refused, reused) = (0, 0);
        for (var step = 0; step < 10_000; step++)
        {
            var pick = live.Count == 0 ? 0 : random.Next(live.Count);
            switch (random.Next(live.Count == 0 ? 1 : 8))
            {
                case 0 when live.Count < 12:
                    var prompt = Prompt(random);
                    var domain = random.Next(2);
                    var made = cache.Create(prompt, domain);
                    Assert.Equal(0, made.Length % 16);
                    Assert.True(made.Length < Math.Max(1, prompt.Length));
                    reused += made.Length;
                    live.Add((made, [.. prompt.Take(made.Length)], domain));
                    refused += Append(made, live[^1].Tokens, [.. prompt.Skip(made.Length)], cache, domain);
                    break;
                case 1 or 2 or 3:
                    int[] tokens = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(3))];
                    refused += Append(live[pick].Sequence, live[pick].Tokens, tokens, cache, live[pick].Domain);
                    break;
                case 4 when live.Count < 12:
                    live.Add((live[pick].Sequence.Fork(), [.. live[pick].Tokens], live[pick].Domain));
                    break;
                case 5:
                    var length = random.Next(live[pick].Tokens.Count + 1);
                    live[pick].Sequence.Truncate(length);
                    live[pick].Tokens.RemoveRange(length, live[pick].Tokens.Count - length);
                    break;
                case 6:
                    // Extending by what others may have computed.
                    var more = Prompt(random);
                    var taken = live[pick].Sequence.Extend(more);
                    live[pick].Tokens.AddRange(more.Take(taken));
                    break;
                case 7:
                    live[pick].Sequence.Dispose();
                    live.RemoveAt(pick);
                    break;
            }

            if (step % 50 == 0)
                foreach (var (sequence, expected, domain) in live)
                    Verify(cache, sequence, expected, domain);
            var use = cache.Use;
            Assert.Equal(blocks, use.Used + use.Idle + use.Free);
            // Used blocks: those of all sequences, each once.
            Assert.Equal(
                live.SelectMany(l => MemoryMarshal.ToEnumerable(l.Sequence.Blocks)).Distinct().Count(), use.Used);
        }

        Assert.True(refused > 0 || blocks > 100, "the cache was never full");
        Assert.True(reused > 0, "no prefix was ever found");
        foreach (var (sequence, _, _) in live)
            sequence.Dispose();
        Assert.Equal(0, cache.Use.Used);
        cache.Clear();
        Assert.Equal(new KvUse(0, 0, blocks), cache.Use);
    }

    [Fact]
    public void A_shared_prefix_is_stored_once_and_a_fork_copies_one_block_at_most()
    {
        using var cache = new KvCache(s_config, 100);
        int[] prefix = [.. Enumerable.Range(0, 100).Select(i => i % 7)];
        using var first = cache.Create(prefix);
        Assert.Equal(0, first.Reused);
        Append(first, [], prefix, cache, 0);
        Assert.Equal(7, cache.Use.Used);

        using var second = cache.Create(prefix);
        Assert.Equal(96, second.Reused);
        Assert.Equal(7, cache.Use.Used);
        using var otherDomain = cache.Create(prefix, domain: 1);
        Assert.Equal(0, otherDomain.Reused);

        using var fork = first.Fork();
        Assert.Equal(7, cache.Use.Used);
        Assert.Equal(1, fork.BlocksToAppend(1));
        fork.Append([1]);
        fork.Computed();
        Assert.Equal(8, cache.Use.Used);
        Assert.Equal(0, first.BlocksToAppend(1)); // its last block is its own again
        Assert.Equal(prefix, first.CopyOfTokens());
        Assert.Equal([.. prefix, 1], fork.CopyOfTokens());
    }

    [Fact]
    public void A_whole_prompt_in_the_cache_still_leaves_its_last_token_to_compute()
    {
        using var cache = new KvCache(s_config, 10);
        int[] prompt = [.. Enumerable.Range(0, 32)];
        using (var first = cache.Create(prompt))
            Append(first, [], prompt, cache, 0);
        Assert.Equal(2, cache.Use.Idle);
        using var second = cache.Create(prompt);
        Assert.Equal(16, second.Length);
        Assert.Equal(new KvUse(1, 1, 8), cache.Use);
    }

    [Fact]
    public void A_refused_append_changes_nothing_and_names_the_numbers()
    {
        using var cache = new KvCache(s_config, 4);
        using var sequence = cache.Create([]);
        sequence.Append(new int[40]);
        sequence.Computed();
        var message = Assert.Throws<KvMemoryException>(() => sequence.Append(new int[30])).Message;
        Assert.StartsWith("30 more tokens need 2 KV blocks; 1 of 4 can be had.", message);
        Assert.Equal(40, sequence.Length);
        Assert.Equal(new KvUse(3, 0, 1), cache.Use);
        sequence.Append(new int[24]);
        Assert.Throws<InvalidOperationException>(() => sequence.Append([1]));
        Assert.Throws<InvalidOperationException>(() => sequence.Fork());
        sequence.Dispose();
        sequence.Dispose();
        Assert.Throws<ObjectDisposedException>(() => sequence.Append([1]));
        Assert.Equal(0, cache.Use.Used);
    }

    [Fact]
    public void More_than_the_machine_has_is_refused_with_numbers()
    {
        var message = Assert.Throws<KvMemoryException>(() => new KvCache(s_config, int.MaxValue)).Message;
        Assert.Contains("this machine has", message);
    }

    // Few tokens and few lengths, so that prefixes meet.
    private static int[] Prompt(Random random)
    {
        var kind = random.Next(3);
        return [.. Enumerable.Range(0, random.Next(5) * 16 + random.Next(20)).Select(i => (i / 16 + kind) % 3)];
    }

    // Appends and "computes"; 1 where the cache refused for want of memory.
    private static int Append(KvSequence sequence, List<int> tokens, int[] more, KvCache cache, long domain)
    {
        var before = sequence.Length;
        try
        {
            sequence.Append(more);
        }
        catch (KvMemoryException)
        {
            Assert.Equal(before, sequence.Length);
            return 1;
        }

        tokens.AddRange(more);
        if (more.Length == 0)
            return 0;
        var marks = Marks(sequence.CopyOfTokens(), domain).AsSpan(before);
        var rows = new float[2 * marks.Length];
        for (var i = 0; i < marks.Length; i++)
            rows[2 * i] = rows[(2 * i) + 1] = marks[i];
        CachedAttention.Store(
            s_pool, cache.Store, 0, rows, rows, [new AttentionRun(0, marks.Length, before, 0)],
            sequence.Blocks.Span);
        sequence.Computed();
        return 0;
    }

    private static void Verify(KvCache cache, KvSequence sequence, List<int> tokens, long domain)
    {
        Assert.Equal(tokens.Count, sequence.Length);
        Assert.Equal(tokens, sequence.CopyOfTokens());
        var marks = Marks([.. tokens], domain);
        var blocks = sequence.Blocks.Span;
        Assert.Equal((tokens.Count + 15) / 16, blocks.Length);
        for (var i = 0; i < marks.Length; i++)
            Assert.Equal(marks[i], MemoryMarshal.Cast<byte, float>(cache.Store.Bytes(blocks[i / 16]))[i % 16]);
    }

    // A number for every position, made of all tokens up to it.
    private static float[] Marks(int[] tokens, long domain)
    {
        var marks = new float[tokens.Length];
        var hash = (uint)domain * 77 + 5;
        for (var i = 0; i < tokens.Length; i++)
        {
            hash = (hash * 31) + (uint)tokens[i] + 1;
            marks[i] = hash & 0xffffff;
        }

        return marks;
    }
}
