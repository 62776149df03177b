using System.Diagnostics;
using System.Text.Json;

namespace Wisp.Bench.Engine;

/// <summary>The other end of <see cref="SideProgram"/>: starts it, asks it, ends it.</summary>
internal sealed class SideProcess : IDisposable
{
    private readonly string _what;
    private readonly Process _process;
    private readonly CancellationToken _stop;
    private readonly CancellationTokenRegistration _registration;

    /// <param name="streams">0 for one sequence.</param>
    public SideProcess(string engine, RandomModel model, EngineOptions options, int streams, CancellationToken stop)
    {
        _what = $"{engine} with {model.Path}";
        _stop = stop;
        string[] arguments =
        [
            "engine-side", engine, "-m", model.Path, "--threads", $"{options.Threads}",
            "--context", $"{(streams > 0 ? options.StreamContext : options.Context)}", "--streams", $"{streams}",
            "--peer", options.Peer,
        ];
        var program = Environment.ProcessPath ?? throw new InvalidOperationException("The bench has no program file.");
        // Where the bench was started by `dotnet Wisp.Bench.dll`, so is its other half.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            arguments = [typeof(SideProcess).Assembly.Location, .. arguments];
        var watch = Stopwatch.StartNew();
        _process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        _registration = stop.Register(Kill);
        try
        {
            Start = Read<SideStart>();
        }
        catch
        {
            Dispose();
            throw;
        }

        FirstToken = watch.Elapsed;
    }

    public SideStart Start { get; }

    /// <summary>
    /// From the start of the process to the logits that follow a short prompt, or of a process of many streams to its
    /// being ready.
    /// </summary>
    public TimeSpan FirstToken { get; }

    public double Ask(string request) => Ask<double>(request);

    public T Ask<T>(string request)
    {
        _stop.ThrowIfCancellationRequested();
        try
        {
            _process.StandardInput.WriteLine(request);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has ended; reading says how.
        }

        return Read<T>();
    }

    private T Read<T>()
    {
        var line = _process.StandardOutput.ReadLine();
        if (line is null)
        {
            _process.WaitForExit();
            // Ctrl-C reaches both processes, and its own end may be seen first here.
            if (_stop.IsCancellationRequested || _stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(0.3)))
                throw new OperationCanceledException(_stop);
            throw new InvalidOperationException($"{_what} ended with exit code {_process.ExitCode}; see above.");
        }

        if (line.StartsWith("fault ", StringComparison.Ordinal))
            throw new InvalidOperationException($"{_what}: {line["fault ".Length..]}");
        return JsonSerializer.Deserialize<T>(line)!;
    }

    private void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    public void Dispose()
    {
        _registration.Dispose();
        _process.StandardInput.Close(); // it ends with its input
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
            Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
