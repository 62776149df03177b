using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Remote;
using Wisp.Memory;
using Wisp.Mounts;

namespace Wisp.Agents;

/// <summary>What a kernel in this program is made of.</summary>
/// <param name="Codec">How long texts are to the model that is spoken with.</param>
/// <param name="Context">Tokens of one prompt and its answer.</param>
/// <param name="Model">What the journal calls the model.</param>
public sealed record LocalKernelParts(PromptCodec Codec, int Context, string Model)
{
    /// <summary>The model of processes that name none; null starts none of those.</summary>
    public AskedModel? Default { get; init; }

    public KernelOptions Options { get; init; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>A kernel in this program whose models are asked: the user's own, or one that keeps nothing.</summary>
public sealed class LocalKernel : IAgentKernel
{
    private readonly AskedCore _core;
    private readonly FileTree _tree;
    private readonly UserTree? _user;
    private readonly HostedKernel? _hosted;
    private readonly WispKernel _kernel;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    /// <param name="folder">The user's data; null where nothing of it is to be seen.</param>
    /// <param name="socket">Where it listens, with a journal in the folder; null keeps it to itself.</param>
    /// <exception cref="IOException">The journal or the socket is another's, or cannot be had.</exception>
    private LocalKernel(LocalKernelParts parts, string? folder, string? socket)
    {
        _core = new AskedCore(parts.Codec, parts.Context);
        try
        {
            (_user, _tree) = TreeOf(folder, socket is not null, parts.Time, out var problems);
            Problems = problems;
            if (socket is not null)
            {
                _hosted = HostedKernel.Start(new HostedKernelParts(
                    _core, _tree, Path.Combine(folder!, JournalName), socket, parts.Model)
                {
                    NewSpace = NewSpace, Default = parts.Default, Time = parts.Time, Options = parts.Options,
                    Tools = _user is { } user ? user.ToolsOf : null,
                });
                Problems = [.. problems, .. _hosted.Damage];
            }

            _kernel = _hosted?.Kernel ?? new WispKernel(new KernelParts(_core, _tree, parts.Time, NewSpace)
            {
                Default = parts.Default, Model = parts.Model,
            }, parts.Options);
        }
        catch
        {
            _user?.Dispose();
            _core.Dispose();
            throw;
        }

        if (_user is not null)
            _user.Processes = () => _kernel.EachAsync((report, space) =>
                new ProcessSnapshot(report, (space as PagedMemory)?.Pages));
        // A thread of its own: a tick may wait for the disk.
        _running = Task.Factory.StartNew(() => _kernel.RunAsync(_stop.Token).GetAwaiter().GetResult(),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        AddressSpace NewSpace() => HostedKernel.Space(parts.Codec, parts.Context);
    }

    /// <summary>The file of the journal in the user's folder.</summary>
    public const string JournalName = "journal.db";

    /// <summary>What could not be mounted, and what the journal had lost, one line each.</summary>
    public IReadOnlyList<string> Problems { get; }

    public bool IsAlive => !_running.IsCompleted;

    /// <summary>The user's kernel: what its journal holds goes on, and other programs find it at its socket.</summary>
    /// <exception cref="IOException">The journal or the socket is another kernel's, or cannot be had.</exception>
    /// <exception cref="MountException">A database of the user's is damaged.</exception>
    public static LocalKernel Host(LocalKernelParts parts, string folder, string socket) =>
        new(parts, folder, socket);

    /// <summary>A kernel of this program alone, which keeps nothing.</summary>
    /// <param name="folder">Whose mounts it has; null has none.</param>
    public static LocalKernel InMemory(LocalKernelParts parts, string? folder) => new(parts, folder, null);

    public Task<Pid> SpawnAsync(SpawnRequest request, AskedModel model) => _kernel.SpawnAsync(request, model);

    public Task SignalAsync(Pid pid, Signal signal) => _kernel.SignalAsync(pid, signal);

    public Task AnswerAsync(int ask, bool yes) => _kernel.AnswerAsync(ask, yes);

    public Task ReloadAsync() => _user?.Reload() is { Count: > 0 } problems
        ? throw new ArgumentException(string.Join("; ", problems)) : Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        try
        {
            await _running.ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Asked for, or said to those that waited already.
        }

        if (_hosted is not null)
            await _hosted.DisposeAsync().ConfigureAwait(false);
        else
            _kernel.Dispose();
        _user?.Dispose();
        _core.Dispose();
        _stop.Dispose();
    }

    // Where the user has given nothing, nothing is made in the folder just to look.
    private static (UserTree? User, FileTree Tree) TreeOf(
        string? folder, bool isUsers, TimeProvider time, out IReadOnlyList<string> problems)
    {
        problems = [];
        if (folder is not null && (isUsers || Toolbox.HasFiles(folder)))
        {
            var user = UserTree.Open(folder, time, out problems);
            return (user, user.Tree);
        }

        var tree = new FileTree();
        var tools = TreePath.Parse("/tools");
        tree.Mount(tools, new ToolMount(
            tools, [new MountedTool(Tools.Calculator.Description, new Tools.Calculator())]), "tools");
        return (null, tree);
    }
}
