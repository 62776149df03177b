using Wisp.Compute;

namespace Wisp.Bench.Engine;

/// <summary>Whether disk and memory will do, before anything is written or measured.</summary>
internal static class Room
{
    // Of the file in the page cache, ours and llama.cpp's rearranged copy, and what else a process needs.
    private const int Copies = 3;
    private const long Rest = 1L << 30;

    /// <exception cref="IOException">Too little of either; the message has the numbers.</exception>
    public static void Check(List<RandomModel> models, EngineOptions options)
    {
        var folder = Path.GetDirectoryName(models[0].Path)!;
        var missing = models.Where(m => !m.IsThere).Sum(m => m.Bytes);
        Directory.CreateDirectory(folder);
        var free = new DriveInfo(folder).AvailableFreeSpace;
        if (missing > free - Rest)
            throw new IOException(
                $"{folder}: the model files take another {missing / 1e9:0.0} GB and {free / 1e9:0.0} GB are free. " +
                "Choose fewer with --shapes and --types, or another folder with --cache.");

        var largest = models.MaxBy(m => m.Bytes)!;
        var keysAndValues = largest.Shape.Config.KvBytesPerToken(KvType.F16) * options.Context;
        var needed = (Copies * largest.Bytes) + (2 * keysAndValues) + Rest;
        var available = Math.Min(Available(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        if (needed > available)
            throw new IOException(
                $"{largest.Shape.Name} {largest.Type}: both engines together may take {needed / 1e9:0.0} GB of " +
                $"memory, and {available / 1e9:0.0} GB are available. Choose others with --shapes and --types.");
    }

    private static long Available()
    {
        const string list = "/proc/meminfo";
        if (!File.Exists(list))
            return long.MaxValue;
        var line = File.ReadLines(list).FirstOrDefault(l => l.StartsWith("MemAvailable", StringComparison.Ordinal));
        return line is null ? long.MaxValue : long.Parse(string.Concat(line.Where(char.IsAsciiDigit))) * 1024;
    }
}
