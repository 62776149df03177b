using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp bench ...</c> runs the benchmark project of the checkout: the shipped program has no benchmarks in it.
/// </summary>
internal static class BenchCommand
{
    private const string Project = "bench/Wisp.Bench";

    public static Command Create()
    {
        var words = new Argument<string[]>("what")
        {
            Description = "The benchmark and its options, passed on as they are; put -- before options such as --help",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var bench = new Verb(
            "bench", "Measure speed against the roofs of this machine (needs the source tree)", "Machine",
            "wisp bench train")
        {
            words,
        };
        bench.TreatUnmatchedTokensAsErrors = false;
        bench.SetAction(parse =>
        {
            // The tokens as they were typed: what looks like an option belongs to the benchmark.
            var passed = parse.Tokens.Select(token => token.Value)
                .SkipWhile(word => word != "bench").Skip(1).Where(word => word != "--");
            return Run(StartInfo(AppContext.BaseDirectory, [.. passed], Compression.OnPath));
        });
        return bench;
    }

    internal static ProcessStartInfo StartInfo(string programFolder, string[] words, Func<string, string?> find)
    {
        if (Places.SourceRoot(programFolder) is not { } root || !Directory.Exists(Path.Combine(root, Project)))
            throw new UserException($"{Project} is not beside this program ({programFolder}): benchmarks run from " +
                "the source tree. Clone the repository and run ./wisp bench there.");
        if (find("dotnet") is not { } dotnet)
            throw new UserException("dotnet is not on PATH, and benchmarks are built with it. " +
                "Get the .NET 10 SDK from https://dot.net.");
        return new ProcessStartInfo(
            dotnet, ["run", "-c", "Release", "--project", Path.Combine(root, Project), "--", .. words]);
    }

    private static int Run(ProcessStartInfo start)
    {
        // Ctrl-C reaches the benchmark itself, since it shares the terminal; this process waits for its answer.
        using var wait = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var process = Process.Start(start) ?? throw new IOException($"{start.FileName} did not start");
        process.WaitForExit();
        return process.ExitCode;
    }
}
