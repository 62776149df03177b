using System.Diagnostics;
using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Bench.Os;

/// <summary>Many processes with the same instructions on a real model, sharing their keys and values or not.</summary>
internal sealed record Crowd(int Processes, int Shared, int Own)
{
    private const int Slots = 32, Rows = 512;
    private const int Slack = 32; // tokens of a message and of the turn around it, at most
    private const double Least = 5; // times as much without sharing

    private readonly record struct Outcome(
        long Written, double Seconds, double InModel, int Peak, long Computed, long Found);

    private int Tokens => Shared + Own + (2 * Slack);

    public IEnumerable<Figure> Measure(string model, int threads)
    {
        var stretched = Path.GetTempFileName();
        try
        {
            Stretch(model, stretched);
            using var file = ModelFile.Open(stretched);
            using var pool = new WorkerPool(threads);
            using var packed = file.Pack(pool);
            var (engine, read) = EngineAlone(file, packed, pool);
            var (together, alone) = (Run(file, packed, pool, sharing: true), Run(file, packed, pool, sharing: false));
            // Before and after: neighbours only ever slow.
            engine = Math.Max(engine, EngineAlone(file, packed, pool).Rate);
            var rate = together.Written / together.Seconds;
            var bytes = KvCache.BytesPerBlock(file.Config, KvType.F16);
            var times = (double)alone.Peak / together.Peak;
            yield return new Figure($"KV memory of {Processes} processes at most, shared",
                $"{together.Peak * bytes / 1e6:n1} MB");
            yield return new Figure("the same, each for itself", $"{alone.Peak * bytes / 1e6:n1} MB");
            yield return new Figure("times as much without sharing", $"{times:n1}", Wanted: $"{Least} or more",
                Holds: times >= Least);
            yield return new Figure("tokens written a second, shared", $"{rate:n0}");
            yield return new Figure("the same, each for itself", $"{alone.Written / alone.Seconds:n0}");
            yield return new Figure($"the engine alone, the same {Processes} prompts",
                $"{engine:n0}; with the kernel {rate / engine:p0} of it");
            yield return new Figure("prompt tokens computed of those read, shared",
                $"{together.Computed:n0} of {together.Computed + together.Found:n0}");
            yield return new Figure("the same, the engine alone", $"{read:n0}");
            yield return new Figure($"the kernel's share of the time, {Slots} processes a step",
                $"{1 - (together.InModel / together.Seconds):p1}");
        }
        finally
        {
            File.Delete(stretched);
        }
    }

    // The same weights under a longer context: positions that the model was not trained for cost the same.
    private void Stretch(string model, string to)
    {
        using var gguf = Gguf.Open(model);
        var writer = new GgufWriter();
        foreach (var (key, _) in gguf.Metadata)
            if (key.EndsWith(".context_length", StringComparison.Ordinal))
                writer.AddUInt(key, Tokens);
            else
                writer.AddCopy(gguf, key);
        foreach (var tensor in gguf.Tensors)
            writer.AddCopy(gguf, tensor);
        writer.Write(to);
    }

    private Outcome Run(ModelFile file, PackedWeights packed, WorkerPool pool, bool sharing)
    {
        using var engine = new EngineCore(packed.Weights, file.Tokenizer!, pool,
            new EngineCoreOptions(Tokens, (Processes + 1) * Tokens, Rows, MeasuresAttention: true));
        using var core = new TimedCore(engine);
        var instructions = Instructions(core.Codec);
        var (written, peak, turned) = (0L, 0, 0);
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(Effect.Pure), TimeProvider.System, () => new Transcript(core.Codec))
            {
                Watch = entry =>
                {
                    if (entry.Event is Turned e)
                        (written, turned) = (written + e.Tokens.Length, turned + 1);
                },
            }, new KernelOptions { InlineDrivers = true, Slots = Slots });
        for (var i = 0; i < Processes; i++)
            _ = kernel.SpawnAsync(new SpawnRequest
            {
                // They stay, so that all of their memory is there at the end.
                Name = $"p{i}", Instructions = instructions, Message = $"{i}", TurnTokens = Own, Seed = (ulong)i,
                Stays = true, Domain = sharing ? 0 : i + 1,
            });
        var begin = Stopwatch.GetTimestamp();
        while (kernel.Tick())
            peak = Math.Max(peak, core.Kv.Use.Used);
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        if (turned < Processes)
            throw new InvalidOperationException($"{turned} of {Processes} processes have answered.");
        var reports = kernel.ReportsAsync();
        kernel.Tick();
        return new Outcome(written, seconds, core.Seconds, peak,
            reports.Result.Sum(r => r.Usage.PrefillTokens), reports.Result.Sum(r => r.Usage.ReusedTokens));
    }

    // Tokens a second, and prompt tokens read, of the engine that has no kernel around it, on the same prompts with as
    // many at once.
    private (double Rate, long Computed) EngineAlone(ModelFile file, PackedWeights packed, WorkerPool pool)
    {
        var codec = ChatCodec.Of(file.Tokenizer!);
        var instructions = codec.Part(PromptRole.System, Instructions(codec)).Tokens.ToArray();
        var engine = new Wisp.Run.Engine(packed.Weights, new EngineOptions
        {
            Context = Tokens, CacheTokens = (Processes + 1) * Tokens, MaxRequests = Slots, Rows = Rows,
        }, pool);
        var begin = Stopwatch.GetTimestamp();
        var computed = Task.WhenAll(Enumerable.Range(0, Processes).Select(async i =>
        {
            var request = new EngineRequest
            {
                Prompt = [.. instructions, .. codec.Encode(PromptRole.User, $"{i}"), .. codec.Opening],
                MaxTokens = Own, Seed = (ulong)i, End = new HashSet<int>(),
            };
            var stream = engine.Start(request);
            await foreach (var _ in stream.ReadAllAsync().ConfigureAwait(false))
            {
            }

            return (long)stream.Usage.PromptTokens - stream.Usage.CachedTokens;
        })).GetAwaiter().GetResult().Sum();
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return (Processes * Own / seconds, computed);
    }

    // Words until there are as many tokens as asked for.
    private string Instructions(PromptCodec codec)
    {
        string[] words = ["the", "old", "river", "runs", "under", "a", "stone", "bridge", "and", "on", "to", "sea"];
        var text = "";
        for (var i = 0; codec.Encode(PromptRole.System, text + " " + words[i % words.Length]).Length <= Shared; i++)
            text += (i == 0 ? "" : " ") + words[i % words.Length];
        return text;
    }

    // What the model's own steps take.
    private sealed class TimedCore(ITokenCore core) : ITokenCore
    {
        public double Seconds { get; private set; }

        public KvCache Kv => core.Kv;

        public PromptCodec Codec => core.Codec;

        public int Context => core.Context;

        public int Rows => core.Rows;

        public void Step(IReadOnlyList<StepJob> jobs)
        {
            var begin = Stopwatch.GetTimestamp();
            core.Step(jobs);
            Seconds += Stopwatch.GetElapsedTime(begin).TotalSeconds;
        }

        // All write as much as they may, and nothing of it is a call.
        public bool Ends(int token) => false;

        public string Text(IReadOnlyList<int> tokens) => "";

        public void Dispose()
        {
        }
    }
}
