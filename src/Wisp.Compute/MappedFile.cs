using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// A file of any size, mapped read-only: the pages come in when they are touched, and processes share them. Every slice
/// is checked against the length the file had when it was opened.
/// </summary>
/// <remarks>
/// A slice lives as long as the mapping: reading one after Dispose is an access violation, and so is cutting the file
/// short under a running program. Writers therefore replace files by renaming and never shorten them in place.
/// </remarks>
public sealed unsafe partial class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file; // null for bytes that were made in memory
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    private MappedFile(string path, MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
    {
        (Path, _file, _view, Length) = (path, file, view, length);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += view.PointerOffset;
    }

    private MappedFile(string path, long length)
    {
        (Path, Length) = (path, length);
        _start = (byte*)NativeMemory.Alloc((nuint)Math.Max(length, 1));
    }

    public string Path { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <exception cref="IOException">There is no such file, it is a directory, or it may not be read.</exception>
    /// <exception cref="InvalidDataException">The file is empty.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            throw new IOException($"{path}: is a directory, a file was expected.");
        var found = new FileInfo(path);
        if (!found.Exists)
            throw new FileNotFoundException($"{path}: there is no such file.", path);
        if (found.Length == 0) // a named pipe too, which would keep us waiting for a writer
            throw new InvalidDataException($"{path}: the file is empty.");

        FileStream stream;
        try
        {
            // No buffer: nothing is read through the stream. Others may replace or delete the file meanwhile.
            const FileShare others = FileShare.Read | FileShare.Delete;
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, others, bufferSize: 0);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: may not be read ({e.Message}).", e);
        }

        MemoryMappedFile? file = null;
        try
        {
            var length = stream.Length;
            file = MemoryMappedFile.CreateFromFile(
                stream, null, length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(
                path, file, file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
        }
        catch (Exception e)
        {
            file?.Dispose();
            stream.Dispose();
            if (e is UnauthorizedAccessException or NotSupportedException or ArgumentException)
                throw new IOException($"{path}: cannot be mapped ({e.Message}).", e);
            throw;
        }
    }

    /// <summary>
    /// Bytes that no file holds as they are wanted, outside the managed heap and behind the same face.
    /// </summary>
    /// <param name="path">What messages call it.</param>
    /// <param name="fill">Called with an offset and the part that begins there, one part after another.</param>
    /// <param name="part">Length of all parts but the last.</param>
    public static MappedFile InMemory(string path, long length, Action<long, Span<byte>> fill, int part = 1 << 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(part);
        var made = new MappedFile(path, length);
        try
        {
            for (var at = 0L; at < length; at += part)
                fill(at, new Span<byte>(made._start + at, (int)Math.Min(part, length - at)));
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">The range does not lie within the file.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length) => Slice<byte>(offset, length);

    /// <summary>Little-endian values from a byte offset on, which need not be a multiple of their size.</summary>
    /// <param name="length">Number of values, not of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie within the file.</exception>
    public ReadOnlySpan<T> Slice<T>(long offset, int length)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        // Two comparisons that cannot overflow: the product fits a long, and Length - offset is only formed once valid.
        if (offset < 0 || offset > Length || length < 0 || (long)length * Unsafe.SizeOf<T>() > Length - offset)
            throw new ArgumentOutOfRangeException(nameof(offset),
                $"{Path}: {length} values of {Unsafe.SizeOf<T>()} bytes at {offset} reach beyond {Length} bytes.");
        return new ReadOnlySpan<T>(_start + offset, length);
    }

    /// <summary>Where a range of the file begins in memory.</summary>
    internal byte* Address(long offset, long bytes)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        if (offset < 0 || offset > Length || bytes < 0 || bytes > Length - offset)
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{Path}: {bytes} bytes at {offset} reach beyond {Length} bytes.");
        return _start + offset;
    }

    /// <summary>
    /// Gives up the memory of the pages read so far, where the system can; touched again, they come again.
    /// </summary>
    public void LetGo() => LetGo(0, Length);

    /// <summary>The same for the whole pages of a range, in bytes.</summary>
    public void LetGo(long offset, long length)
    {
        const int adviseDontNeed = 4;
        if (_start is null || _view is null || !OperatingSystem.IsLinux())
            return;
        nuint page = (nuint)Environment.SystemPageSize, begin = (nuint)Address(offset, length),
            first = (begin + page - 1) / page * page, end = (begin + (nuint)length) / page * page;
        if (first < end)
            _ = Madvise((void*)first, end - first, adviseDontNeed);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(void* address, nuint length, int advice);

    public void Dispose()
    {
        if (_start is null)
            return;
        if (_view is null)
            NativeMemory.Free(_start);
        else
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _start = null;
        _view?.Dispose();
        _file?.Dispose();
    }
}
