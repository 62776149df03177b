using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Wisp.Bench.Peer;
using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Bench.Engine;

/// <summary>
/// <c>engine-side</c>: one engine with one model in a process of its own, which answers requests line by line. Memory
/// and the time to the first token are then the engine's alone, and neither heats up the other's caches.
/// </summary>
internal static class SideProgram
{
    public const string Ours = "ours", Mapped = "ours-mapped", Peer = "llama.cpp";

    // Tokens before the first generated one: a short question.
    public const int FirstPrompt = 16;

    private const int ShortPast = 16;

    public static Command Create()
    {
        var engine = new Argument<string>("engine");
        engine.AcceptOnlyFromAmong(Ours, Mapped, Peer);
        var model = new Option<string>("-m") { Required = true };
        var threads = new Option<int>("--threads") { Required = true };
        var context = new Option<int>("--context") { Required = true };
        var streams = new Option<int>("--streams");
        var peer = new Option<string?>("--peer");
        var command = new Command("engine-side", "One side of bench engine") { Hidden = true };
        foreach (var option in (Option[])[model, threads, context, streams, peer])
            command.Add(option);
        command.Add(engine);
        command.SetAction(parse =>
        {
            var (path, count) = (parse.GetRequiredValue(model), parse.GetValue(streams));
            var (workers, length) = (parse.GetRequiredValue(threads), parse.GetRequiredValue(context));
            var side = parse.GetRequiredValue(engine);
            var native = side == Peer
                ? LlamaNative.Load(PeerPackage.Folder(parse.GetValue(peer))) : null;
            var watch = Stopwatch.StartNew();
            if (count > 0)
            {
                using IStreams several = native is null
                    ? new OurStreams(path, workers, length, count)
                    : new PeerStreams(native, path, workers, length, count);
                Serve(Started(watch, native), request => Answer(several, request));
                return;
            }

            using ISequence one = native is null
                ? new OurSequence(path, workers, length, side == Mapped)
                : new PeerSequence(native, path, workers, length);
            var started = Started(watch, native);
            LlamaCpp.ArgMax(one.Feed(Tokens(one.Vocabulary, FirstPrompt)));
            Serve(started, request => Answer(one, request));
        });
        return command;
    }

    /// <summary>Random ids, the same on both sides: what the text says changes nothing about the speed.</summary>
    public static int[] Tokens(int V, int count, ulong seed = 1)
    {
        var random = new SplitMix64(seed);
        var tokens = new int[count];
        foreach (ref var token in tokens.AsSpan())
            token = (int)(random.NextUnit() * V);
        return tokens;
    }

    private static SideStart Started(Stopwatch watch, LlamaNative? native) => new(
        native is null
            ? $"Wisp {typeof(Session).Assembly.GetName().Version?.ToString(3)} on .NET {Environment.Version}"
            : $"llama.cpp {native.Version} ({CpuLibrary()})",
        watch.Elapsed.TotalSeconds);

    // The variant that llama.cpp found best for this CPU, by what is mapped.
    private static string CpuLibrary() => File.ReadLines("/proc/self/maps")
        .Select(line => Path.GetFileName(line)).FirstOrDefault(
            name => name.StartsWith("libggml-cpu", StringComparison.Ordinal)) ?? "no CPU library";

    // A fault is an answer too: the parent knows the file and the side, and says them.
    private static void Serve(SideStart start, Func<string[], object> answer)
    {
        Reply(start);
        while (Console.ReadLine() is { } line)
            try
            {
                Reply(answer(line.Split(' ')));
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException)
            {
                Console.WriteLine($"fault {e.Message.ReplaceLineEndings(" ")}");
            }
    }

    private static void Reply(object answer)
    {
        Console.WriteLine(JsonSerializer.Serialize(answer));
        Console.Out.Flush();
    }

