using System.Diagnostics;
using Wisp.Train;

namespace Wisp.Bench;

/// <summary>Seconds to train a vocabulary on a text file, and MB/s of encoding and decoding it on one core.</summary>
internal static class TokenizerBench
{
    private const int PartBytes = 1 << 20; // the text is encoded in parts, as documents would be
    private const int Repeats = 5;

    public static void Run(TextWriter output, string path, int vocabularySize = 4096, int threads = 2)
    {
        var text = File.ReadAllBytes(path);
        var megabytes = text.Length / 1e6;
        var clock = Stopwatch.StartNew();
        var counted = TimeSpan.Zero;
        var tokenizer =
            BpeTrainer.Train([text], vocabularySize, threads, at => counted = at.Tokens == 0 ? clock.Elapsed : counted);
        output.WriteLine(
            $"train: {megabytes:f1} MB to {vocabularySize} tokens in {clock.Elapsed.TotalSeconds:f2} s " +
            $"({counted.TotalSeconds:f2} s of it counting, {threads} threads)");

        var encoder = tokenizer.CreateEncoder();
        var ids = new List<int>(text.Length / 2);
        var best = double.MaxValue;
        for (var repeat = 0; repeat < Repeats; repeat++)
        {
            ids.Clear();
            clock.Restart();
            for (var at = 0; at < text.Length; at += PartBytes)
                encoder.Encode(text.AsSpan(at, Math.Min(PartBytes, text.Length - at)), ids);
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        output.WriteLine($"encode: {megabytes / best:f0} MB/s on one core, {(double)text.Length / ids.Count:f2} " +
            "bytes a token");

        best = double.MaxValue;
        var all = ids.ToArray();
        for (var repeat = 0; repeat < Repeats; repeat++)
        {
            clock.Restart();
            if (tokenizer.Decode(all).Length != text.Length)
                throw new InvalidOperationException("Decoding gave back another length.");
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        output.WriteLine($"decode: {megabytes / best:f0} MB/s on one core");
    }
}
