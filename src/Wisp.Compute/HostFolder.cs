using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Wisp.Compute;

/// <summary>What a name in a folder stands for.</summary>
public enum HostNodeKind
{
    File,
    Folder,

    /// <summary>A device, a pipe, a socket: opening one can hang or do something.</summary>
    Other,
}

/// <summary>Why a name below a folder cannot be had.</summary>
public enum HostFault
{
    NotFound,
    Denied,

    /// <summary>It leads out of the folder.</summary>
    Escapes,

    /// <summary>It is there under another spelling: another case, or composed differently.</summary>
    OtherSpelling,

    /// <summary>It is no file and no folder, or not the one of the two that was asked for.</summary>
    WrongKind,

    Failed,
}

/// <summary>A name below a folder that cannot be had; the message is what comes after the name.</summary>
public sealed class HostPathException(HostFault fault, string message) : IOException(message)
{
    public HostFault Fault { get; } = fault;
}

/// <summary>Something below a folder, held by a descriptor: whatever is renamed meanwhile, it stays this one.</summary>
public sealed class HostNode : IDisposable
{
    internal HostNode(SafeFileHandle handle, HostNodeKind kind, long bytes, DateTimeOffset modified) =>
        (Handle, Kind, Bytes, Modified) = (handle, kind, bytes, modified);

    public HostNodeKind Kind { get; }

    public long Bytes { get; }

    public DateTimeOffset Modified { get; }

    internal SafeFileHandle Handle { get; }

    /// <summary>A name of exactly this node for the runtime's own functions; valid until it is disposed.</summary>
    internal string Door => $"/proc/self/fd/{Handle.DangerousGetHandle()}";

    public void Dispose() => Handle.Dispose();
}

/// <summary>
/// A folder of the machine whose inside can be reached by names and whose outside cannot, whatever is done to it
/// meanwhile: names are opened one after the other, each below the descriptor of the one before, and links are followed
/// here and not by the system. Linux only.
/// </summary>
/// <remarks>
/// Each name is opened with O_PATH | O_NOFOLLOW, which never blocks and touches no device, and looked at before it is
/// opened for reading through its descriptor. At the end the system's name of the result must be the folder's and the
/// names that were asked for, so that no file system that thinks two spellings equal gets around a rule on names.
/// </remarks>
public sealed partial class HostFolder : IDisposable
{
    private const int CurrentFolder = -100, ThisOne = 0x1000; // AT_FDCWD, AT_EMPTY_PATH
    private const int PathOnly = 0x200000, NoFollow = 0x20000, CloseOnExec = 0x80000;
    private const int MostLinks = 40; // as the kernel has it
    private const int NotPermitted = 1, NoEntry = 2, NoAccess = 13, NoDirectory = 20, TooLong = 36, Loop = 40;

    private readonly HostNode _root;

    /// <exception cref="PlatformNotSupportedException">The system is not Linux.</exception>
    /// <exception cref="IOException">It is no folder that can be opened.</exception>
    public HostFolder(string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("Folders of the machine can be mounted on Linux only.");
        // The user names this one, so its own links are followed.
        var real = Directory.Exists(path) ? Path.GetFullPath(path) : throw new DirectoryNotFoundException(
            $"{path}: there is no such folder.");
        var handle = Open(CurrentFolder, real, PathOnly | CloseOnExec);
        _root = Look(handle);
        if (_root.Kind != HostNodeKind.Folder)
            throw new IOException($"{path}: is no folder.");
    }

    /// <summary>Where it is now.</summary>
    public string RealPath => Target(_root);

    /// <summary>What the names lead to, from the folder on; none is the folder itself.</summary>
    /// <exception cref="HostPathException">There is nothing, or it may not be had.</exception>
    public HostNode Open(IReadOnlyList<string> names)
    {
        var (node, path) = Walk(names);
        if (Target(node) is var real && real != path)
        {
            node.Dispose();
            throw real.EndsWith(" (deleted)", StringComparison.Ordinal)
                ? new HostPathException(HostFault.NotFound, "was just removed")
                : new HostPathException(HostFault.OtherSpelling, "is there under another spelling; use that one");
        }

        return node;
    }

    /// <summary>The names in a folder, and what each stands for; null where that cannot be had.</summary>
    public IEnumerable<(string Name, HostNode? Node)> List(IReadOnlyList<string> names)
    {
        using var folder = Open(names);
        if (folder.Kind != HostNodeKind.Folder)
            throw new HostPathException(HostFault.WrongKind, "is a file, a folder was expected");
        foreach (var entry in Guarded(() => Directory.GetFileSystemEntries(folder.Door + "/")))
        {
            var name = Path.GetFileName(entry);
            HostNode? node;
            try
            {
                node = Open([.. names, name]);
            }
            catch (HostPathException)
            {
                node = null;
            }

            yield return (name, node);
            node?.Dispose();
        }
    }

