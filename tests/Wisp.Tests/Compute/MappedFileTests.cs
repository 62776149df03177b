using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class MappedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-mapped-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string FileOf(params byte[] bytes)
    {
        var path = Path.Combine(_folder, "some.bin");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    [Fact]
    public void Slices_show_the_bytes_of_the_file()
    {
        using var file = MappedFile.Open(FileOf(1, 2, 3, 4, 5, 6, 7));
        Assert.Equal(7, file.Length);
        Assert.Equal([3, 4], file.Slice(2, 2).ToArray());
        Assert.Equal([0x0302, 0x0504], file.Slice<ushort>(1, 2).ToArray());
        Assert.Equal(0, file.Slice(7, 0).Length);
    }

    [Theory]
    [InlineData(-1, 1), InlineData(8, 0), InlineData(7, 1), InlineData(0, 8), InlineData(0, -1)]
    [InlineData(long.MaxValue, int.MaxValue), InlineData(long.MinValue, int.MaxValue)]
    public void A_slice_beyond_the_file_is_refused(long offset, int length)
    {
        using var file = MappedFile.Open(FileOf(1, 2, 3, 4, 5, 6, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(offset, length).Length);
    }

    [Fact]
    public void Values_are_counted_in_their_own_size()
    {
        using var file = MappedFile.Open(FileOf(new byte[8]));
        Assert.Equal(2, file.Slice<float>(0, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice<float>(0, 3).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice<float>(1, 2).Length);
    }

    [Fact]
    public void A_file_beyond_four_gigabytes_is_mapped_whole()
    {
        var path = Path.Combine(_folder, "sparse.bin");
        const long length = 5L << 30; // a hole: takes no room on disk
        using (var stream = File.Create(path))
        {
            stream.SetLength(length);
            stream.Position = length - 1;
            stream.WriteByte(42);
        }

        using var file = MappedFile.Open(path);
        Assert.Equal(length, file.Length);
        Assert.Equal(42, file.Slice(length - 1, 1)[0]);
    }

    [Fact]
    public void Files_that_cannot_be_mapped_are_named()
    {
        var missing = Path.Combine(_folder, "none.bin");
        var none = Assert.Throws<FileNotFoundException>(() => MappedFile.Open(missing));
        Assert.Contains("none.bin: there is no such file", none.Message);
        Assert.Contains("is a directory", Assert.Throws<IOException>(() => MappedFile.Open(_folder)).Message);
        var empty = Assert.Throws<InvalidDataException>(() => MappedFile.Open(FileOf()));
        Assert.Contains("some.bin: the file is empty", empty.Message);
    }

    [Fact]
    public void A_closed_file_gives_no_slices()
    {
        var file = MappedFile.Open(FileOf(1));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Slice(0, 1).Length);
    }
}
