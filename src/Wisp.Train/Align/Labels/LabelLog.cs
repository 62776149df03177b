using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Labels;

/// <summary>
/// A label file that is being added to. A record is on the disk before <see cref="Append"/> returns, and nothing that
/// stands in the file is ever changed. One process at a time has it.
/// </summary>
public sealed class LabelLog : IDisposable
{
    // Read by people and never placed in a page, so letters stay letters.
    private static readonly JsonSerializerOptions s_plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    // A person would judge for years.
    private const int MaxBytes = 1 << 30;

    private readonly FileStream _file, _lock;
    private readonly LabelReading _reading;

    private LabelLog(FileStream file, FileStream held, LabelReading reading) =>
        (_file, _lock, _reading) = (file, held, reading);

    private static ReadOnlySpan<byte> Head => "{\"label\":\""u8;

    public string Path => _file.Name;

    /// <summary>What stands in the file.</summary>
    public LabelReading Reading => _reading;

    /// <summary>
    /// Bytes of a record that a killed program left half-written at the end; nobody was told that it was saved, and it
    /// is gone.
    /// </summary>
    public long TornBytes { get; private init; }

    /// <summary>Opens a file to add to, or makes one.</summary>
    /// <exception cref="InvalidDataException">It holds something else than records.</exception>
    /// <exception cref="IOException">It cannot be written, or another process has it.</exception>
    public static LabelLog Open(string path)
    {
        if (!path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException($"'{path}': a label file ends in .jsonl. Choose such a name for --out.");
        var held = LockFor(path);
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            if (file.Length > MaxBytes)
                throw new InvalidDataException($"{path}: has {file.Length:n0} bytes; begin another with --out.");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            var whole = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
            var torn = bytes.AsSpan(whole);
            // What is no label file is not to be cut: all before the torn line is one, or there is nothing before it
            // and it begins as a record does.
            if (whole == 0 && !torn.StartsWith(Head[..Math.Min(Head.Length, torn.Length)]))
                throw new InvalidDataException($"{path}: is no label file. Choose another file for --out.");
            var reading = LabelReading.Of(JsonRecord.Lines(new MemoryStream(bytes, 0, whole), path));
            file.SetLength(whole);
            file.Seek(whole, SeekOrigin.Begin);
            return new LabelLog(file, held, reading) { TornBytes = torn.Length };
        }
        catch
        {
            file?.Dispose();
            held.Dispose();
            throw;
        }
    }

    /// <summary>Writes a record through to the disk.</summary>
    /// <exception cref="IOException">It could not be written; the file is as it was.</exception>
    public void Append(LabelRecord record)
    {
        var end = _file.Length;
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(record.ToJson().ToJsonString(s_plain) + "\n"));
            _file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            _file.SetLength(end); // half a line would spoil the next one
            _file.Seek(end, SeekOrigin.Begin);
            throw;
        }

        _reading.Add(record);
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    // A file beside it: everybody may read the records while they are added to. Who was killed holds no lock any more.
    private static FileStream LockFor(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        var folder = System.IO.Path.GetDirectoryName(full)!;
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{path}: the folder {folder} does not exist.");
        try
        {
            return new FileStream(
                System.IO.Path.Combine(folder, $".{System.IO.Path.GetFileName(full)}.lock"), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw new IOException(
                $"{path}: is open in another wisp label. End that one, or choose another file for --out.", e);
        }
    }
}
