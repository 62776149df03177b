using System.CommandLine;
using System.Diagnostics;
using Wisp.Compute;

namespace Wisp.Bench;

/// <summary>
/// <c>kernels</c>: packed matrix products of the shapes of a 1 B model, one token beside the bandwidth of the memory
/// and a prompt beside the peak of the multiply-adds, both measured in the same run.
/// </summary>
/// <remarks>
/// The best of several rounds counts, as for the roofs: other programs only ever make a round slower. One token goes
/// from copy to copy of the matrix, which together leave no cache warm, as the layers of a model do.
/// </remarks>
internal static class KernelBench
{
    private const long ColdBytes = 256 << 20; // several times the largest L3 a core of this kind shares
    private const int Head = 128256;

    private static readonly (int Rows, int Columns)[] s_shapes =
        [(2048, 2048), (8192, 2048), (2048, 8192), (Head, 2048)];

    public static Command Create()
    {
        var types = new Option<DType[]>("--types")
        {
            Description = "Types of the weights",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [DType.Q8_0, DType.Q4_0, DType.Q4_K, DType.Q6_K, DType.F16],
        };
        var threads = new Option<int>("--threads")
        {
            Description = "Threads; 0 means all cores",
            DefaultValueFactory = _ => 2,
        };
        var tokens = new Option<int>("--tokens") { Description = "Tokens of a prompt", DefaultValueFactory = _ => 512 };
        var seconds = new Option<double>("--seconds")
        {
            Description = "Seconds for each figure",
            DefaultValueFactory = _ => 1,
        };
        var command = new Command("kernels", "Speed of packed matrix products: share of bandwidth and of the peak")
        {
            types, threads, tokens, seconds,
        };
        command.SetAction(parse => Run(parse.InvocationConfiguration.Output, parse.GetValue(types)!,
            parse.GetValue(threads), Math.Max(1, parse.GetValue(tokens)),
            TimeSpan.FromSeconds(parse.GetValue(seconds))));
        return command;
    }

    private static int Run(TextWriter output, DType[] types, int threads, int tokens, TimeSpan time)
    {
        using var pool = new WorkerPool(threads);
        var peak = Roofline.FmaPeak(pool, time) / 1e9;
        output.WriteLine($"{pool.Count} threads, float32 peak {peak:f0} GFLOP/s");
        output.WriteLine(
            $"type     rows x columns  pack GB/s | 1 token: µs    GB/s  of read | {tokens}: ms   GOP/s  of peak");
        foreach (var type in types)
        {
            var read = Roofline.ReadBandwidth(pool, time) / 1e9;
            foreach (var (R, C) in s_shapes)
                if (type.IsQuantised() || R < Head)
                    output.WriteLine(Measure(pool, type, R, C, tokens, time, read, peak));
        }

        return 0;
    }

    private static string Measure(
        WorkerPool pool, DType type, int R, int C, int tokens, TimeSpan time, double read, double peak)
    {
        var path = Path.GetTempFileName();
        var matrices = new List<PackedMatrix>();
        try
        {
            WriteWeights(path, type, R, C);
            using var file = MappedFile.Open(path);
            var w = WeightMatrix.Of(file, 0, type, R, C);
            var packing = double.MaxValue;
            do
            {
                var began = Stopwatch.GetTimestamp();
                matrices.Add(PackedMatrix.Pack(pool, w));
                packing = Math.Min(packing, Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
            while (matrices.Sum(m => m.Bytes) < ColdBytes);

            using var input = new PackedInput();
            float[] x = new float[tokens * C], y = new float[R < Head ? tokens * R : R];
            var random = new SplitMix64(1);
            foreach (ref var v in x.AsSpan())
                v = (float)(random.NextUnit() - 0.5);

            var one = Best(time, round =>
            {
                var matrix = matrices[round % matrices.Count];
                input.Set(pool, x.AsSpan(0, C), matrix);
                PackedLinear.Multiply(pool, y, R, input, matrix);
            });
            var bandwidth = matrices[0].Bytes / one / 1e9;
            var line = $"{type.Name(),-7} {R,7} x {C,-7} {w.Bytes / packing / 1e9,9:f1} | {one * 1e6,11:f0} " +
                $"{bandwidth,7:f1} {bandwidth / read,7:p0} |";
            if (R == Head)
                return line; // a prompt needs the head for its last token only
            var many = Best(time, round =>
            {
                input.Set(pool, x, matrices[0]);
                PackedLinear.Multiply(pool, y, R, input, matrices[0]);
            });
            var speed = 2.0 * R * C * tokens / many / 1e9;
            return line + $" {many * 1e3,7:f2} {speed,7:f0} {speed / peak,7:p0}";
        }
        finally
        {
            foreach (var matrix in matrices)
                matrix.Dispose();
            File.Delete(path);
        }
    }

    private static double Best(TimeSpan time, Action<int> round)
    {
        round(0);
        var best = double.MaxValue;
        var start = Stopwatch.GetTimestamp();
        for (var i = 1; i < 4 || Stopwatch.GetElapsedTime(start) < time; i++)
        {
            var began = Stopwatch.GetTimestamp();
            round(i);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    // A few encoded rows again and again: what the numbers are does not matter to the speed.
    private static void WriteWeights(string path, DType type, int R, int C)
    {
        const int distinct = 8;
        var values = new float[distinct * C];
        var random = new SplitMix64(2);
        foreach (ref var v in values.AsSpan())
            v = (float)(random.NextUnit() - 0.5);
        var bytes = new byte[type.BytesOf(values.Length)];
        Blocks.Encode(bytes, values, type);
        using var file = File.Create(path);
        for (var row = 0; row < R; row += distinct)
            file.Write(bytes);
    }
}
