using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Memory;
using Wisp.Mounts;
using Wisp.Tests.Os.Memory;
using Wisp.Tests.Train.Data;
using Wisp.Tools;

namespace Wisp.Tests.Os.Mounts;

public sealed class FileTreeTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileTree _tree = new();
    private readonly MemoryMount _memory;

    public FileTreeTests()
    {
        _memory = new MemoryMount(TreePath.Parse("/mem"), ":memory:", TimeProvider.System, Asking.User);
        _tree.Mount(TreePath.Parse("/mem"), _memory, "memory");
        _tree.Mount(TreePath.Parse("/tools"), new ToolMount(TreePath.Parse("/tools"),
            [new MountedTool(Calculator.Description, new Calculator())]), "tools");
    }

    public void Dispose()
    {
        _memory.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_path_goes_to_the_driver_with_the_longest_place()
    {
        using var inner = new MemoryMount(TreePath.Parse("/mem/team"), ":memory:", TimeProvider.System, Asking.User);
        _tree.Mount(TreePath.Parse("/mem/team"), inner, "the team's memory");
        _tree.Text(Verb.Write, "/mem/a", "mine");
        _tree.Text(Verb.Write, "/mem/team/a", "ours");
        Assert.Equal(("mine", "ours"), (_memory.Text(Verb.Read, "/a"), inner.Text(Verb.Read, "/a")));
        Assert.Equal("/mem/team/.versions/a/1", _tree.Ask(Verb.Read, "/mem/team/a").Extents[0].Uri);
        Assert.Equal("a  4 bytes\nteam/", _tree.Text(Verb.List, "/mem"));
        Assert.Equal("mem/\ntools/", _tree.Text(Verb.List, "/"));
        Assert.Equal("folder", _tree.Text(Verb.Stat, "/"));
        Assert.Throws<MountException>(() => _tree.Mount(TreePath.Parse("/mem"), _memory, "again"));
        Assert.Same(inner, _tree.Unmount(TreePath.Parse("/mem/team")));
        Assert.Throws<MountException>(() => _tree.Unmount(TreePath.Parse("/mem/team")));
        _tree.Refusal(Verb.Read, "/mem/team/a", SysStatus.NotFound);
        _tree.Refusal(Verb.Read, "/nothing/here", SysStatus.NotFound);
        _tree.Refusal(Verb.Read, "/", SysStatus.Malformed);
        _tree.Refusal(Verb.Write, "/", SysStatus.Denied, "x");
        _tree.Refusal(Verb.Read, "/mem/../tools", SysStatus.Malformed);
    }

    [Fact]
    public void A_tool_is_a_line_until_its_schema_is_read_and_a_call_of_its_path_calls_it()
    {
        Assert.Equal("calculator", _tree.Text(Verb.List, "/tools").Split(' ')[0]);
        Assert.Equal(Calculator.Description, _tree.Text(Verb.Read, "/tools/calculator"));
        Assert.Equal("408", _tree.Text(Verb.Call, "/tools/calculator", """{"expression": "12 * 34"}"""));
        Assert.Contains("calculator", _tree.Refusal(Verb.Call, "/tools/bomb", SysStatus.NotFound, "{}"),
            StringComparison.Ordinal);
        Assert.Equal(Effect.Pure, _tree.ClassOf(Verb.Call, "/tools/calculator"));
        Assert.Equal(Effect.Idempotent, _tree.ClassOf(Verb.Write, "/mem/a"));
        var tools = (ToolMount)_tree.Unmount(TreePath.Parse("/tools"));
        var (whole, lines) = tools.Index(0, _ => true);
        Assert.Empty(whole);
        Assert.Equal(["/tools/calculator: Works out an arithmetic expression."], lines);
        Assert.Empty(tools.Index(1, path => path != "/tools/calculator").Whole);
        Assert.Throws<ArgumentException>(() => new MountedTool("""{"name": "a/b"}""", new Calculator()));
    }

    [Fact]
    public void The_tools_that_are_called_most_are_described_in_whole_and_the_others_in_a_line()
    {
        static string Named(string name) => Calculator.Description.Replace("\"calculator\"", $"\"{name}\"");
        var at = TreePath.Parse("/tools");
        var mount = new ToolMount(at,
            [.. ((string[])["c", "a", "b"]).Select(name => new MountedTool(Named(name), new Calculator()))]);
        for (var i = 0; i < 2; i++)
            mount.Text(Verb.Call, "/c", """{"expression": "1 + 1"}""");
        mount.Text(Verb.Call, "/b", """{"expression": "1 + 1"}""");
        var (whole, lines) = mount.Index(2, _ => true);
        Assert.Equal([Named("b"), Named("c")], whole);
        Assert.Equal(["/tools/a: Works out an arithmetic expression."], lines);
    }

    [Fact]
    public void Processes_are_files_that_show_their_pages()
    {
        var memory = new PagedMemory(WordCodec.Codec, new MemoryLimits(600, 100));
        for (var i = 0; i < 40; i++)
        {
            memory.Say(PromptRole.User, string.Join(' ', Enumerable.Repeat($"word{i}", 30)), Label.From(Source.User));
            memory.Prompt();
        }

        var report = new ProcessReport
        {
            Pid = new Pid(7), Parent = Pid.None, Group = new Pid(7), Name = "agent", State = ProcessState.Ready,
            Usage = new Usage(11, 22, 33, 4, 5, 6),
            Handles = [new Capability { Pattern = "/docs/**", Rights = Right.Look, Uses = 3 }],
        };
        var mount = new ProcessMount(TreePath.Parse("/proc"),
            () => Task.FromResult<IReadOnlyList<ProcessSnapshot>>([new ProcessSnapshot(report, memory.Pages)]));
        Assert.Equal("7/  agent", mount.Text(Verb.List, "/"));
        Assert.Equal(4, mount.Text(Verb.List, "/7").Split('\n').Length);
        Assert.Contains("Ready", mount.Text(Verb.Read, "/7/status"), StringComparison.Ordinal);
        Assert.Contains("22", mount.Text(Verb.Read, "/7/usage"), StringComparison.Ordinal);
        Assert.Contains("/docs/**  3 uses left", mount.Text(Verb.Read, "/7/handles"), StringComparison.Ordinal);
        var context = mount.Text(Verb.Read, "/7/context");
        Assert.Equal(memory.Pages.Count + 1, context.TrimEnd().Split('\n').Length);
        foreach (var where in (string[])["resident", "stub", "swapped"])
            Assert.Contains(where, context, StringComparison.Ordinal);
        Assert.Equal(Label.From(Source.User, Source.Kernel), mount.Ask(Verb.Read, "/7/context").Label);
        mount.Refusal(Verb.Read, "/8/status", SysStatus.NotFound);
        mount.Refusal(Verb.Read, "/7", SysStatus.Malformed);
        mount.Refusal(Verb.Read, "/7/secrets", SysStatus.NotFound);
        mount.Refusal(Verb.Write, "/7/status", SysStatus.Denied, "x");
    }
}
