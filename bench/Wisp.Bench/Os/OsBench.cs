using System.CommandLine;
using System.Diagnostics;
using Wisp.Compute;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Bench.Os;

/// <summary>
/// <c>kernel</c>: what the operating system costs. A call through the gate with and without a journal, a context
/// switch, and hundreds of processes that share a prefix on a real model.
/// </summary>
internal static class OsBench
{
    public static Command Create()
    {
        var model = new Option<string>("--model", "-m")
        {
            Description = "The model", DefaultValueFactory = _ => "models/wisp-base.gguf",
        };
        var processes = new Option<int>("--processes") { Description = "Processes", DefaultValueFactory = _ => 200 };
        var shared = new Option<int>("--shared") { Description = "Tokens they share", DefaultValueFactory = _ => 512 };
        var own = new Option<int>("--own") { Description = "Tokens each writes", DefaultValueFactory = _ => 64 };
        var threads = new Option<int>("--threads") { Description = "Threads", DefaultValueFactory = _ => 2 };
        var command = new Command("kernel", "Cost of the operating system: calls, switches, shared memory")
        {
            model, processes, shared, own, threads,
        };
        command.SetAction(parse =>
        {
            var output = parse.InvocationConfiguration.Output;
            Calls(output);
            Switches(output);
            return Many(output, parse.GetValue(model)!, parse.GetValue(processes), parse.GetValue(shared),
                parse.GetValue(own), parse.GetValue(threads));
        });
        return command;
    }

