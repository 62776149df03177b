namespace Wisp.Train.Report;

/// <summary>Writes a whole file or none: a reader sees the old content or the new one, also after a crash.</summary>
internal static class AtomicFile
{
    public static void Write(string path, Action<Stream> write)
    {
        // In the same folder, because a rename is atomic only within one file system.
        var temporary = path + ".writing";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
