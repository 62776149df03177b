using System.CommandLine;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp --simd LEVEL ...</c>: the same command as an older processor would run it, to compare speeds and results.
/// The runtime chooses instructions when it starts, so the program starts itself again.
/// </summary>
internal static class SimdLevel
{
    private const string Name = "--simd";

    // What is switched off at each level; the names are those of the .NET 10 runtime.
    private static readonly Dictionary<string, string?> s_levels = new()
    {
        ["best"] = null,
        ["avx2"] = "DOTNET_EnableAVX512",
        ["sse"] = "DOTNET_EnableAVX2",
        ["none"] = "DOTNET_EnableHWIntrinsic",
    };

    public static Option<string> Option() => new(Name)
    {
        Description = "Before the command: compute as a processor would that has no more than this",
        HelpName = string.Join('|', s_levels.Keys),
    };

    /// <summary>Starts the program again where the first argument asks for it, and returns its exit code; else
    /// null.</summary>
    public static int? Rerun(IReadOnlyList<string> args, TextWriter error)
    {
        if (args.Count == 0 || (args[0] != Name && !args[0].StartsWith(Name + "=", StringComparison.Ordinal)))
            return null;
        var joined = args[0] != Name;
        var level = joined ? args[0][(Name.Length + 1)..] : args.Count > 1 ? args[1] : "";
        if (!s_levels.TryGetValue(level, out var variable))
        {
            error.WriteLine($"wisp: {Name} is '{level}'; it must be one of {string.Join(", ", s_levels.Keys)}.");
            return 2;
        }

        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            error.WriteLine(
                $"wisp: {Name} needs the build that is compiled as it runs; the instructions of this one are fixed.");
            return 2;
        }

        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "wisp.dll"));
        foreach (var arg in args.Skip(joined ? 1 : 2))
            start.ArgumentList.Add(arg);
        if (variable is not null)
            start.Environment[variable] = "0";
        // Ctrl-C reaches both; the one that does the work decides what becomes of it.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = true);
        using var child = Process.Start(start)!;
        child.WaitForExit();
        return child.ExitCode;
    }
}
