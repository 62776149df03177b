using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Policies;

/// <summary>What to write to each prompt.</summary>
/// <param name="Group">Answers to each prompt; they share the memory and the work of their prompt.</param>
/// <param name="MaxTokens">Tokens after which an answer is cut off.</param>
public sealed record RolloutOrder(int Group, int MaxTokens, Sampling Sampling, ulong Seed)
{
    /// <summary>The policy's own distribution: no cut, no temperature; all else is another policy.</summary>
    public static Sampling Policy { get; } = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0 };
}

/// <summary>
/// Lets the engine answer with the weights as they are in training: they are packed anew for every call, which takes
/// milliseconds, and no file is written. Keys and values stay float32, so the engine's log-probabilities are the
/// trainer's but for the order of float32 sums.
/// </summary>
public sealed class Rollouts(Parameters weights, Tokenizer tokenizer, WorkerPool pool)
{
    // Requests at once. More rows a pass read the weights less often; past some hundred the products are full.
    private const int Streams = 128;

    /// <summary>Tokens that the last call wrote.</summary>
    public long Written { get; private set; }

    /// <summary>Answers to all prompts, those to one prompt side by side. Each depends on its own seed alone.</summary>
    /// <param name="end">Tokens that end an answer.</param>
    /// <exception cref="ArgumentException">A prompt and its answer do not fit the context.</exception>
    public Rollout[] Sample(
        IReadOnlyList<int[]> prompts, RolloutOrder order, IReadOnlySet<int> end, CancellationToken cancel = default)
    {
        if (prompts.Count == 0)
            return [];
        var context = prompts.Max(prompt => prompt.Length) + order.MaxTokens;
        var streams = Math.Min(Streams, prompts.Count * order.Group);
        using var packed = new PackedWeights(DecoderWeights.Of(weights), pool);
        var options = new EngineOptions
        {
            Context = context, Kv = KvType.F32, MaxRequests = streams, Rows = Math.Max(256, 2 * streams),
            // Whole blocks for each, and one more for what it shares half.
            CacheTokens = streams * ((context / KvStore.BlockTokens) + 2) * KvStore.BlockTokens,
        };
        var engine = new Engine(packed.Weights, options, pool);
        try
        {
            return Collect(engine, prompts, order, end, cancel).GetAwaiter().GetResult();
        }
        finally
        {
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private async Task<Rollout[]> Collect(
        Engine engine, IReadOnlyList<int[]> prompts, RolloutOrder order, IReadOnlySet<int> end,
        CancellationToken cancel)
    {
        EngineStream[] streams = [.. Enumerable.Range(0, prompts.Count * order.Group).Select(i => engine.Start(
            new EngineRequest
            {
                Prompt = prompts[i / order.Group], MaxTokens = order.MaxTokens, Sampling = order.Sampling, End = end,
                Seed = Shuffle.Key(order.Seed, stream: 9, (ulong)i), LogProbabilities = 0,
            }, cancel))];
        var rollouts = new Rollout[streams.Length];
        Written = 0;
        for (var i = 0; i < streams.Length; i++)
        {
            var (ids, logs) = (new List<int>(), new List<float>());
            await foreach (var token in streams[i].ReadAllAsync(cancel).ConfigureAwait(false))
                Add(token);
            var text = tokenizer.DecodeText([.. ids.Where(id => !tokenizer.IsSpecial(id))]);
            if (streams[i].EndToken is { } last)
                Add(last);
            cancel.ThrowIfCancellationRequested();
            Written += ids.Count;
            rollouts[i] = new Rollout(
                prompts[i / order.Group], [.. ids], [.. logs], streams[i].EndToken is not null, text);

            void Add(EngineToken token)
            {
                ids.Add(token.Id);
                logs.Add(token.Chosen!.Value.LogProbability);
            }
        }

        return rollouts;
    }
}
