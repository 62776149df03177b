using System.Buffers;
using System.Diagnostics;
using System.IO.Compression;

namespace Wisp.Train.Report;

/// <summary>How small one compressor makes the held-out text; without numbers where Note says why not.</summary>
/// <param name="IsModel">The row of the trained model, drawn apart from the others.</param>
public sealed record CompressionRow(
    string Name, double? BitsPerByte, long? Bytes, string? Note = null, bool IsModel = false)
{
    /// <summary>The model as a compressor: an arithmetic coder comes within a few bits of its loss.</summary>
    public static CompressionRow OfModel(string name, double bitsPerByte, long textBytes) =>
        new(name, bitsPerByte, (long)Math.Ceiling(bitsPerByte * textBytes / 8), "its weights not counted", true);
}

/// <summary>General-purpose compressors at their strongest usual settings, as bits a byte of text.</summary>
public static class Compression
{
    /// <summary>Window of 2^24 bytes, the largest that plain brotli has.</summary>
    private const int BrotliWindow = 24;

    private const int BrotliQuality = 11;

    /// <summary>Runs gzip, brotli, and xz and zstd where <paramref name="find"/> knows a path for them.</summary>
    /// <param name="open">Opens the text anew for each compressor.</param>
    /// <param name="find">From a program's name to its path, or null; normally <see cref="OnPath"/>.</param>
    public static IReadOnlyList<CompressionRow> Measure(
        Func<Stream> open, Func<string, string?> find, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(find);
        long textBytes;
        using (var count = new CountingStream())
        {
            using var text = open();
            Copy(text, count, cancel);
            textBytes = count.Written;
        }

        return
        [
            Row("gzip -9", textBytes, Gzip(open, cancel)),
            Row("brotli -q 11 -w 24", textBytes, Brotli(open, cancel)),
            External("xz", ["-9e", "-c", "-q", "-T1"], "xz -9e", open, find, textBytes, cancel),
            External("zstd", ["-19", "-c", "-q"], "zstd -19", open, find, textBytes, cancel),
        ];
    }

    /// <summary>The program's full path when a folder of PATH holds it; relative entries are not looked at.</summary>
    public static string? OnPath(string program)
    {
        string[] names = OperatingSystem.IsWindows() ? [program + ".exe"] : [program];
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathFullyQualified)
            .SelectMany(folder => names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
    }

    private static CompressionRow Row(string name, long textBytes, long bytes) =>
        new(name, textBytes == 0 ? null : 8.0 * bytes / textBytes, bytes);

    private static long Gzip(Func<Stream> open, CancellationToken cancel)
    {
        using var count = new CountingStream();
        using (var gzip = new GZipStream(count, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            using var text = open();
            Copy(text, gzip, cancel);
        }

        return count.Written;
    }

    // BrotliStream has no window to set, and its default of 22 bits is weaker.
    private static long Brotli(Func<Stream> open, CancellationToken cancel)
    {
        using var text = open();
        using var encoder = new BrotliEncoder(BrotliQuality, BrotliWindow);
        var from = ArrayPool<byte>.Shared.Rent(1 << 16);
        var to = ArrayPool<byte>.Shared.Rent(1 << 16);
        long total = 0;
        try
        {
            for (var last = false; !last;)
            {
                cancel.ThrowIfCancellationRequested();
                var filled = text.ReadAtLeast(from, from.Length, throwOnEndOfStream: false);
                last = filled < from.Length;
                ReadOnlySpan<byte> rest = from.AsSpan(0, filled);
                OperationStatus status;
                do
                {
                    status = encoder.Compress(rest, to, out var consumed, out var written, last);
                    if (status == OperationStatus.InvalidData)
                        throw new InvalidOperationException("brotli refused its input");
                    rest = rest[consumed..];
                    total += written;
                }
                while (status == OperationStatus.DestinationTooSmall || rest.Length > 0);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(from);
            ArrayPool<byte>.Shared.Return(to);
        }

        return total;
    }

    private static CompressionRow External(
        string program, string[] arguments, string name, Func<Stream> open, Func<string, string?> find, long textBytes,
        CancellationToken cancel)
    {
        if (find(program) is not { } path)
            return new CompressionRow(name, null, null, "not found");
        try
        {
            var start = new ProcessStartInfo(path, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            // Options that a user keeps in these variables would change what the row's name promises.
            start.Environment.Remove("XZ_OPT");
            start.Environment.Remove("XZ_DEFAULTS");
            start.Environment.Remove("ZSTD_CLEVEL");
            start.Environment.Remove("ZSTD_NBTHREADS");
            using var process = Process.Start(start) ?? throw new IOException($"{path} did not start");
            using var stop = cancel.Register(() => Kill(process));
            // Both pipes have to be drained while the text goes in, or the three processes wait for each other.
            using var count = new CountingStream();
            var output = process.StandardOutput.BaseStream.CopyToAsync(count, CancellationToken.None);
            var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                using var text = open();
                Copy(text, process.StandardInput.BaseStream, cancel);
                process.StandardInput.Close();
            }
            catch (IOException) when (!cancel.IsCancellationRequested)
            {
                // The program closed its input: its exit code and its own words say why.
            }

            output.GetAwaiter().GetResult();
            var said = errors.GetAwaiter().GetResult().Trim().Split('\n')[0];
            process.WaitForExit();
            cancel.ThrowIfCancellationRequested();
            return process.ExitCode == 0
                ? Row(name, textBytes, count.Written)
                : new CompressionRow(name, null, null, $"failed with exit code {process.ExitCode}: {said}");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            cancel.ThrowIfCancellationRequested();
            return new CompressionRow(name, null, null, $"failed: {e.Message}");
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It ended by itself in the meantime.
        }
    }

    private static void Copy(Stream from, Stream to, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            for (int read; (read = from.Read(buffer)) > 0;)
            {
                cancel.ThrowIfCancellationRequested();
                to.Write(buffer.AsSpan(0, read));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Forgets what is written and keeps its length.</summary>
    private sealed class CountingStream : Stream
    {
        public long Written { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Written;

        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Written += count;

        public override void Write(ReadOnlySpan<byte> buffer) => Written += buffer.Length;

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