    // The time from a turn's end to its last result, over its sixteen calls: gate, events, queue, driver.
    private static void Calls(TextWriter output)
    {
        output.WriteLine("A call of class, from the parsed turn to its result   median     p99");
        var folder = Directory.CreateTempSubdirectory("wisp-bench-").FullName;
        try
        {
            foreach (var (name, kind, journaled) in new[]
                {
                    ("Pure, no journal", Effect.Pure, false), ("Once, no journal", Effect.Once, false),
                    ("Pure, journal (NORMAL)", Effect.Pure, true), ("Once, journal (FULL)", Effect.Once, true),
                })
            {
                using var journal = journaled ? Journal.Open(Path.Combine(folder, $"{kind}.db"), out _) : null;
                var times = CallTimes(kind, journal, turns: journaled && kind == Effect.Once ? 60 : 400);
                output.WriteLine(
                    $"  {name,-48} {times[times.Count / 2],8:f1} µs {times[times.Count * 99 / 100],8:f1} µs");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<double> CallTimes(Effect kind, Journal? journal, int turns)
    {
        var call = string.Concat(Enumerable.Range(0, CallsPerTurn).Select(i =>
            $$$"""<tool_call>{"name": "probe", "arguments": {"n": {{{i}}}}}</tool_call>"""));
        var done = 0;
        using var core = new ScriptedCore((_, _) => done++ < turns ? call : "done", blocks: 60_000, context: 1 << 20);
        var times = new List<double>();
        var begin = 0L;
        var returned = 0;
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(kind), TimeProvider.System, () => new Transcript(core.Codec), journal)
            {
                Watch = entry =>
                {
                    if (entry.Event is Turned)
                        (begin, returned) = (Stopwatch.GetTimestamp(), 0);
                    else if (entry.Event is Returned && ++returned == CallsPerTurn)
                        times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds / CallsPerTurn);
                },
            }, new KernelOptions { InlineDrivers = true });
        _ = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "bench", Message = "go", TurnTokens = 1 << 16, Temperature = 0,
            Capabilities = [new Capability { Pattern = "/tools/**", Rights = Right.Call }],
        });
        while (kernel.Tick())
        {
        }

        times.RemoveRange(0, Math.Min(times.Count / 4, 50)); // the JIT is still at work
        times.Sort();
        return times;
    }

    private const int CallsPerTurn = 16;

    // Every tick another process: the whole tick is counted, the scripted core's step included.
    private static void Switches(TextWriter output)
    {
        using var core = new ScriptedCore((_, _) => new string('x', 400), blocks: 20_000);
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(Effect.Pure), TimeProvider.System, () => new Transcript(core.Codec)),
            new KernelOptions
            {
                InlineDrivers = true, Slots = 1,
                Scheduling = new SchedulingOptions(SchedulingPolicy.FairQueueing, 1, 1 << 20),
            });
        for (var i = 0; i < 200; i++)
            _ = kernel.SpawnAsync(new SpawnRequest { Name = "p", Message = "go", Temperature = 0 });
        for (var i = 0; i < 10_000; i++)
            kernel.Tick();
        var times = new List<double>();
        for (var i = 0; i < 50_000; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            kernel.Tick();
            times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
        }

        times.Sort();
        output.WriteLine($"A context switch among 200 processes (a whole tick)    {times[times.Count / 2],8:f1} µs " +
            $"{times[times.Count * 99 / 100],8:f1} µs");
    }

    private static int Many(TextWriter output, string path, int count, int shared, int own, int threads)
    {
        using var file = ModelFile.Open(path);
        using var pool = new WorkerPool(threads);
        using var packed = file.Pack(pool);
        // Longer than some models were trained for: what is written then is no text, and costs the same.
        var context = shared + own + 64;
        var blocks = KvCache.BlocksFor(shared + 64) + (count * (KvCache.BlocksFor(own + 32) + 1));
        using var core = new EngineCore(packed.Weights, file.Tokenizer!, pool,
            new EngineCoreOptions(context, blocks * KvStore.BlockTokens, Rows: 512));
        var codec = core.Codec;
        var prefix = Prefix(codec, shared);
        var (written, peak, turned) = (0L, 0, 0);
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(Effect.Pure), TimeProvider.System, () => new Transcript(codec))
            {
                Watch = entry =>
                {
                    if (entry.Event is not Turned e)
                        return;
                    written += e.Tokens.Length;
                    turned++;
                },
            }, new KernelOptions { InlineDrivers = true, Slots = 32 });
        for (var i = 0; i < count; i++)
            _ = kernel.SpawnAsync(new SpawnRequest
            {
                // They stay, so that all of their memory is there at the end.
                Name = $"p{i}", Instructions = prefix, Message = $"{i}", TurnTokens = own, Seed = (ulong)i,
                Stays = true,
            });
        var begin = Stopwatch.GetTimestamp();
        var ticks = 0L;
        while (kernel.Tick())
        {
            peak = Math.Max(peak, core.Kv.Use.Used);
            ticks++;
        }

        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var reports = kernel.ReportsAsync();
        kernel.Tick();
        var bytes = KvCache.BytesPerBlock(file.Config, core.Kv.Store.Type);
        // What each would hold alone: its prompt and what it wrote.
        var alone = reports.Result.Sum(r => r.Usage.KvOwn + (long)r.Usage.KvShared);
        var computed = reports.Result.Sum(r => r.Usage.PrefillTokens);
        var reused = reports.Result.Sum(r => r.Usage.ReusedTokens);
        output.WriteLine(
            $"{turned} processes on {Path.GetFileName(path)}, {shared} tokens in common, {own} of their own");
        output.WriteLine(
            $"  {written:N0} tokens written in {seconds:f1} s: {written / seconds:f0} a second, {ticks:N0} steps");
        output.WriteLine($"  prompts: {computed:N0} tokens computed, {reused:N0} found");
        output.WriteLine(
            $"  KV memory: {peak:N0} blocks, {peak * bytes / 1e6:f1} MB at most; each alone {alone:N0} blocks, " +
            $"{alone * bytes / 1e6:f1} MB: {(double)alone / peak:f1} times as much");
        return turned == count && peak * 5 <= alone ? 0 : 1;
    }

    // Words until the instructions have as many tokens as asked for.
    private static string Prefix(PromptCodec codec, int tokens)
    {
        string[] words = ["the", "old", "river", "runs", "under", "a", "stone", "bridge", "and", "on", "to", "sea"];
        var text = "";
        for (var i = 0; codec.Encode(PromptRole.System, text + " " + words[i % words.Length]).Length <= tokens; i++)
            text += (i == 0 ? "" : " ") + words[i % words.Length];
        return text;
    }

    private sealed class Nothing(Effect kind) : Driver
    {
        private readonly SysResult _result = new(SysStatus.Ok, "ok", Label.From(Source.Kernel));

        public override Effect ClassOf(Verb verb, string path) => kind;

        public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) => new(_result);
    }
}
