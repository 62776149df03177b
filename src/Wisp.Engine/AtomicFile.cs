using System.Runtime.InteropServices;

namespace Wisp;

/// <summary>
/// Writes a file whole or not at all: into a temporary file of the same folder, flushed to the disk, then renamed over
/// the old one. Whoever reads the path sees the old content or the new, never a part, wherever the program dies.
/// </summary>
public static class AtomicFile
{
    private const PosixSignal FileSizeSignal = (PosixSignal)25; // SIGXFSZ, on Linux and macOS

    /// <param name="write">Fills the stream, which can seek, and need not close it.</param>
    /// <param name="bytes">The final size where it is known: a full disk then shows before the first byte is
    /// written.</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the old file is as it
    /// was.</exception>
    public static void Write(string path, Action<Stream> write, long bytes = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        // Renaming over a link would replace the link, not the file it stands for.
        var file = new FileInfo(path);
        var target = file.LinkTarget is null
            ? file.FullName : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        if (Directory.Exists(target))
            throw new IOException($"{path}: is a directory, a file was expected.");
        var folder = Path.GetDirectoryName(target)!;
        // Renaming over /dev/null would, for root, take the device away from the whole machine.
        if (folder == "/dev" || (folder.StartsWith("/dev/", StringComparison.Ordinal) &&
            !$"{folder}/".StartsWith("/dev/shm/", StringComparison.Ordinal)))
            throw new IOException($"{path}: is a device, a file was expected.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{path}: the folder {folder} does not exist.");

        var name = Path.GetFileName(target);
        RemoveLeftovers(folder, name);
        var temporary = Path.Combine(folder, $".{name}.{Path.GetRandomFileName()}.tmp");
        var written = 0L;
        // A file-size limit (ulimit -f) sends a signal that ends the program, unless somebody handles it: then the
        // write fails, and is reported, like on a full disk.
        using var limit = OperatingSystem.IsWindows()
            ? null : PosixSignalRegistration.Create(FileSizeSignal, c => c.Cancel = true);
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None, // the lock tells a file in the making from a leftover
                BufferSize = 1 << 16,
                PreallocationSize = bytes,
            };
            using (var stream = new FileStream(temporary, options))
            {
                try
                {
                    write(stream);
                    if (stream.Length > stream.Position)
                        stream.SetLength(stream.Position); // cuts what was reserved and not used
                    stream.Flush(flushToDisk: true);
                }
                finally
                {
                    written = stream.Position;
                }
            }

            if (File.Exists(target) && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(temporary, File.GetUnixFileMode(target));
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e)
        {
            try
            {
                File.Delete(temporary);
            }
            catch (Exception second) when (second is IOException or UnauthorizedAccessException)
            {
                // The first fault is the one to report; the leftover goes with the next write.
            }

            // The runtime reports a file beyond the size limit as an argument of its own out of range.
            if (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
                throw new IOException(Explain(path, target, folder, Math.Max(bytes, written), e), e);
            throw;
        }
    }

    private static string Explain(string path, string target, string folder, long needed, Exception e)
    {
        var kept = File.Exists(target) ? "The old file is intact." : "Nothing was left behind.";
        string room;
        try
        {
            room = $", {new DriveInfo(folder).AvailableFreeSpace:n0} bytes are free there";
        }
        catch (Exception second) when (second is IOException or UnauthorizedAccessException or ArgumentException)
        {
            room = "";
        }

        // The system's sentence ends with the temporary name, which would only puzzle.
        var reason = e is ArgumentException
            ? "larger than a file may be here; see ulimit -f" : e.Message.Split(" : '")[0].TrimEnd('.');
        return $"{path}: could not be written ({reason}). It needs at least {needed:n0} bytes{room}. {kept}";
    }

    // A program that was killed leaves its temporary file behind, as large as a model. Nobody holds its lock any more.
    private static void RemoveLeftovers(string folder, string name)
    {
        try
        {
            foreach (var leftover in Directory.EnumerateFiles(folder, $".{name}.*.tmp"))
                new FileStream(
                    leftover, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In the making by someone else, or not ours to delete.
        }
    }
}
