using Wisp.Kernel;
using Wisp.Kernel.Cores;

namespace Wisp.Agents;

/// <summary>A kernel as a program uses it whose answers are processes, wherever it runs.</summary>
public interface IAgentKernel : IAsyncDisposable
{
    /// <summary>Whether something can be started in it.</summary>
    bool IsAlive { get; }

    /// <summary>Starts a process with a model of this program, which sees what it does.</summary>
    /// <exception cref="IOException">The kernel has gone.</exception>
    Task<Pid> SpawnAsync(SpawnRequest request, AskedModel model);

    /// <exception cref="ArgumentException">There is no such process any more.</exception>
    /// <exception cref="IOException">The kernel has gone.</exception>
    Task SignalAsync(Pid pid, Signal signal);

    /// <summary>A person's answer to what was asked.</summary>
    /// <exception cref="ArgumentException">Nothing is asked under that number any more.</exception>
    /// <exception cref="IOException">The kernel has gone.</exception>
    Task AnswerAsync(int ask, bool yes);

    /// <summary>Mounts what the user's list of folders has by now.</summary>
    /// <exception cref="ArgumentException">A folder cannot be mounted.</exception>
    /// <exception cref="IOException">The kernel has gone.</exception>
    Task ReloadAsync();
}
