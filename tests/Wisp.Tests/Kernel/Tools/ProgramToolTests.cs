using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Tools;

namespace Wisp.Tests.Kernel.Tools;

/// <summary>Real processes of the operating system.</summary>
public sealed class ProgramToolTests
{
    private static readonly string s_run = Guid.NewGuid().ToString("N");

    public ProgramToolTests()
    {
        if (!File.Exists("/usr/bin/setsid") || !File.Exists("/usr/bin/prlimit"))
            Assert.Skip("setsid and prlimit are not here (util-linux on Linux)");
    }

    private static ProgramTool Shell(OsChildren children) =>
        new(new ProgramRule("/bin/sh", ["-c"], "/"), children);

    private static DriverCall Run(string script, string input = "") => new("k", new Pid(7), Verb.Call, "/",
        System.Text.Json.JsonSerializer.Serialize(new { arguments = new[] { script }, input }), Label.Public);

    [Fact, Trait("cost", "medium")]
    public async Task A_program_gets_its_arguments_and_an_environment_of_our_making()
    {
        var children = new OsChildren(s_run);
        Environment.SetEnvironmentVariable("WISP_SECRET", "hunter2");
        var result = await Shell(children).CallAsync(Run("cat; env; exit 0", "typed in\n"), default);
        Assert.Equal(SysStatus.Ok, result.Status);
        Assert.StartsWith("typed in\n", result.Text);
        Assert.DoesNotContain("hunter2", result.Text);
        Assert.DoesNotContain("HOME=", result.Text);

        // No shell stands between: what looks like a command is an argument.
        var echo = new ProgramTool(new ProgramRule("/bin/echo", [], "/"), children);
        Assert.Equal("a; echo b\n", (await echo.CallAsync(Run("a; echo b"), default)).Text);
        Assert.StartsWith("exit 3", (await Shell(children).CallAsync(Run("exit 3"), default)).Text);
        Assert.Equal(SysStatus.Malformed, (await echo.CallAsync(Run("") with { Body = "[]" }, default)).Status);
    }

    [Fact, Trait("cost", "medium")]
    public async Task What_a_program_leaves_running_ends_with_its_call()
    {
        var children = new OsChildren(s_run);
        // A child in the background, and one in a session of its own that its parent has left.
        var result = await Shell(children).CallAsync(
            Run("sleep 1000 >/dev/null 2>&1 & echo $!; setsid sh -c 'sleep 1001 >/dev/null 2>&1 & echo $!'"), default);
        var ids = result.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToList();
        Assert.Equal(2, ids.Count);
        children.End(new Pid(7));
        Assert.All(ids, id => Assert.False(IsAlive(id)));
    }

    [Fact, Trait("cost", "medium")]
    public void Killing_a_process_leaves_none_of_its_children_behind_however_deep()
    {
        var children = new OsChildren(s_run);
        using var program = children.Start(new Pid(8),
            ["/bin/sh", "-c",
                "for i in 1 2 3; do setsid sh -c 'sleep 1000 & sleep 1000 & echo $! $$; wait' & done; wait"],
            new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" }, "/");
        using var other = children.Start(new Pid(9), ["/bin/sleep", "1000"], new Dictionary<string, string>(), "/");
        var ids = new List<int>();
        while (ids.Count < 6)
            ids.AddRange(program.StandardOutput.ReadLine()!.Split(' ').Select(int.Parse));
        Assert.All(ids, id => Assert.True(IsAlive(id)));
        Assert.True(children.End(new Pid(8)) >= 7);
        Assert.All(ids, id => Assert.False(IsAlive(id)));
        Assert.True(program.WaitForExit(10_000));
        Assert.False(other.HasExited); // another's
        children.End(new Pid(9));
        Assert.True(other.WaitForExit(10_000));
    }

    [Fact, Trait("cost", "medium")]
    public async Task The_kernel_ends_them_when_it_kills_a_group()
    {
        var children = new OsChildren(s_run);
        var marker = $"{10_000 + Environment.ProcessId}";
        var tool = new ProgramTool(new ProgramRule("/bin/sleep", [], "/"), children);
        using var core = new Wisp.Kernel.Cores.ScriptedCore((_, prompt) =>
            World.Call("sleep", $$"""{"arguments": ["{{marker}}"]}"""));
        using var kernel = new WispKernel(new KernelParts(
            core, tool, TimeProvider.System, () => new Wisp.Memory.Transcript(core.Codec))
        {
            Ended = pid => children.End(pid),
        });
        var pid = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "sleeper", Message = "sleep", Temperature = 0, Capabilities = [World.Everything],
        });
        while (!Find(marker).Any())
            kernel.Tick();
        var killed = kernel.SignalGroupAsync(await pid, Signal.Kill);
        while (!killed.IsCompleted)
            kernel.Tick();
        await killed;
        Assert.Empty(Find(marker));
    }

    [Fact, Trait("cost", "medium")]
    public async Task Processor_time_and_memory_are_limited()
    {
        var children = new OsChildren(s_run);
        var spinning = await Shell(children).CallAsync(
            Run("while :; do :; done") with { CpuLimit = TimeSpan.FromSeconds(1) }, default);
        Assert.Equal(SysStatus.Failed, spinning.Status);
        Assert.InRange(spinning.CpuMilliseconds, 500, 3000);
        var hungry = await Shell(children).CallAsync(
            Run("x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}") with { MemoryLimit = 100 << 20 }, default);
        Assert.DoesNotContain("300000000", hungry.Text);
    }

    private static bool IsAlive(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static IEnumerable<string> Find(string argument) => Directory.EnumerateDirectories("/proc").Where(folder =>
    {
        try
        {
            return int.TryParse(Path.GetFileName(folder), out var id) && IsAlive(id)
                && File.ReadAllText(Path.Combine(folder, "cmdline")) == $"/bin/sleep\0{argument}\0";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });
}
