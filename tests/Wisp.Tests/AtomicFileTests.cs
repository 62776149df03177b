using System.Diagnostics;

namespace Wisp.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-atomic-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Theory]
    [InlineData(0), InlineData(3), InlineData(1000)] // unknown, exact, and more than is written
    public void A_file_is_replaced_whole(long announced)
    {
        File.WriteAllText(At("f"), "the old content");
        AtomicFile.Write(At("f"), s => s.Write("new"u8), announced);
        Assert.Equal("new", File.ReadAllText(At("f")));
        Assert.Equal([At("f")], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_fault_while_writing_leaves_the_old_file_and_nothing_else()
    {
        File.WriteAllText(At("f"), "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(At("f"), s =>
        {
            s.Write(new byte[100_000]);
            throw new InvalidOperationException("no more");
        }));
        Assert.Equal("old", File.ReadAllText(At("f")));
        Assert.Equal([At("f")], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Readers_see_the_old_content_until_the_new_one_is_complete()
    {
        File.WriteAllText(At("f"), "old");
        AtomicFile.Write(At("f"), s =>
        {
            s.Write("half"u8);
            s.Flush();
            Assert.Equal("old", File.ReadAllText(At("f")));
        });
        Assert.Equal("half", File.ReadAllText(At("f")));
    }

    [Fact]
    public void A_disk_that_fails_is_one_clear_message()
    {
        File.WriteAllText(At("f"), "old");
        static void Full(Stream s) => throw new IOException("No space left on device : '/tmp/.f.x.tmp'");
        var message = Assert.Throws<IOException>(() => AtomicFile.Write(At("f"), Full, 12_345)).Message;
        Assert.StartsWith(
            $"{At("f")}: could not be written (No space left on device). It needs at least 12,345 bytes", message);
        Assert.EndsWith("The old file is intact.", message);
        Assert.Equal("old", File.ReadAllText(At("f")));
        Assert.Equal([At("f")], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Leftovers_of_a_killed_program_are_swept_and_files_in_the_making_are_not()
    {
        File.WriteAllText(At(".f.abc.tmp"), "a killed program's half");
        File.WriteAllText(At(".g.abc.tmp"), "another file's");
        AtomicFile.Write(At("f"), outer =>
        {
            AtomicFile.Write(At("f"), inner => inner.Write("inner"u8));
            outer.Write("outer"u8);
        });
        Assert.Equal("outer", File.ReadAllText(At("f")));
        Assert.Equal([At(".g.abc.tmp"), At("f")], Directory.GetFiles(_folder).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_link_and_the_permissions_of_the_old_file_survive()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix permissions and links");
            return; // which the analyzer of platforms does not know
        }

        File.WriteAllText(At("real"), "old");
        File.SetUnixFileMode(At("real"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(At("link"), At("real"));
        AtomicFile.Write(At("link"), s => s.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(At("real")));
        Assert.Equal(At("real"), new FileInfo(At("link")).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(At("real")));
    }

    [Fact]
    public void A_folder_a_missing_folder_and_a_device_are_refused()
    {
        Assert.Contains("is a directory", Fault(_folder));
        Assert.Contains("does not exist", Fault(At("no/f")));
        // A device that does not exist: were the refusal broken, a real one would be gone.
        if (Directory.Exists("/dev"))
            Assert.Contains("is a device", Fault("/dev/wisp-none"));

        static string Fault(string path) =>
            Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, _ => { })).Message;
    }

    // A real full disk: a tmpfs of 64 kB, which only root may mount.
    [Theory]
    [InlineData(0), InlineData(1 << 20)] // found while writing, found before
    public void A_full_disk_leaves_the_old_file_intact(long announced)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            Assert.Skip("mounting a small tmpfs needs root on Linux");
        var disk = Directory.CreateDirectory(At("disk")).FullName;
        if (Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk) != 0)
            Assert.Skip("this container may not mount a tmpfs");
        try
        {
            var path = Path.Combine(disk, "f");
            File.WriteAllText(path, "old");
            var message = Assert.Throws<IOException>(() =>
                AtomicFile.Write(path, s => s.Write(new byte[1 << 20]), announced)).Message;
            Assert.StartsWith($"{path}: could not be written", message);
            Assert.Contains(announced > 0 ? "It needs at least 1,048,576 bytes" : "It needs at least", message);
            Assert.EndsWith("The old file is intact.", message);
            Assert.Equal("old", File.ReadAllText(path));
            Assert.Equal([path], Directory.GetFiles(disk));
        }
        finally
        {
            Assert.Equal(0, Run("umount", disk));
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
