using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Align.Policies;

namespace Wisp.Bench;

/// <summary>
/// <c>rollouts</c>: tokens a second of answers that a policy learns from, beside the same requests put to an engine
/// whose weights were packed before: what a step of training adds is packing, log-probabilities, and text.
/// </summary>
internal static class RolloutBench
{
    private const int PromptTokens = 32;

    public static Command Create()
    {
        var model = new Option<string>("--model", "-m")
        {
            Description = "The model", DefaultValueFactory = _ => "models/wisp-chat.gguf",
        };
        var prompts = Whole("--prompts", "Prompts of a step", 16);
        var group = Whole("--group", "Answers to each prompt", 8);
        var tokens = Whole("--tokens", "Tokens of each answer", 64);
        var rounds = Whole("--rounds", "Rounds of both in turn; the medians count", 5);
        var threads = Whole("--threads", "Threads", 2);
        var command = new Command("rollouts", "Answers to learn from, beside the engine's batch throughput")
        {
            model, prompts, group, tokens, rounds, threads,
        };
        command.SetAction(parse => Run(
            parse.InvocationConfiguration.Output, parse.GetRequiredValue(model),
            new Load(parse.GetValue(prompts), parse.GetValue(group), parse.GetValue(tokens)), parse.GetValue(rounds),
            parse.GetValue(threads)));
        return command;
    }

    private readonly record struct Load(int Prompts, int Group, int Tokens);

    private static Option<int> Whole(string name, string description, int value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };

    private static void Run(TextWriter output, string path, Load load, int rounds, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var file = ModelFile.Open(path);
        using var weights = file.ReadParameters();
        var random = new SplitMix64(1);
        int[][] prompts = [.. Enumerable.Range(0, load.Prompts).Select(_ => Enumerable.Range(0, PromptTokens)
            .Select(_ => (int)(random.Next() % (ulong)Math.Min(file.Config.Vocabulary, 256))).ToArray())];

        // Nothing ends an answer, so both write the same number of tokens.
        var order = new RolloutOrder(load.Group, load.Tokens, RolloutOrder.Policy, Seed: 1);
        var rollouts = new Rollouts(weights, file.Tokenizer!, pool);
        using var packed = new PackedWeights(DecoderWeights.Of(weights), pool);
        var (engine, learner) = (new List<double>(), new List<double>());
        for (var round = -1; round < rounds; round++)
        {
            var plain = Seconds(() => Plain(packed.Weights, prompts, order, pool));
            var whole = Seconds(() => rollouts.Sample(prompts, order, new HashSet<int>()));
            if (round < 0)
                continue; // the compiler's
            engine.Add(load.Prompts * load.Group * load.Tokens / plain);
            learner.Add(load.Prompts * load.Group * load.Tokens / whole);
        }

        double e = Median(engine), l = Median(learner);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{path}: {load.Prompts} prompts x {load.Group} answers x {load.Tokens} tokens, {threads} threads, " +
            $"medians of {rounds}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"engine    {e,9:n0} tokens/s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rollouts  {l,9:n0} tokens/s   {l / e:p1}"));
    }

    // The engine as a server has it: weights packed, no log-probabilities, as many streams, keys and values of float32.
    private static void Plain(DecoderWeights weights, int[][] prompts, RolloutOrder order, WorkerPool pool)
    {
        var streams = Math.Min(128, prompts.Length * order.Group);
        var context = PromptTokens + order.MaxTokens;
        var engine = new Run.Engine(weights, new EngineOptions
        {
            Context = context, Kv = KvType.F32, MaxRequests = streams, Rows = Math.Max(256, 2 * streams),
            CacheTokens = streams * (context + (2 * KvStore.BlockTokens)),
        }, pool);
        var all = Enumerable.Range(0, prompts.Length * order.Group).Select(async i =>
        {
            var request = new EngineRequest
            {
                Prompt = prompts[i / order.Group], MaxTokens = order.MaxTokens, Sampling = order.Sampling,
                Seed = (ulong)i, End = new HashSet<int>(),
            };
            await foreach (var _ in engine.Start(request).ReadAllAsync().ConfigureAwait(false))
            {
            }
        });
        Task.WhenAll(all).GetAwaiter().GetResult();
        engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private static double Seconds(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
