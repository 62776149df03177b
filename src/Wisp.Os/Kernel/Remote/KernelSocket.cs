namespace Wisp.Kernel.Remote;

/// <summary>Where a user's kernel listens: $XDG_RUNTIME_DIR/wisp, else ~/.local/state/wisp/run.</summary>
public static class KernelSocket
{
    // The kernel's own limit of a socket's path on Linux, its final zero taken off.
    private const int MaxPath = 107;

    public static string Path(Func<string, string?> environment)
    {
        // The XDG base directory specification says to ignore a relative path.
        if (environment("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && System.IO.Path.IsPathFullyQualified(runtime))
            return System.IO.Path.Combine(runtime, "wisp", "kernel.sock");
        var home = environment("HOME") is { Length: > 0 } set
            ? set : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return System.IO.Path.Combine(home, ".local", "state", "wisp", "run", "kernel.sock");
    }

    /// <summary>Makes the folder of the socket for this user alone.</summary>
    /// <exception cref="IOException">It cannot be, or is open to others.</exception>
    public static void MakeFolder(string socket)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(socket) > MaxPath)
            throw new IOException($"{socket}: a socket's path may have {MaxPath} bytes. Set XDG_RUNTIME_DIR to a " +
                "shorter folder.");
        var folder = System.IO.Path.GetDirectoryName(socket)!;
        const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        Directory.CreateDirectory(folder, Mine);
        if ((File.GetUnixFileMode(folder) & ~Mine) != 0)
            File.SetUnixFileMode(folder, Mine); // fails for a folder of somebody else's
    }
}
