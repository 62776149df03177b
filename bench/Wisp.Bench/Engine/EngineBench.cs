using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Wisp.Bench.Peer;
using Wisp.Compute;

namespace Wisp.Bench.Engine;

/// <summary>
/// <c>engine</c>: ours and llama.cpp on the same model files, threads and prompts, beside the roofs of the machine.
/// METHOD.md says what is timed.
/// </summary>
internal static class EngineBench
{
    private const int Interrupted = 130; // as shells report the end by Ctrl-C

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    public static Command Create()
    {
        var shapes = new Option<string>("--shapes")
        {
            Description = $"Of {string.Join(", ", Shape.Known.Select(s => s.Name))} (default: all; the smaller two " +
                "with --quick)",
        };
        var types = new Option<string>("--types")
        {
            Description = "Types of weights with commas",
            DefaultValueFactory = _ => "f32,f16,bf16,q8_0,q4_0,q4_k,q6_k",
        };
        var threads = new Option<int>("--threads")
        {
            Description = "Threads of each side; 0 means all cores",
            DefaultValueFactory = _ => 2,
        };
        var rounds = new Option<int?>("--rounds") { Description = "Rounds of ours and llama.cpp in turn (default: 5)" };
        var quick = new Option<bool>("--quick") { Description = "Two rounds, and no long context" };
        var peer = new Option<string?>("--peer")
        {
            Description = "Folder with llama.cpp's libraries (default: artifacts/peer, fetched with npm)",
        };
        var cache = new Option<string>("--cache")
        {
            Description = "Folder for the model files (default: wisp/bench in the user's cache)",
        };
        var results = new Option<string?>("--out")
        {
            Description = "Also write the result to this Markdown file, and the numbers to .json beside it",
        };
        var keep = new Option<bool>("--keep")
        {
            Description = "Keep the results of other models that the .json beside --out already holds",
        };
        var command = new Command("engine", "Speed and memory of running models, beside llama.cpp")
        {
            shapes, types, threads, rounds, quick, peer, cache, results, keep,
        };
        command.SetAction(parse =>
        {
            var small = parse.GetValue(quick);
            var workers = parse.GetValue(threads);
            var count = parse.GetValue(rounds) ?? (small ? 2 : 5);
            if (workers < 0 || count < 1)
                throw new ArgumentException($"--threads {workers} --rounds {count}: too few.");
            var options = new EngineOptions(
                PeerPackage.Folder(parse.GetValue(peer)), workers == 0 ? Environment.ProcessorCount : workers, count,
                DecodeTokens: 64, LongPast: small ? 0 : 2048, Streams: 8);
            var models = Models(
                parse.GetValue(shapes) ?? (small ? "15M,135M" : "15M,135M,1B"), parse.GetRequiredValue(types),
                parse.GetValue(cache) ?? DefaultCache());
            var file = parse.GetValue(results);
            return Run(parse.InvocationConfiguration.Output, options, models, file,
                parse.GetValue(keep) ? Kept(file, models) : []);
        });
        return command;
    }

    private static List<RandomModel> Models(string shapes, string types, string cache) =>
    [
        .. from shape in Words(shapes).Select(Shape.Named)
           from type in Words(types).Select(TypeNamed)
           select new RandomModel(shape, type, cache),
    ];

    // What an earlier run said about models that this one does not measure.
    private static List<EngineResult> Kept(string? file, List<RandomModel> models)
    {
        if (file is null)
            throw new ArgumentException("--keep goes with --out, whose results it keeps.");
        var numbers = Path.ChangeExtension(file, ".json");
        if (!File.Exists(numbers))
            return [];
        var all = JsonSerializer.Deserialize<List<EngineResult>>(File.ReadAllBytes(numbers))
            ?? throw new InvalidDataException($"{numbers}: holds no results.");
        return all.FindAll(r => !models.Exists(m => m.Shape.Name == r.Shape && m.Type.Name() == r.Type));
    }

    private static string[] Words(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static DType TypeNamed(string name) =>
        Enum.TryParse<DType>(name, ignoreCase: true, out var type) && type.CanEncode()
            ? type
            : throw new ArgumentException($"--types: '{name}' cannot be written; {DTypes.Names(
                DTypes.CanEncode)} can.");

    private static string DefaultCache()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } given
            ? given : Path.Combine(home, ".cache");
        return Path.Combine(root, "wisp", "bench");
    }

    private static int Run(
        TextWriter output, EngineOptions options, List<RandomModel> models, string? file, List<EngineResult> kept)
    {
        if (models.Count == 0)
            throw new ArgumentException("--shapes and --types name no model.");
        if (file is not null && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file))))
            throw new IOException($"--out {file}: its folder does not exist.");
        Room.Check(models, options);
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var progress = new Progress(
            Console.Error, Console.IsErrorRedirected ? 0 : Math.Clamp(Console.WindowWidth - 1, 1, 100));
        output.WriteLine(
            $"{models.Count} model files of {models.Sum(m => m.Bytes) / 1e9:0.0} GB in " +
            Path.GetDirectoryName(models[0].Path));
        var results = new List<EngineResult>();
        try
        {
            using var pool = new WorkerPool(options.Threads);
            for (var i = 0; i < models.Count; i++)
            {
                var model = models[i];
                var at = $"[{i + 1}/{models.Count}] {model.Shape.Name} {model.Type.Name()}: ";
                if (!model.IsThere)
                {
                    progress.Say($"{at}writing {model.Bytes / 1e6:0} MB");
                    model.Write(stop.Token);
                }

                ReadOnce(model.Path, stop.Token);
                var measure = new EngineMeasure(options, pool, what => progress.Say(at + what), stop.Token);
                results.Add(measure.Of(model, streams: IsChosen(model, models, kept)));
                progress.Clear();
                output.WriteLine(EngineReport.Line(results[^1]));
            }
        }
        catch (OperationCanceledException)
        {
            progress.Clear();
            output.WriteLine($"stopped after {results.Count} of {models.Count} models; nothing was written.");
            return Interrupted;
        }

        results.InsertRange(0, kept);
        var report = EngineReport.Markdown(results, options);
        output.WriteLine();
        output.WriteLine(EngineReport.Shortfalls(results));
        if (EngineReport.Busy(results) is { Length: > 0 } warning)
            output.WriteLine(warning);
        if (file is not null)
        {
            Write(file, report);
            Write(Path.ChangeExtension(file, ".json"), JsonSerializer.Serialize(results, s_json));
        }

        output.WriteLine(EngineReport.Last(results));
        return results.TrueForAll(r => r.Agreement.Holds) ? 0 : 1;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    // Streams and operations take one type a shape: Q8_0, else the first.
    private static bool IsChosen(RandomModel model, List<RandomModel> models, List<EngineResult> kept)
    {
        var same = models.FindAll(m => m.Shape == model.Shape);
        var another = kept.Exists(r => r.Shape == model.Shape.Name && r.Streams is not null);
        return model == (same.Find(m => m.Type == DType.Q8_0) ?? (another ? null : same[0]));
    }

    // Both sides find the file in the page cache.
    private static void ReadOnce(string path, CancellationToken stop)
    {
        var buffer = new byte[1 << 20];
        using var file = File.OpenRead(path);
        while (file.Read(buffer) > 0)
            stop.ThrowIfCancellationRequested();
    }

    private static void Write(string path, string text) =>
        AtomicFile.Write(Path.GetFullPath(path), s => s.Write(Encoding.UTF8.GetBytes(text)));
}