    private static object Answer(ISequence side, string[] request) => request switch
    {
        ["warm", var seconds] => Warm(side, double.Parse(seconds)),
        ["logits", var count, var path] => Logits(side, int.Parse(count), path),
        ["prefill", var count, var seconds] => Prefill(side, int.Parse(count), double.Parse(seconds)),
        ["decode", var count, var seconds] => Decode(side, int.Parse(count), double.Parse(seconds)),
        ["read", var count] => Read(side, int.Parse(count)),
        ["continue", var count] => Continue(side, int.Parse(count)),
        ["memory"] => SideMemory.Now(),
        _ => throw new ArgumentException($"'{string.Join(' ', request)}' is not known here."),
    };

    private static object Answer(IStreams side, string[] request) => request switch
    {
        ["streams", var streams, var count, var seconds] =>
            Steps(side, int.Parse(streams), int.Parse(count), double.Parse(seconds)),
        ["operations", var past, var rows] when side is OurStreams ours =>
            Operations.Measure(ours, int.Parse(past), int.Parse(rows)),
        _ => throw new ArgumentException($"'{string.Join(' ', request)}' is not known here."),
    };

    // Until the JIT has optimised what will be measured. It looks at a method again after 30 calls and 0.1 s of quiet.
    private static double Warm(ISequence side, double seconds)
    {
        var watch = Stopwatch.StartNew();
        for (var round = 0; round < 2 || watch.Elapsed.TotalSeconds < seconds; round++)
        {
            Prefill(side, 128, 0);
            Decode(side, 16, 0);
        }

        return watch.Elapsed.TotalSeconds;
    }

    // Logits go through a file: they are many, and the two sides are compared bit by bit elsewhere.
    private static int Logits(ISequence side, int count, string path)
    {
        var logits = side.Logits(Tokens(side.Vocabulary, count));
        using var file = File.Create(path);
        file.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(logits));
        return logits.Length;
    }

    private static double Prefill(ISequence side, int count, double atLeast)
    {
        var tokens = Tokens(side.Vocabulary, count);
        return Rate(count, atLeast, side.Clear, () => side.Feed(tokens));
    }

    private static double Decode(ISequence side, int count, double atLeast)
    {
        int[] past = Tokens(side.Vocabulary, ShortPast), tokens = Tokens(side.Vocabulary, count, seed: 2);
        return Rate(count, atLeast, Prepare, () => OneByOne(side, tokens));

        void Prepare()
        {
            side.Clear();
            side.Feed(past);
        }
    }

    private static double Read(ISequence side, int count)
    {
        var watch = Stopwatch.StartNew();
        side.Clear();
        side.Feed(Tokens(side.Vocabulary, count));
        return count / watch.Elapsed.TotalSeconds;
    }

    private static double Continue(ISequence side, int count)
    {
        var tokens = Tokens(side.Vocabulary, count, seed: 3);
        return Rate(count, 0, () => { }, () => OneByOne(side, tokens));
    }

    private static double Steps(IStreams side, int streams, int count, double atLeast)
    {
        var tokens = Tokens(side.Vocabulary, streams * count);
        return Rate(streams * count, atLeast, side.Clear, () =>
        {
            for (var step = 0; step < count; step++)
                side.Step(tokens.AsSpan(step * streams, streams));
        });
    }

    private static void OneByOne(ISequence side, ReadOnlySpan<int> tokens)
    {
        for (var i = 0; i < tokens.Length; i++)
            side.Feed(tokens.Slice(i, 1));
    }

    // Tokens a second over as many repetitions as fill the time: a small model is done before a clock says much.
    private static double Rate(int tokens, double atLeast, Action prepare, Action work)
    {
        var watch = new Stopwatch();
        var times = 0;
        do
        {
            prepare();
            watch.Start();
            work();
            watch.Stop();
            times++;
        }
        while (watch.Elapsed.TotalSeconds < atLeast);
        return tokens * times / watch.Elapsed.TotalSeconds;
    }
}