    /// <summary>The bytes of a file, from one place on.</summary>
    /// <exception cref="HostPathException">It is no plain file, or cannot be read.</exception>
    public static byte[] Read(HostNode file, long from, int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        if (file.Kind != HostNodeKind.File)
            throw new HostPathException(HostFault.WrongKind, file.Kind == HostNodeKind.Folder
                ? "is a folder, a file was expected" : "is a device or a pipe; only plain files can be read");
        return Guarded(() =>
        {
            using var handle = File.OpenHandle(file.Door, share: FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[Math.Clamp(RandomAccess.GetLength(handle) - from, 0, most)];
            var read = 0;
            while (read < bytes.Length && RandomAccess.Read(handle, bytes.AsSpan(read), from + read) is > 0 and var n)
                read += n;
            return bytes[..read];
        });
    }

    /// <summary>
    /// Writes a file whole or not at all, with the folders above it; a link at its place is not followed.
    /// </summary>
    /// <exception cref="HostPathException">Something else is there, or it may not be written.</exception>
    public void Write(IReadOnlyList<string> names, ReadOnlySpan<byte> bytes)
    {
        if (names.Count == 0)
            throw new HostPathException(HostFault.WrongKind, "is a folder, a file was expected");
        var content = bytes.ToArray();
        for (var depth = 1; depth < names.Count; depth++)
            MakeFolder([.. names.Take(depth)]);
        using var folder = Open([.. names.SkipLast(1)]);
        if (folder.Kind != HostNodeKind.Folder)
            throw new HostPathException(HostFault.WrongKind, "stands below a file");
        var name = names[^1];
        UnixFileMode? mode = null;
        if (TryLook(folder, name) is { } there)
            using (there)
                mode = there.Kind == HostNodeKind.File ? ModeOf(there)
                    : throw new HostPathException(HostFault.WrongKind,
                        "is a folder, a link or a device; only plain files are written");
        Guarded(() =>
        {
            var temporary = $"{folder.Door}/.{Path.GetRandomFileName()}.tmp";
            try
            {
                using (var stream = new FileStream(temporary, FileMode.CreateNew))
                {
                    stream.Write(content);
                    stream.Flush(flushToDisk: true);
                }

                if (mode is { } kept && !OperatingSystem.IsWindows())
                    File.SetUnixFileMode(temporary, kept);
                File.Move(temporary, $"{folder.Door}/{name}", overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }

            return 0;
        });
    }

    public void Dispose() => _root.Dispose();

    private void MakeFolder(string[] names)
    {
        try
        {
            Open(names).Dispose();
        }
        catch (HostPathException e) when (e.Fault == HostFault.NotFound)
        {
            using var above = Open(names[..^1]);
            Guarded(() => Directory.CreateDirectory($"{above.Door}/{names[^1]}"));
        }
    }

    // The nodes of the path so far are held, so that ".." of a link goes back to the one it came from.
    private (HostNode Node, string Path) Walk(IReadOnlyList<string> names)
    {
        var way = new List<(HostNode Node, string Name)> { (_root, "") };
        var rest = new Stack<string>(names.Reverse());
        var links = 0;
        HostNode? file = null;
        try
        {
            while (rest.TryPop(out var name))
            {
                if (file is not null)
                    throw new HostPathException(HostFault.NotFound, "is not there: a file stands above it");
                if (name is "" or ".")
                    continue;
                if (name == "..")
                {
                    if (way.Count == 1)
                        throw Escapes();
                    way[^1].Node.Dispose();
                    way.RemoveAt(way.Count - 1);
                    continue;
                }

                var handle = Open(way[^1].Node.Handle.DangerousGetHandle().ToInt32(), name,
                    PathOnly | NoFollow | CloseOnExec);
                if (LinkOf(handle) is { } target)
                {
                    handle.Dispose();
                    if (++links > MostLinks)
                        throw new HostPathException(HostFault.Failed, "leads through too many links");
                    Follow(target, way, rest);
                    continue;
                }

                var node = Look(handle);
                way.Add((node, name));
                file = node.Kind == HostNodeKind.Folder ? null : node;
            }

            var path = Target(_root) is var root && root == "/" ? "" : root;
            path += string.Concat(way.Skip(1).Select(step => "/" + step.Name));
            if (way.Count == 1)
                return (Look(Open(CurrentFolder, _root.Door, PathOnly | CloseOnExec)), path.Length == 0 ? "/" : path);
            var last = way[^1].Node;
            way.RemoveAt(way.Count - 1);
            return (last, path);
        }
        finally
        {
            foreach (var (node, _) in way.Skip(1))
                node.Dispose();
        }
    }

    private void Follow(string target, List<(HostNode Node, string Name)> way, Stack<string> rest)
    {
        if (target.StartsWith('/'))
        {
            var root = Target(_root).TrimEnd('/');
            if (!target.StartsWith(root + "/", StringComparison.Ordinal) && target != root)
                throw Escapes();
            target = target[root.Length..];
            foreach (var (node, _) in way.Skip(1))
                node.Dispose();
            way.RemoveRange(1, way.Count - 1);
        }

        foreach (var name in target.Split('/').Reverse())
            rest.Push(name);
    }

    private static HostNode? TryLook(HostNode folder, string name)
    {
        try
        {
            var handle = Open(folder.Handle.DangerousGetHandle().ToInt32(), name, PathOnly | NoFollow | CloseOnExec);
            return LinkOf(handle) is null ? Look(handle) : new HostNode(handle, HostNodeKind.Other, 0, default);
        }
        catch (HostPathException e) when (e.Fault == HostFault.NotFound)
        {
            return null;
        }
    }

    private static SafeFileHandle Open(int folder, string name, int flags)
    {
        var descriptor = OpenAt(folder, name, flags, 0);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw (Marshal.GetLastPInvokeError() switch
            {
                NoEntry or NoDirectory => new HostPathException(HostFault.NotFound, "is not there"),
                NoAccess or NotPermitted => new HostPathException(HostFault.Denied, "may not be opened by you"),
                TooLong => new HostPathException(HostFault.NotFound, "has a name that is too long"),
                Loop => new HostPathException(HostFault.Failed, "leads through too many links"),
                var error => new HostPathException(
                    HostFault.Failed, $"cannot be opened ({Marshal.GetPInvokeErrorMessage(error)})"),
            });
    }

    // struct statx: mode at 28, size at 40, seconds and nanoseconds of the last change at 112.
    private static HostNode Look(SafeFileHandle handle)
    {
        var (mode, about) = Stat(handle);
        var kind = (mode & 0xF000) switch
        {
            0x8000 => HostNodeKind.File,
            0x4000 => HostNodeKind.Folder,
            _ => HostNodeKind.Other,
        };
        return new HostNode(handle, kind, BinaryPrimitives.ReadInt64LittleEndian(about.AsSpan(40)),
            DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64LittleEndian(about.AsSpan(112)))
                .AddTicks(BinaryPrimitives.ReadUInt32LittleEndian(about.AsSpan(120)) / 100));
    }

    private static string? LinkOf(SafeFileHandle handle)
    {
        if ((Stat(handle).Mode & 0xF000) != 0xA000)
            return null;
        var target = new byte[4096];
        var length = ReadLinkAt(handle.DangerousGetHandle().ToInt32(), "", target, (nuint)target.Length);
        return length is > 0 and < 4096 ? System.Text.Encoding.UTF8.GetString(target, 0, (int)length)
            : throw new HostPathException(HostFault.Failed, "is a link that cannot be read");
    }

    private static (int Mode, byte[] About) Stat(SafeFileHandle handle)
    {
        var about = new byte[256];
        return StatX(handle.DangerousGetHandle().ToInt32(), "", ThisOne, 0x7FF, about) == 0
            ? (BinaryPrimitives.ReadUInt16LittleEndian(about.AsSpan(28)), about)
            : throw new HostPathException(HostFault.Failed, "cannot be looked at");
    }

    private static UnixFileMode? ModeOf(HostNode file)
    {
        if (OperatingSystem.IsWindows())
            return null;
        try
        {
            return File.GetUnixFileMode(file.Door);
        }
        catch (IOException)
        {
            return null; // the new file gets the mode of new files
        }
    }

    private static string Target(HostNode node) => new FileInfo(node.Door).LinkTarget ?? "";

    private static HostPathException Escapes() => new(HostFault.Escapes, "leads out of the mounted folder");

    private static T Guarded<T>(Func<T> act)
    {
        try
        {
            return act();
        }
        catch (UnauthorizedAccessException)
        {
            throw new HostPathException(HostFault.Denied, "may not be opened or written by you");
        }
        catch (Exception e) when (e is IOException and not HostPathException)
        {
            // The system's sentence ends with our name for it, which would only puzzle.
            throw new HostPathException(HostFault.Failed, $"failed ({e.Message.Split(" : '")[0].TrimEnd('.')})");
        }
    }

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenAt(int folder, string name, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int StatX(int folder, string name, int flags, uint mask, [Out] byte[] about);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint ReadLinkAt(int folder, string name, [Out] byte[] target, nuint length);
}
