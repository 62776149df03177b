using System.Diagnostics;
using Wisp.Cli;

namespace Wisp.Tests.Cli;

public sealed class SimdLevelTests
{
    [Fact]
    public void Other_command_lines_go_on_as_they_are()
    {
        using var error = new StringWriter();
        Assert.Null(SimdLevel.Rerun([], error));
        Assert.Null(SimdLevel.Rerun(["run", "-p", "--simd"], error));
        Assert.Equal("", error.ToString());
    }

    [Theory]
    [InlineData("--simd"), InlineData("--simd", "mmx"), InlineData("--simd=")]
    public void An_unknown_level_is_one_error_with_the_known_ones(params string[] args)
    {
        using var error = new StringWriter();
        Assert.Equal(2, SimdLevel.Rerun(args, error));
        Assert.Contains("best, avx2, sse, none", error.ToString());
    }

    [Theory, Trait("cost", "medium")]
    [InlineData("best"), InlineData("avx2"), InlineData("none")]
    public void The_program_runs_again_with_what_the_level_allows(string level)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "wisp.dll");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var arg in (string[])[program, "--simd", level, "tokenize", "--help"])
            start.ArgumentList.Add(arg);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("wisp tokenize", output);
    }
}
