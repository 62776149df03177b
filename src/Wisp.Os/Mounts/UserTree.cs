using Wisp.Agents;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Tools;

namespace Wisp.Mounts;

/// <summary>
/// The tree of a user's kernel: /mem is what is remembered, /rag the documents, /proc the processes, /tools the tools,
/// /dev/mounts the list of mounts, and beside them the folders that the user gave.
/// </summary>
public sealed class UserTree : IDisposable
{
    private const int WholeTools = 8; // described in whole to every agent; some 100 tokens each

    private static readonly ReaderSet s_user = ReaderSet.Of("user");

    private readonly MountTable _table;
    private readonly MemoryMount _memory;
    private readonly DocumentMount _documents;
    private readonly ToolMount _tools;
    private readonly Dictionary<FolderGrant, HostMount> _folders = [];

    private UserTree(string folder, TimeProvider clock)
    {
        Directory.CreateDirectory(folder);
        _table = new MountTable(Path.Combine(folder, "mounts.json"));
        _memory = new MemoryMount(TreePath.Parse("/mem"), Path.Combine(folder, "memory.db"), clock, s_user);
        _documents = Documents(folder);
        var tools = TreePath.Parse("/tools");
        _tools = new ToolMount(tools, [new MountedTool(Calculator.Description, new Calculator())]);
        Tree.Mount(_memory.At, _memory, "what is remembered");
        Tree.Mount(_documents.At, _documents, "documents by search");
        Tree.Mount(tools, _tools, "tools");
        var processes = TreePath.Parse("/proc");
        Tree.Mount(processes, new ProcessMount(processes, () => Processes()), "processes");
        Tree.Mount(TreePath.Parse("/dev/mounts"), new Control(this), "this list");
    }

    /// <summary>The driver over all paths.</summary>
    public FileTree Tree { get; } = new();

    /// <summary>What /proc shows; the kernel is there later than its tree.</summary>
    public Func<Task<IReadOnlyList<ProcessSnapshot>>> Processes { get; set; } =
        () => Task.FromResult<IReadOnlyList<ProcessSnapshot>>([]);

    /// <param name="folder">The user's data, made where it is not there.</param>
    /// <param name="problems">Folders that cannot be mounted, one line each; the others are.</param>
    /// <exception cref="MountException">A database is damaged.</exception>
    public static UserTree Open(string folder, TimeProvider clock, out IReadOnlyList<string> problems)
    {
        var tree = new UserTree(folder, clock);
        problems = tree.Reload();
        return tree;
    }

    /// <summary>The documents alone, for whoever indexes some.</summary>
    /// <exception cref="MountException">The database is damaged.</exception>
    public static DocumentMount Documents(string folder)
    {
        Directory.CreateDirectory(folder);
        return new DocumentMount(TreePath.Parse("/rag"), Path.Combine(folder, "documents.db"), s_user);
    }

    /// <summary>What a process is told of the tools that it may call.</summary>
    public string ToolsOf(SpawnRequest request)
    {
        var (whole, lines) = _tools.Index(WholeTools, path => request.Capabilities.Any(
            capability => (capability.Rights & Right.Call) != 0 && capability.Covers(path)));
        return ToolList.With("", whole, lines);
    }

    /// <summary>Mounts what the list has and the tree has not, and the other way round.</summary>
    public IReadOnlyList<string> Reload()
    {
        var problems = new List<string>();
        try
        {
            var wanted = _table.Read();
            lock (_folders)
            {
                foreach (var (grant, mount) in _folders.Where(pair => !wanted.Contains(pair.Key)).ToList())
                {
                    Tree.Unmount(mount.At);
                    _folders.Remove(grant);
                    mount.Dispose();
                }

                foreach (var grant in wanted.Where(grant => !_folders.ContainsKey(grant)))
                    try
                    {
                        var mount = new HostMount(TreePath.Parse(grant.At), grant.Folder, grant.CanWrite, s_user);
                        Tree.Mount(mount.At, mount, $"{grant.Folder}, {(grant.CanWrite ? "read-write" : "read-only")}");
                        _folders[grant] = mount;
                    }
                    catch (Exception e) when (e is IOException or PlatformNotSupportedException
                        or UnauthorizedAccessException)
                    {
                        problems.Add($"{grant.At} is not mounted: {e.Message}");
                    }
            }
        }
        catch (MountException e)
        {
            problems.Add(e.Message);
        }

        return problems;
    }

    public void Dispose()
    {
        foreach (var mount in _folders.Values)
            mount.Dispose();
        _memory.Dispose();
        _documents.Dispose();
    }

    // Only the user, who is no process, can change what is mounted.
    private sealed class Control(UserTree tree) : Driver
    {
        public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) => new(Answer(call));

        private SysResult Answer(DriverCall call) => call.Verb switch
        {
            Verb.Read => Result(SysStatus.Ok, string.Concat(
                tree.Tree.Mounts.Select(mount => $"{mount.At}  {mount.Note}\n"))),
            Verb.Stat => Result(SysStatus.Ok, "file"),
            Verb.Write when call.Pid == Pid.None && tree.Reload() is { Count: > 0 } problems =>
                Result(SysStatus.Failed, string.Join("; ", problems)),
            Verb.Write when call.Pid == Pid.None => Result(SysStatus.Ok, "The list was read again."),
            _ => Result(SysStatus.Denied, "/dev/mounts: only the user mounts, with wisp mount."),
        };

        private static SysResult Result(SysStatus status, string text) =>
            new(status, text, Label.From(Source.Kernel));
    }
}
