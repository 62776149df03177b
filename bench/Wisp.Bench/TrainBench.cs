using System.CommandLine;
using System.Diagnostics;
using System.Runtime.Intrinsics;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Data;

namespace Wisp.Bench;

/// <summary>
/// <c>train</c>: the speed and memory of a training step beside the roof that the same run measures. METHOD.md says
/// what is timed.
/// </summary>
internal static class TrainBench
{
    private const int Rows = 16, Context = 256, Vocabulary = 8192;

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds of peak, GEMM and steps in turn",
            DefaultValueFactory = _ => 7,
        };
        var threads = new Option<int>("--threads")
        {
            Description = "Threads; 0 means all cores",
            DefaultValueFactory = _ => 2,
        };
        var text = new Option<string?>("--text") { Description = "A text of about 100 MB, for the tokenizer's part" };
        var results = new Option<string?>("--out") { Description = "Also write the result to this Markdown file" };
        var command = new Command("train", "Speed and memory of training: share of the FMA peak")
        {
            rounds, threads, text, results,
        };
        command.SetAction(parse =>
        {
            var output = new StringWriter();
            using var tee = new TeeWriter(parse.InvocationConfiguration.Output, output);
            // Training first, while the process's peak of memory is its own; its line last.
            var last = Run(tee, Math.Max(1, parse.GetValue(rounds)), parse.GetValue(threads));
            if (parse.GetValue(text) is { } path)
                TokenizerBench.Run(tee, path);
            tee.WriteLine(last);
            if (parse.GetValue(results) is { } file)
                AtomicFile.Write(file, s => s.Write(System.Text.Encoding.UTF8.GetBytes(Report(output.ToString()))));
            return 0;
        });
        return command;
    }

    private static string Report(string body) =>
        $"""
        # Training: share of the FMA peak

        {DateTime.UtcNow:yyyy-MM-dd}, {Machine()}, .NET {Environment.Version}. Made by `./wisp bench train --out FILE`;
        what is timed stands in [METHOD.md](../METHOD.md).

        ```
        {body.TrimEnd()}
        ```

        Quoted, not rerun here (see METHOD.md): libtorch 2.10 on this kind of machine reaches 27 % of the peak on the
        same decoder (1,675 to 1,860 tokens a second), llm.c 8 % on a GPT-2 of the same size.

        """;

    internal static string Machine()
    {
        const string list = "/proc/cpuinfo";
        var name = File.Exists(list)
            ? File.ReadLines(list)
                .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
            : null;
        var vectors = Vector512.IsHardwareAccelerated ? "AVX-512" : Vector256.IsHardwareAccelerated ? "AVX2" : "SSE";
        return $"{name ?? "unknown CPU"} ({vectors}), {Environment.ProcessorCount} cores";
    }

    private static string Run(TextWriter output, int rounds, int threads)
    {
        using var pool = new WorkerPool(threads);
        var folder = Directory.CreateTempSubdirectory("wisp-bench-").FullName;
        try
        {
            var tokenizer = NoisyText(folder);
            using var shards = TokenShards.Open(Path.Combine(folder, DataPipeline.TrainFile));
            var last = Measure(output, pool, shards, tokenizer, OptimizerKind.AdamW, rounds);
            output.WriteLine(Measure(output, pool, shards, tokenizer, OptimizerKind.Muon, rounds) + " (Muon)");
            return last;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Peak, product and steps take turns, so that a neighbour on the machine slows all three alike; medians are
    // compared.
    private static string Measure(
        TextWriter output, WorkerPool pool, TokenShards shards, Tokenizer tokenizer, OptimizerKind optimizer,
            int rounds)
    {
        var plan = Plan(optimizer);
        var config = plan.Config();
        using var run = new Pretrain(plan, shards, shards, tokenizer, pool);
        using var product = new Product(1024);
        for (var i = 0; i < 6; i++)
            run.Advance(); // until the JIT has optimised what a step runs
        for (var i = 0; i < 60; i++)
            product.Multiply(pool);

        List<double> peaks = [], steps = [], products = [];
        for (var round = 0; round < rounds; round++)
        {
            peaks.Add(Roofline.FmaPeak(pool, TimeSpan.FromMilliseconds(300)));
            products.Add(product.FlopPerSecond(pool, times: 40));
            for (var i = 0; i < 3; i++)
            {
                var start = Stopwatch.GetTimestamp();
                run.Advance();
                steps.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        var peak = Median(peaks);
        var tokens = plan.TokensPerStep / Median(steps);
        var flop = tokens * config.TrainingFlopPerToken;
        output.WriteLine(
            $"decoder L6 d384 6 heads ffn 1024 V8192 untied, {Rows} x {Context} tokens, {pool.Count} threads, " +
            $"{optimizer}: " +
            $"{config.ProductParameters / 1e6:0.00} M counted parameters, {steps.Count} steps in {rounds} rounds");
        output.WriteLine(
            $"  FMA peak      {peak / 1e9,6:0} GFLOP/s (rounds {peaks.Min() / 1e9:0} to {peaks.Max() / 1e9:0})");
        output.WriteLine(
            $"  GEMM 1024^3   {Median(products) / 1e9,6:0} GFLOP/s, {Median(products) / peak:0.0%} of peak");
        output.WriteLine(
            $"  step          {Median(steps) * 1e3,6:0} ms ({steps.Min() * 1e3:0} to {steps.Max() * 1e3:0})");
        if (optimizer == OptimizerKind.AdamW)
            Memory(output, run);
        return $"train: {tokens:0} tok/s, {flop / 1e9:0} GFLOP/s, {100 * flop / peak:0} % of FMA peak";
    }

    private static void Memory(TextWriter output, Pretrain run)
    {
        var accounted = run.Accounting.Sum(row => row.Bytes ?? 0);
        const string status = "/proc/self/status";
        if (!File.Exists(status))
            return;
        var line = File.ReadLines(status).First(l => l.StartsWith("VmHWM", StringComparison.Ordinal));
        var peak = long.Parse(string.Concat(line.Where(char.IsAsciiDigit))) * 1024;
        foreach (var row in run.Accounting.Where(row => row.Bytes is not null))
            output.WriteLine($"  {row.Part,-24}{row.Bytes / 1e6,8:0.0} MB");
        output.WriteLine(
            $"  accounted {accounted / 1e6:0} MB, peak of the process {peak / 1e6:0} MB: " +
            $"{(double)peak / accounted:0.00} times");
    }

    private static PretrainPlan Plan(OptimizerKind optimizer) => new()
    {
        Architecture = Architecture.Llama.Name, Vocabulary = Vocabulary, Context = Context, Width = 384, Layers = 6,
        Heads = 6,
        KvHeads = 6, HeadDim = 64, FeedForward = 1024, TiedHead = false, Rows = Rows, Accumulation = 1, Steps = 100_000,
        Optimizer = optimizer, DataHash = PretrainPlan.NoData,
    };

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        var half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half] + sorted[half - 1]) / 2;
    }

    // Random words: speed does not depend on what the text says, and a vocabulary of 8,192 fills quickly.
    private static Tokenizer NoisyText(string folder)
    {
        var random = new Random(1);
        var text = new byte[4 << 20];
        for (var i = 0; i < text.Length; i++)
            text[i] = random.Next(6) == 0 ? (byte)' ' : (byte)('a' + random.Next(26));
        var tokenizer = BpeTrainer.Train([text], Vocabulary, 2);
        TokenShardWriter.Write(
            Path.Combine(folder, DataPipeline.TrainFile), [new Document("noise", "", text)],
                TokenizerFile.VocabularyOf(tokenizer));
        return tokenizer;
    }

    /// <summary>One square product, as the GEMM bar is stated.</summary>
    private sealed class Product(int side) : IDisposable
    {
        private readonly FloatBuffer _a = new(side * side), _b = new(side * side), _c = new(side * side);

        public void Multiply(WorkerPool pool) => Gemm.Multiply(
            pool, _c.Span, _a.Span, _b.Span, side, side, side, transposeA: false, transposeB: true, accumulate: false);

        public double FlopPerSecond(WorkerPool pool, int times)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < times; i++)
                Multiply(pool);
            return 2.0 * side * side * side * times / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        public void Dispose()
        {
            _a.Dispose();
            _b.Dispose();
            _c.Dispose();
        }
    }

    /// <summary>Writes to two places.</summary>
    private sealed class TeeWriter(TextWriter first, TextWriter second) : TextWriter
    {
        public override System.Text.Encoding Encoding => first.Encoding;

        public override void Write(char value)
        {
            first.Write(value);
            second.Write(value);
        }

        public override void Write(string? value)
        {
            first.Write(value);
            second.Write(value);
        }
    }
}
