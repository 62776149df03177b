using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Wisp.Run;

namespace Wisp.Bench;

/// <summary>
/// Microseconds a pick on one core, the least of many: logits like a model's, most of them far below a few likely ones.
/// Copying the logits is what any sampler does at least.
/// </summary>
internal static class SamplerBench
{
    private const int Warmup = 300, Repeats = 500;

    public static Command Create()
    {
        var sizes = new Option<int[]>("--vocab")
        {
            Description = "Sizes of the vocabulary", DefaultValueFactory = _ => [32_000, 131_072, 262_144],
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("sampler", "Microseconds to pick a token") { sizes };
        command.SetAction(parse => Run(parse.InvocationConfiguration.Output, parse.GetRequiredValue(sizes)));
        return command;
    }

    private static void Run(TextWriter output, int[] sizes)
    {
        (string Name, Sampling Sampling)[] kinds =
        [
            ("argmax", Sampling.Greedy), ("default chain", new()),
            ("default chain, penalties", new() { RepeatPenalty = 1.1f }),
            ("default chain, DRY over 4096", new() { DryMultiplier = 0.8f, DryBreakers = [], DryWindow = 4096 }),
            ("default chain, half masked", new()), ("all steps", new()
            {
                RepeatPenalty = 1.1f, DryMultiplier = 0.8f, DryBreakers = [], TopNSigma = 3, TypicalP = 0.9f,
                XtcProbability = 0.5f, DynamicRange = 0.3f,
            }),
            ("default chain, typical", new() { TypicalP = 0.9f }),
            ("default chain, top-n-sigma", new() { TopNSigma = 3 }),
            ("default chain, XTC", new() { XtcProbability = 0.5f }),
            ("top-p alone", new() { TopK = 0, MinP = 0 }), ("min-p alone", new() { TopK = 0, TopP = 1 }),
            ("no cut", new() { TopK = 0, TopP = 1, MinP = 0 }), ("mirostat 2", new() { Mirostat = 2 }),
        ];
        // The first kind would pay for the compiler, which works in the background for a while.
        var few = Logits(1000);
        foreach (var (_, sampling) in kinds)
        {
            var sampler = new Sampler(sampling, 1, few.Length);
            Least(() => sampler.Pick(few, [1, 2, 3]));
        }

        foreach (var V in sizes)
        {
            var logits = Logits(V);
            int[] history = [.. Enumerable.Range(0, 4096).Select(i => i * i % 997 % V)];
            var half = new ulong[(V + 63) / 64];
            half.AsSpan().Fill(0x5555_5555_5555_5555);
            foreach (var (name, sampling) in kinds)
            {
                var sampler = new Sampler(sampling, 1, V);
                var mask = name.EndsWith("masked", StringComparison.Ordinal) ? half : [];
                var micros = Least(() => sampler.Pick(logits, history, mask));
                Tell(output, V, name, micros);
            }

            var scores = new LogProbabilities(V, 5);
            Tell(output, V, "log-probabilities, best 5", Least(() => scores.Read(logits, 3, out _).Token));
            var copy = new float[V];
            Tell(output, V, "copying the logits", Least(() => Copy(logits, copy)));
        }
    }

    private static int Copy(float[] from, float[] to)
    {
        from.CopyTo(to.AsSpan());
        return 0;
    }

    private static void Tell(TextWriter output, int V, string name, double micros) => output.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{V,8:N0}  {name,-30} {micros,9:f1} us"));

    // Normal with deviation 3, and one of every thousand raised by 8: about what a trained model gives.
    private static float[] Logits(int V)
    {
        var random = new Random(1);
        var logits = new float[V];
        for (var i = 0; i < V; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            logits[i] = (float)(3 * radius * Math.Cos(2 * Math.PI * random.NextDouble())) + (i % 1000 == 7 ? 8 : 0);
        }

        return logits;
    }

    private static double Least(Func<int> pick)
    {
        var least = double.MaxValue;
        for (var i = 0; i < Warmup + Repeats; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            pick();
            if (i >= Warmup)
                least = Math.Min(least, Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
        }

        return least;
    }
}
