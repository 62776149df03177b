using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>A mount cannot do what it was asked; the message is one line that names the path.</summary>
public sealed class MountException(SysStatus status, string message) : Exception(message)
{
    public SysStatus Status { get; } = status;
}
