using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// Zeroed float memory outside the managed heap. Small buffers start on a cache line; large ones on Linux start on a
/// 2 MB boundary and ask for huge pages, so that a pass over a weight matrix misses the TLB 512 times less often.
/// </summary>
/// <remarks>
/// A span does not keep the buffer alive: whoever hands out spans holds the buffer in a field until the last use.
/// </remarks>
public sealed unsafe partial class FloatBuffer : IDisposable
{
    private const int CacheLine = 64; // bytes; also the width of the widest vector
    private const nuint HugePage = 2 << 20; // bytes, x86-64 and arm64 with 4 KB base pages

    private static long s_liveBytes;

    private float* _data;
    private void* _mapping; // null when the memory is the C allocator's
    private nuint _mappedBytes;

    public FloatBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        var bytes = (nuint)length * sizeof(float);
        if (OperatingSystem.IsLinux() && bytes >= HugePage)
            Map(bytes);
        if (_data == null)
        {
            _data = (float*)NativeMemory.AlignedAlloc(Math.Max(bytes, CacheLine), CacheLine);
            NativeMemory.Clear(_data, bytes);
        }

        Interlocked.Add(ref s_liveBytes, (long)bytes);
    }

    ~FloatBuffer() => Free();

    /// <summary>So many floats or more, that fill whole huge pages.</summary>
    public static int WholeHugePages(int floats)
    {
        const int inPage = (int)HugePage / sizeof(float);
        return checked((floats + inPage - 1) / inPage * inPage);
    }

    /// <summary>Bytes that all living buffers of the process hold, for the memory account of a report.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    public int Length { get; }

    public long Bytes => (long)Length * sizeof(float);

    public Span<float> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return new Span<float>(_data, Length);
        }
    }

    public Span<float> Slice(int start, int length) => Span.Slice(start, length);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    // Fresh pages of an anonymous mapping read as zero and cost nothing until touched, unlike a cleared allocation.
    private void Map(nuint bytes)
    {
        const int readWrite = 3, privateAnonymous = 0x22, adviseHugePage = 14;
        var mapped = bytes + HugePage; // room to move the start up to a boundary
        var start = Mmap(null, mapped, readWrite, privateAnonymous, -1, 0);
        if (start == (void*)-1)
            return;
        _mapping = start;
        _mappedBytes = mapped;
        _data = (float*)(((nuint)start + HugePage - 1) & ~(HugePage - 1));
        _ = Madvise(_data, bytes, adviseHugePage); // a wish: the kernel may be built without huge pages
    }

    private void Free()
    {
        if (_data == null)
            return;
        if (_mapping != null)
            _ = Munmap(_mapping, _mappedBytes);
        else
            NativeMemory.AlignedFree(_data);
        _data = null;
        Interlocked.Add(ref s_liveBytes, -Bytes);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void* Mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Munmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(void* address, nuint length, int advice);
}
