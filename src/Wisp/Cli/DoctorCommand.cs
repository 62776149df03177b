using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp doctor</c>: what this machine offers, how fast it is, and what would make it more useful.</summary>
internal static class DoctorCommand
{
    // Long enough for the clock to rise and the caches to warm, short enough that nobody waits.
    private static readonly TimeSpan MeasuringTime = TimeSpan.FromMilliseconds(400);

    // The measurement of bandwidth reads half a gigabyte, which a nearly full machine should not have to find.
    private const long MemoryToMeasure = 1L << 30;

    private const int LabelWidth = 11;

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead" };
        var quick = new Option<bool>("--no-measure") { Description = "Skip the measurements of speed" };
        var doctor = new Verb("doctor", "Show what this machine offers and how fast it is", "Machine",
            "wisp doctor", "wisp doctor --json")
        {
            json, quick,
        };
        doctor.SetAction(parse =>
        {
            var machine = Machine.Look(
                AppContext.BaseDirectory, Environment.GetEnvironmentVariable, Compression.OnPath);
            if (!parse.GetValue(quick))
                machine = Measure(machine);
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(json))
                output.WriteLine(JsonSerializer.Serialize(machine, MachineJson.Default.Machine));
            else
                Write(Terminal.On(output), machine);
            return machine.Missing.Count == 0 ? 0 : 1;
        });
        return doctor;
    }

    private static Machine Measure(Machine machine)
    {
        using var pool = new WorkerPool();
        return machine with
        {
            FmaPeak = Roofline.FmaPeak(pool, MeasuringTime),
            ReadBandwidth = machine.MemoryAvailable < MemoryToMeasure
                ? null : Roofline.ReadBandwidth(pool, MeasuringTime),
        };
    }

    internal static void Write(IAnsiConsole console, Machine machine)
    {
        Title(console, "Machine");
        Line(console, "processor", $"{machine.Cpu}, {Cores(machine)}, {machine.Architecture}");
        Line(console, "vectors", (machine.VectorBits == 0 ? "none in hardware" : $"{machine.VectorBits} bits wide") +
            (machine.VectorBits < 256 ? "; slow: the kernels want 256 bits (AVX2) or more" : ""));
        foreach (var group in machine.Features.GroupBy(f => f.Present).OrderByDescending(group => group.Key))
            Line(console, group.Key ? "has" : "has not", string.Join(", ", group.Select(f => f.Name)), dim: !group.Key);
        Line(console, "memory",
            $"{Human.Bytes(machine.MemoryTotal)}, {Human.Bytes(machine.MemoryAvailable)} available");
        if (machine.FmaPeak is { } peak)
            Line(console, "arithmetic", $"{peak / 1e9:0.0} GFLOP/s FMA peak in float32, measured on {Cores(machine)}");
        if (machine.ReadBandwidth is { } bandwidth)
            Line(console, "bandwidth", $"{bandwidth / 1e9:0.0} GB/s reading, measured on {Cores(machine)}");
        Line(console, "runtime", $"{machine.Runtime}, {(machine.Compiled ? "native (AOT)" : "just-in-time compiled")}");

        Title(console, "Files");
        foreach (var (i, folder) in machine.ModelFolders.Index())
            Line(console, i == 0 ? "models" : "", Folder(folder));
        Line(console, "your data", Folder(machine.UserFolder));

        Title(console, "Optional programs");
        foreach (var program in machine.Programs)
            Line(console, program.Name, program.Path
                ?? $"not found; for {program.Purpose}. Debian: apt install {program.Debian}; macOS: brew install " +
                $"{program.Elsewhere}; elsewhere the package {program.Elsewhere}.", dim: program.Path is null);

        console.WriteLine();
        foreach (var lack in machine.Missing)
            Line(console, "missing", lack);
        if (machine.Missing.Count == 0)
            console.Write("All that wisp needs is here.\n", new Style(Color.Green));
    }

    private static string Cores(Machine machine) => machine.Cores == 1 ? "1 core" : $"{machine.Cores} cores";

    private static string Folder(string path) => Directory.Exists(path) ? path : $"{path} (not there yet)";

    private static void Title(IAnsiConsole console, string title)
    {
        console.WriteLine();
        console.Write(new Text(title, new Style(decoration: Decoration.Bold)));
        console.WriteLine();
    }

    private static void Line(IAnsiConsole console, string label, string value, bool dim = false) =>
        Entry.Write(console, label, value, LabelWidth, dim ? new Style(Color.Grey) : Style.Plain);
}
