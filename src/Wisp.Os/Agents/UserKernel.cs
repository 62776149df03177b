using Wisp.Kernel.Remote;
using Wisp.Mounts;

namespace Wisp.Agents;

/// <summary>
/// The kernel that a program's answers run in: the first program of a user hosts it, the others connect to it. Where
/// neither can be, the program has one of its own, so nobody is ever locked out.
/// </summary>
/// <param name="folder">The user's data; null where nothing of it is to be seen.</param>
/// <param name="socket">Where the user's kernel listens; null is for those that keep nothing: one in memory.</param>
public sealed class UserKernel(string? folder, string? socket) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private IAgentKernel? _kernel;

    /// <summary>What a person should know of it, one line each; told once.</summary>
    public Action<string>? Tell { get; init; }

    /// <summary>A kernel that lives: the same as the last time, unless that has ended.</summary>
    /// <param name="parts">Of one that is made here.</param>
    public async Task<IAgentKernel> OpenAsync(LocalKernelParts parts, CancellationToken cancel = default)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (_kernel is { IsAlive: true })
                return _kernel;
            if (_kernel is not null)
                await _kernel.DisposeAsync().ConfigureAwait(false);
            return _kernel = await Task.Run(() => Open(parts), cancel).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_kernel is not null)
            await _kernel.DisposeAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private IAgentKernel Open(LocalKernelParts parts)
    {
        if (socket is not null && folder is not null)
            try
            {
                return KernelClient.IsThere(socket)
                    ? new FarKernel(socket) : Said(LocalKernel.Host(parts, folder, socket));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Whatever is wrong with the user's kernel, nobody is kept from talking. Another program may only have
                // been quicker.
                if (KernelClient.IsThere(socket))
                    return new FarKernel(socket);
                Tell?.Invoke($"This runs in a kernel of its own, which `wisp ps` does not show: {e.Message}");
            }

        try
        {
            return Said(LocalKernel.InMemory(parts, folder));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MountException)
        {
            Tell?.Invoke($"What is mounted is not to be seen here: {e.Message}");
            return LocalKernel.InMemory(parts, null);
        }
    }

    private LocalKernel Said(LocalKernel kernel)
    {
        foreach (var line in kernel.Problems)
            Tell?.Invoke(line);
        return kernel;
    }
}
