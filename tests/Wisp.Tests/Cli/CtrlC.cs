using System.Diagnostics;
using System.Globalization;

namespace Wisp.Tests.Cli;

/// <summary>The program as a process of its own that Ctrl-C reaches.</summary>
internal static class CtrlC
{
    /// <summary>How to start it. A shell's background jobs ignore SIGINT, and so would all that they start.</summary>
    public static ProcessStartInfo Program(params IEnumerable<string> arguments) => new(
        "env",
        ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "wisp.dll"), .. arguments])
    {
        RedirectStandardError = true, RedirectStandardOutput = true,
    };

    public static void Press(Process process)
    {
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
