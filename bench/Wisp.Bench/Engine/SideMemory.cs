namespace Wisp.Bench.Engine;

/// <summary>What a side says of itself before the first request.</summary>
/// <param name="LoadSeconds">Opening the model, up to where tokens can be fed.</param>
internal sealed record SideStart(string Name, double LoadSeconds);

/// <summary>Memory of a process in bytes, as Linux counts it.</summary>
/// <param name="Peak">The most that was ever resident, pages of mapped files included.</param>
/// <param name="Private">Resident now and backed by no file.</param>
/// <param name="Mapped">Resident now and pages of a file, which the system may take back.</param>
internal sealed record SideMemory(long Peak, long Private, long Mapped)
{
    public static SideMemory Now()
    {
        var lines = File.ReadAllLines("/proc/self/status");
        return new(Of("VmHWM"), Of("RssAnon"), Of("RssFile"));

        long Of(string name)
        {
            var line = lines.First(l => l.StartsWith($"{name}:", StringComparison.Ordinal));
            return long.Parse(string.Concat(line.Where(char.IsAsciiDigit))) * 1024;
        }
    }
}
