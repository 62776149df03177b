using System.Diagnostics;
using System.Reflection;
using System.Text;
using Wisp.Tests.Golden;
using Wisp.TwoFiles;

namespace Wisp.Tests.TwoFiles;

/// <summary>
/// run.cs as a stranger meets it: two files in an empty folder, no package source, no package cache. Built and run once
/// with `dotnet run`; later runs start the program that this left behind.
/// </summary>
public sealed class RunPage : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-two-files-").FullName;

    /// <summary>The page as the program carries it.</summary>
    public static string Source
    {
        get
        {
            using var stream = typeof(TwoFilesExport).Assembly.GetManifestResourceStream("run.cs")!;
            return new StreamReader(stream).ReadToEnd();
        }
    }

    internal Outcome First => field ??= BuildAndRun();

    /// <summary>The types of the page, for what would be slow through a process.</summary>
    internal Assembly Types => field ??= Assembly.LoadFile(ProgramPath());

    internal int PackagesFetched => Directory.EnumerateFileSystemEntries(Packages).Count();

    private string TwoFiles => Directory.CreateDirectory(Path.Combine(_folder, "two")).FullName;

    private string Packages => Directory.CreateDirectory(Path.Combine(_folder, "packages")).FullName;

    internal Outcome Run(params string[] arguments) => Start([ProgramPath(), .. arguments]);

    internal Outcome DotnetRun(string page, params string[] arguments) => Start(["run", page, "--", .. arguments]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Not in the constructor: where the model is missing the tests that need it are skipped, and the others run.
    private Outcome BuildAndRun()
    {
        var model = GoldenFile.PathOrSkip("golden/llamacpp/models/llama3-ropefreqs.gguf");
        File.Copy(model, Path.Combine(TwoFiles, "parameters.bin"));
        File.WriteAllText(Path.Combine(TwoFiles, "run.cs"), Source);
        File.WriteAllText(
            Path.Combine(_folder, "nuget.config"),
            "<configuration><packageSources><clear/></packageSources></configuration>");
        var page = Path.Combine(TwoFiles, "run.cs");
        return Start(["run", page, "--", "The dog ran to the house", "-n", "12", "-t", "0"]);
    }

    private string ProgramPath()
    {
        Assert.True(First.Code == 0, First.Error);
        return Directory.EnumerateFiles(Path.Combine(_folder, "data"), "run.dll", SearchOption.AllDirectories)
            .First(path => path.Contains(Path.DirectorySeparatorChar + "bin" + Path.DirectorySeparatorChar));
    }

    private Outcome Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = _folder, // not where the page is
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["NUGET_PACKAGES"] = Packages;
        start.Environment["XDG_DATA_HOME"] = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        start.Environment["UseSharedCompilation"] = "false"; // no compiler server may outlive the test
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new Outcome(process.ExitCode, output, error.Result);
    }

    /// <summary>Building the page takes seconds, so the test classes share one.</summary>
    [CollectionDefinition(nameof(RunPage))]
    public sealed class Shared : ICollectionFixture<RunPage>;

    internal sealed record Outcome(int Code, string Output, string Error);
}
