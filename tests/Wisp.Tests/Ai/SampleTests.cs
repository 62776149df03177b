using System.Diagnostics;

namespace Wisp.Tests.Ai;

public sealed class SampleTests
{
    // The program of ten lines in the README, as it is built: the model asks for the sum, which comes from the tool.
    [Fact]
    public async Task The_sample_of_ten_lines_answers_with_what_its_function_computed()
    {
        var samples = Path.Combine(RepositoryRoot(), "samples", "Tool", "Program.cs");
        Assert.Equal(10, File.ReadLines(samples).Count());
        var start = new ProcessStartInfo("dotnet",
        [
            Path.Combine(AppContext.BaseDirectory, "Tool.dll"),
            Path.Combine(RepositoryRoot(), "models", "wisp-chat.gguf"), "What is 640 - 281?",
        ])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var answer = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        Assert.Contains("359", answer, StringComparison.Ordinal);
    }

    private static string RepositoryRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "models", "wisp-chat.gguf")))
                return at.FullName;
        Assert.Skip("models/wisp-chat.gguf is not beside these tests");
        throw new UnreachableException();
    }
}
