using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run.Serving;

public sealed class EngineTests : IDisposable
{
    private static readonly HashSet<int> s_end = [280];

    private readonly Parameters _weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, context: 2048));

    public void Dispose() => _weights.Dispose();

    private DecoderWeights View => DecoderWeights.Of(_weights);

    private static EngineRequest Request(int seed, int length, int tokens) => new()
    {
        // Every third prompt begins with the same hundred tokens.
        Prompt = [.. Enumerable.Range(0, length).Select(i => seed % 3 == 0 && i < 100 ? i % 50 : (i * seed + 7) % 270)],
        MaxTokens = tokens,
        Sampling = seed % 2 == 0 ? Sampling.Greedy : new Sampling { Temperature = 1.5f, RepeatPenalty = 1.1f },
        Seed = (ulong)seed,
        End = s_end,
        LogProbabilities = seed % 5 == 0 ? 3 : null,
    };

    // The definition: one sequence, one thread, one token after the other.
    private List<int> Alone(EngineRequest request)
    {
        using var pool = new WorkerPool(1);
        using var session = new Session(View, pool, kv: KvType.F16);
        var sampler = new Sampler(request.Sampling, request.Seed, 281);
        return [.. Generation.Tokens(session, sampler, request.Prompt, request.MaxTokens, request.End)];
    }

    private static async Task<List<EngineToken>> Read(EngineStream stream)
    {
        var tokens = new List<EngineToken>();
        await foreach (var token in stream.ReadAllAsync())
            tokens.Add(token);
        return tokens;
    }

    [Theory]
    [InlineData(1, 256, 0), InlineData(2, 25, 0), InlineData(2, 300, 7), InlineData(3, 70, 31)]
    public async Task A_request_gets_the_tokens_it_would_get_alone(int threads, int rows, int lookahead)
    {
        EngineRequest[] requests =
            [.. Enumerable.Range(1, 24).Select(i => Request(i, 1 + (i * 53 % 400), 1 + (i * 7 % 60)))];
        using var pool = new WorkerPool(threads);
        await using var engine = new Engine(View, new EngineOptions
        {
            MaxRequests = 9, Rows = rows, Lookahead = lookahead, CacheTokens = 4096,
        }, pool);
        var streams = requests.Select(r => engine.Start(r)).ToList();
        for (var i = 0; i < streams.Count; i++)
        {
            var found = await Read(streams[i]);
            var expected = Alone(requests[i]);
            Assert.Equal(expected, found.Select(t => t.Id));
            Assert.Equal(expected.Count < requests[i].MaxTokens ? GenerationEnd.EndToken : GenerationEnd.Count,
                streams[i].End);
            Assert.Equal((requests[i].Prompt.Count, expected.Count),
                (streams[i].Usage.PromptTokens, streams[i].Usage.GeneratedTokens));
            Assert.All(found, t => Assert.Equal(requests[i].LogProbabilities is null, t.Chosen is null));
        }

        // The same again, now that some of the prefixes are in the cache.
        var hits = 0;
        foreach (var request in requests)
        {
            var again = engine.Start(request);
            Assert.Equal(Alone(request), (await Read(again)).Select(t => t.Id));
            hits += again.Usage.CachedTokens;
        }

        Assert.True(hits > 0);
        if (lookahead > 0)
            Assert.Contains(streams, s => s.Usage.GuessedTokens > 0);
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public async Task Sixty_four_requests_with_one_prefix_compute_it_once_and_store_it_once()
    {
        int[] prefix = [.. Enumerable.Range(0, 1000).Select(i => i * 7 % 270)];
        EngineRequest[] requests =
        [
            .. Enumerable.Range(0, 64).Select(i => new EngineRequest
            {
                Prompt = [.. prefix, i, i + 1, i + 2], MaxTokens = 4, End = s_end, Sampling = Sampling.Greedy,
            }),
        ];
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions { CacheTokens = 8192 }, pool);
        var streams = requests.Select(r => engine.Start(r)).ToList();
        foreach (var stream in streams)
            await Read(stream);

        // 62 whole blocks of the prefix once; of each request what follows them, 11 tokens, and up to 3 written ones.
        Assert.InRange(engine.ComputedRows, 992 + (64 * 11), 992 + (64 * 14));
        Assert.Equal(63 * 992, streams.Sum(s => s.Usage.CachedTokens)); // they took turns in computing it
        Assert.Equal(Alone(requests[5]), (await Read(engine.Start(requests[5]))).Select(t => t.Id));
        Assert.InRange(engine.Use.Idle, 62, 62 + 64);
    }

    [Fact]
    public async Task Cancelled_requests_end_and_leave_no_block_behind()
    {
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions { MaxRequests = 4 }, pool);
        using var cancel = new CancellationTokenSource();
        var streams = Enumerable.Range(0, 12).Select(i => engine.Start(
            Request(i, 300, 1500) with { End = new HashSet<int>() }, cancel.Token)).ToList();
        await foreach (var _ in streams[0].ReadAllAsync())
            break;
        await streams[1].DisposeAsync(); // leaving is cancelling too
        await cancel.CancelAsync();
        foreach (var stream in streams)
        {
            await Read(stream);
            Assert.Equal(GenerationEnd.Cancelled, stream.End);
        }

        var request = Request(1, 50, 20);
        Assert.Equal(Alone(request), (await Read(engine.Start(request))).Select(t => t.Id));
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public async Task A_long_prompt_holds_up_no_other_request()
    {
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions { Rows = 96 }, pool);
        // The engine waits in this one until both others are in the queue.
        using var queued = new ManualResetEventSlim();
        var gate = engine.Start(Request(4, 1, 1) with
        {
            Allowed = _ =>
            {
                queued.Wait();
                return default;
            },
        });
        var rows = 0L;
        var reading = engine.Start(Request(1, 1900, 1));
        var beside = engine.Start(Request(2, 20, 10) with
        {
            End = new HashSet<int>(),
            Allowed = written =>
            {
                if (written.Count == 9)
                    rows = engine.ComputedRows;
                return default;
            },
        });
        queued.Set();
        await Read(gate);
        Assert.Equal(10, (await Read(beside)).Count);
        // Ten passes of at most 96 rows were enough, and the prompt took what they had left.
        Assert.InRange(rows, 500, 11 * 96);
        await Read(reading);
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public async Task A_cancelled_request_ends_although_one_before_it_waits_for_memory()
    {
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions { Context = 512, CacheTokens = 512 }, pool);
        var running = engine.Start(Request(1, 300, 200) with { End = new HashSet<int>() });
        await using var first = running.ReadAllAsync().GetAsyncEnumerator();
        Assert.True(await first.MoveNextAsync());
        var waiting = engine.Start(Request(2, 300, 200));
        using var cancel = new CancellationTokenSource();
        var behind = engine.Start(Request(4, 300, 200), cancel.Token);
        await cancel.CancelAsync();
        Assert.Empty(await Read(behind));
        Assert.Equal(GenerationEnd.Cancelled, behind.End);
        while (await first.MoveNextAsync())
        {
        }

        Assert.Equal(Alone(waiting.Request), (await Read(waiting)).Select(t => t.Id));
    }

    [Fact]
    public async Task Requests_wait_for_memory_and_all_are_served()
    {
        using var pool = new WorkerPool(2);
        // Room for two of them at a time.
        await using var engine = new Engine(View, new EngineOptions { Context = 512, CacheTokens = 640 }, pool);
        var requests = Enumerable.Range(0, 10).Select(i => Request(i + 1, 200, 60)).ToList();
        var streams = requests.Select(r => engine.Start(r)).ToList();
        for (var i = 0; i < streams.Count; i++)
            Assert.Equal(Alone(requests[i]), (await Read(streams[i])).Select(t => t.Id));
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public async Task A_request_that_fails_takes_no_other_with_it()
    {
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions(), pool);
        var good = Request(1, 50, 20);
        var beside = engine.Start(good);
        var failing = engine.Start(Request(2, 50, 20) with
        {
            Allowed = written => written.Count < 3 ? default(ReadOnlyMemory<ulong>)
                : throw new InvalidOperationException("the mask is broken"),
        });
        Assert.Equal("the mask is broken", (await Assert.ThrowsAsync<InvalidOperationException>(
            () => Read(failing))).Message);
        Assert.Equal(Alone(good), (await Read(beside)).Select(t => t.Id));
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public async Task What_can_never_run_is_refused_with_numbers_and_the_engine_serves_on()
    {
        using var pool = new WorkerPool(2);
        await using var engine = new Engine(View, new EngineOptions { Context = 100 }, pool);
        Assert.Contains("The prompt has 90 tokens and 20 more are asked for; the context holds 100.",
            Assert.Throws<PromptTooLongException>(() => engine.Start(Request(1, 90, 20))).Message);
        Assert.Throws<ArgumentException>(() => engine.Start(Request(1, 0, 20)));
        Assert.ThrowsAny<ArgumentException>(() => engine.Start(Request(1, 10, 0)));
        Assert.Throws<ArgumentException>(() => engine.Start(Request(1, 10, 5) with { Prompt = [281] }));
        Assert.ThrowsAny<ArgumentException>(
            () => engine.Start(Request(1, 10, 5) with { Sampling = new Sampling { TopP = 2 } }));

        // A mask that forbids everything is a fault of its request.
        var none = engine.Start(Request(1, 10, 5) with { Allowed = _ => new ulong[5] });
        await Assert.ThrowsAnyAsync<Exception>(() => Read(none));
        Assert.Equal(5, (await Read(engine.Start(Request(2, 10, 5) with { End = new HashSet<int>() }))).Count);
        Assert.Equal(0, engine.Use.Used);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        static void Fault(EngineOptions options, string what) =>
            Assert.StartsWith(what, Assert.Throws<ArgumentException>(() => options.Checked(2048)).Message);
        Fault(new() { Context = 4096 }, "The context is 4096; it must be 1 to 2048 tokens.");
        Fault(new() { Context = 100, CacheTokens = 50 }, "The cache is 50");
        Fault(new() { MaxRequests = 0 }, "The number of requests");
        Fault(new() { MaxRequests = 300, Rows = 200 }, "The rows of a pass");
        Fault(new() { Lookahead = 40 }, "The lookahead is 40");
    }
}
