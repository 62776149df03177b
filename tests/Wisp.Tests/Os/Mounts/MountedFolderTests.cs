using System.Diagnostics;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Remote;
using Wisp.Memory;
using Wisp.Mounts;
using Wisp.Tests.Kernel;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Os.Mounts;

/// <summary>
/// A folder of the user's on its way to agents: the real commands change the list, the running kernel reads it again,
/// and a process finds what it was given and nothing else.
/// </summary>
[Trait("cost", "medium")]
public sealed class MountedFolderTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _notes;
    private readonly UserTree _tree;

    // Its message is the call to make; the answer is what came back.
    private readonly ScriptedCore _core = new((_, prompt) => prompt.Contains("[tool] ")
        ? prompt.Split("[tool] ")[1].Split('\n')[0] : prompt.Split("[user] ")[1].Split('\n')[0]);

    private readonly CancellationTokenSource _stop = new();
    private readonly HostedKernel _hosted;
    private readonly Task _running;

    public MountedFolderTests()
    {
        _notes = Directory.CreateDirectory(_folder["notes"]).FullName;
        File.WriteAllText(Path.Combine(_notes, "a.txt"), "buy milk");
        File.WriteAllText(_folder["secret.txt"], "not for agents");
        _tree = UserTree.Open(_folder["data/wisp"], TimeProvider.System, out var problems);
        Assert.Empty(problems);
        _hosted = HostedKernel.Start(new HostedKernelParts(
            _core, _tree.Tree, _folder["journal.db"], KernelSocket.Path(name => Surroundings.GetValueOrDefault(name)),
            "script")
        {
            NewSpace = () => new Transcript(_core.Codec), Tools = _tree.ToolsOf,
        });
        _running = _hosted.RunAsync(_stop.Token);
    }

    private Dictionary<string, string> Surroundings => new()
    {
        ["XDG_DATA_HOME"] = _folder["data"], ["XDG_RUNTIME_DIR"] = _folder["run"], ["HOME"] = _folder["home"],
    };

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _hosted.DisposeAsync();
        _tree.Dispose();
        _core.Dispose();
        _folder.Dispose();
    }

    private (int Code, string Text) Command(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "wisp.dll"), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in Surroundings)
            start.Environment[name] = value;
        using var process = System.Diagnostics.Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    // A process that may look at and write everything, so that only the mount can refuse.
    private async Task<string> Ask(string name, string arguments)
    {
        var pid = await _hosted.Kernel.SpawnAsync(new SpawnRequest
        {
            Name = "agent", Message = World.Call(name, arguments), Temperature = 0, ListsTools = true,
            Capabilities = [World.Everything],
        });
        return (await _hosted.Kernel.ExitAsync(pid)).Answer;
    }

    [Fact]
    public async Task A_folder_is_read_then_written_then_gone_as_its_user_says()
    {
        Assert.Contains("there is no such file", await Ask("fs.read", """{"path": "/notes/a.txt"}"""));

        Assert.Equal((0, "The kernel sees it.\n"), Command("mount", _notes, "/notes"));
        Assert.Contains($"/notes  {_notes}, read-only", _tree.Tree.Text(Verb.Read, "/dev/mounts"));
        Assert.Equal("buy milk", await Ask("fs.read", """{"path": "/notes/a.txt"}"""));
        Assert.Equal("milk", await Ask("fs.read", """{"path": "/notes/a.txt", "from": 4, "to": 8}"""));
        Assert.Contains("mounted read-only", await Ask("fs.write", """{"path": "/notes/a.txt", "text": "x"}"""));
        Assert.Contains("has a part . or ..", await Ask("fs.read", """{"path": "/notes/../secret.txt"}"""));
        Assert.Equal("buy milk", File.ReadAllText(Path.Combine(_notes, "a.txt")));
        // An agent cannot mount by writing where the user's command does.
        Assert.Contains("only the user mounts", await Ask("fs.write", """{"path": "/dev/mounts", "text": ""}"""));

        var (code, text) = Command("mount", _notes, "/notes", "--write");
        Assert.Equal((1, true), (code, text.Contains($"{_notes} is mounted there")));
        Assert.Equal(0, Command("umount", "/notes").Code);
        Assert.Contains("there is no such file", await Ask("fs.read", """{"path": "/notes/a.txt"}"""));
        Assert.Equal(0, Command("mount", _notes, "/notes", "--write").Code);
        Assert.Contains("were written", await Ask("fs.write", """{"path": "/notes/a.txt", "text": "buy bread"}"""));
        Assert.Equal("buy bread", File.ReadAllText(Path.Combine(_notes, "a.txt")));

        Assert.Equal(0, Command("umount", "/notes").Code);
        Assert.DoesNotContain("/notes", _tree.Tree.Text(Verb.Read, "/dev/mounts"));
        Assert.Equal((1, "wisp: /notes/a.txt: there is no such file or folder.\n"), Command("cat", "/notes/a.txt"));
        (code, text) = Command("umount", "/notes");
        Assert.Equal((1, true), (code, text.Contains("no folder is mounted there")));
    }

    [Fact]
    public async Task An_agent_is_told_of_the_tools_that_it_may_call()
    {
        var pid = await _hosted.Kernel.SpawnAsync(new SpawnRequest
        {
            Name = "agent", Message = "go", Temperature = 0, ListsTools = true, Stays = true, Instructions = "Be kind.",
            Capabilities = [World.Everything],
        });
        var parts = await _hosted.Kernel.ContextAsync(pid);
        Assert.Equal("Be kind.", parts[0].Text);
        Assert.Contains(Wisp.Tools.Calculator.Description, parts[1].Text);
    }
}
