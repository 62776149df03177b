using System.Text;
using System.Text.Json;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Tools;

/// <summary>What a program tool may run.</summary>
/// <param name="Program">The full path of the program.</param>
/// <param name="Fixed">Arguments that always stand first.</param>
/// <param name="Folder">Where it runs.</param>
public sealed record ProgramRule(string Program, IReadOnlyList<string> Fixed, string Folder)
{
    /// <summary>All that it sees of the environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } =
        new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["LANG"] = "C.UTF-8" };

    /// <summary>What a second run would do.</summary>
    public Effect Class { get; init; } = Effect.Once;
}

/// <summary>
/// One program as a tool, run by its argument list without a shell, in an environment of our making, under the
/// processor and memory limits that its call has reserved. It ends with its call, with all that it has started.
/// </summary>
public sealed class ProgramTool(ProgramRule rule, OsChildren children) : Driver
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private const int MaxArguments = 64, MaxOutput = 1 << 20;

    public override Effect ClassOf(Verb verb, string path) => verb == Verb.Call ? rule.Class : Effect.Pure;

    public override async ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        if (call.Verb != Verb.Call)
            return Result(SysStatus.Denied, "a tool can be called");
        if (Arguments(call.Body) is not { } arguments)
            return Result(SysStatus.Malformed, """the arguments are {"arguments": ["...", ...], "input": "..."}""");
        var seconds = Math.Clamp((long)Math.Ceiling(call.CpuLimit.TotalSeconds), 1, int.MaxValue);
        // prlimit is exec'd into the program as well.
        string[] argv =
        [
            "/usr/bin/prlimit", $"--cpu={seconds}", $"--as={Math.Min(call.MemoryLimit, 1L << 46)}", "--core=0", "--",
            rule.Program, .. rule.Fixed, .. arguments.List,
        ];
        using var program = children.Start(call.Pid, argv, rule.Environment, rule.Folder);
        try
        {
            var output = ReadAsync(program.StandardOutput, cancel);
            var error = ReadAsync(program.StandardError, cancel);
            await WriteAsync(program, arguments.Input, cancel).ConfigureAwait(false);
            var cpu = await WatchAsync(program, cancel).ConfigureAwait(false);
            var text = await output.ConfigureAwait(false);
            var complaint = await error.ConfigureAwait(false);
            return (program.ExitCode == 0 ? Result(SysStatus.Ok, text + complaint)
                : Result(SysStatus.Failed, $"exit {program.ExitCode}\n{text}{complaint}")) with
            {
                CpuMilliseconds =
                    cpu
            };
        }
        finally
        {
            // Whatever it left running has nobody to answer to.
            children.End(call.Pid, program);
        }
    }

    private sealed record Given(IReadOnlyList<string> List, string Input);

    private static Given? Arguments(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var list = document.RootElement.TryGetProperty("arguments", out var found)
                ? found.EnumerateArray().Select(item => item.GetString()!).ToList() : [];
            var input = document.RootElement.TryGetProperty("input", out var text) ? text.GetString()! : "";
            return list.Count > MaxArguments || list.Any(item => item is null || item.Contains('\0')) || input is null
                ? null : new Given(list, input);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // The processor time of a program, looked at until it ends: to the length of a pause.
    private static async Task<long> WatchAsync(System.Diagnostics.Process program, CancellationToken cancel)
    {
        var (end, used) = (program.WaitForExitAsync(cancel), TimeSpan.Zero);
        while (!end.IsCompleted)
        {
            try
            {
                used = program.TotalProcessorTime;
            }
            catch (InvalidOperationException)
            {
                break; // it has just ended
            }

            await Task.WhenAny(end, Task.Delay(s_pause, cancel)).ConfigureAwait(false);
        }

        await end.ConfigureAwait(false);
        return (long)used.TotalMilliseconds;
    }

    private static async Task WriteAsync(System.Diagnostics.Process program, string input, CancellationToken cancel)
    {
        try
        {
            await program.StandardInput.WriteAsync(input.AsMemory(), cancel).ConfigureAwait(false);
            program.StandardInput.Close();
        }
        catch (IOException)
        {
            // It does not read.
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancel)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0)
            if (text.Length < MaxOutput)
                text.Append(buffer, 0, Math.Min(read, MaxOutput - text.Length)); // the rest is read and dropped
        return text.ToString();
    }

    private SysResult Result(SysStatus status, string text) =>
        new(status, text, Label.From(Source.Tool(rule.Program)));
}
