using System.Text;
using Wisp.Compute;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Mounts;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Os.Mounts;

/// <summary>A folder of the machine as /docs, beside a secret that must never be read.</summary>
public sealed class HostMountTests : IDisposable
{
    private const string Secret = "the secret outside";

    private readonly TempFolder _folder = new();
    private readonly HostMount _mount;

    public HostMountTests()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("folders are mounted on Linux only");
        _folder.Put("outside/secret.txt", Encoding.UTF8.GetBytes(Secret));
        _folder.Put("inside/a.txt", "one\ntwo\n"u8);
        _folder.Put("inside/sub/b.txt", "deep"u8);
        _mount = new HostMount(TreePath.Parse("/docs"), _folder["inside"], canWrite: true, Asking.User);
    }

    public void Dispose()
    {
        _mount?.Dispose();
        _folder.Dispose();
    }

    private void Link(string name, string target) => File.CreateSymbolicLink(_folder["inside/" + name], target);

    [Fact]
    public void Files_are_listed_looked_at_read_and_written()
    {
        Assert.Equal("a.txt  8 bytes\nsub/", _mount.Text(Verb.List, "/"));
        Assert.StartsWith("file, 8 bytes, changed 20", _mount.Text(Verb.Stat, "/a.txt"), StringComparison.Ordinal);
        Assert.StartsWith("folder", _mount.Text(Verb.Stat, "/sub"), StringComparison.Ordinal);
        var read = _mount.Ask(Verb.Read, "/a.txt", "4-7");
        Assert.Equal(("two", new Extent("/docs/a.txt", 4, 7)), (read.Text, read.Extents[0]));
        Assert.Equal(new Label(SourceSet.Of(Source.File("/docs/a.txt")), Asking.User), read.Label);
        _mount.Text(Verb.Write, "/new/c.txt", "héllo");
        Assert.Equal("héllo", File.ReadAllText(_folder["inside/new/c.txt"]));
        _mount.Text(Verb.Write, "/a.txt", "changed");
        Assert.Equal("changed", _mount.Text(Verb.Read, "/a.txt"));
        Assert.Equal(["a.txt"], Directory.GetFiles(_folder["inside"]).Select(Path.GetFileName));
    }

    [Fact]
    public void A_read_only_folder_is_not_written_and_secrets_for_others_do_not_go_into_files()
    {
        using var mount = new HostMount(TreePath.Parse("/docs"), _folder["inside"], canWrite: false, Asking.User);
        mount.Refusal(Verb.Write, "/a.txt", SysStatus.Denied, "x");
        Assert.Contains("read-only", mount.Text(Verb.Stat, "/a.txt"), StringComparison.Ordinal);
        var forAnn = Label.Public.OnlyFor(ReaderSet.Of("ann"));
        Assert.Equal(SysStatus.Denied, _mount.Ask(Verb.Write, "/a.txt", "x", forAnn).Status);
        Assert.Equal("one\ntwo\n", File.ReadAllText(_folder["inside/a.txt"]));
    }

    [Fact]
    public void Links_are_followed_inside_and_lead_nowhere_else()
    {
        Link("in", "sub/b.txt");
        Link("in2", _folder["inside/sub/b.txt"]);
        Link("folder", "sub");
        Link("sub/up", "../a.txt");
        foreach (var good in (string[])["/in", "/in2", "/folder/b.txt"])
            Assert.Equal("deep", _mount.Text(Verb.Read, good));
        Assert.Equal("one\ntwo\n", _mount.Text(Verb.Read, "/sub/up"));

        Link("out", "../outside/secret.txt");
        Link("out2", _folder["outside/secret.txt"]);
        Link("outfolder", "../outside");
        Link("root", "/");
        Link("sub/far", "../../outside");
        Link("twice", "outfolder/secret.txt");
        Link("proc", "/proc/self/root");
        Link("similar", _folder.Path + "/inside-not");
        string[] bad = ["/out", "/out2", "/outfolder/secret.txt", "/root/etc/passwd", "/sub/far/secret.txt", "/twice",
            "/proc/etc/passwd", "/similar/x"];
        foreach (var path in bad)
        {
            _mount.Refusal(Verb.Read, path, SysStatus.Denied);
            Assert.False(_mount.Ask(Verb.Write, path, "overwritten").IsOk);
        }

        Assert.Equal(Secret, File.ReadAllText(_folder["outside/secret.txt"]));
        Link("loop", "loop");
        Link("loop1", "loop2");
        Link("loop2", "loop1");
        foreach (var loop in (string[])["/loop", "/loop1"])
            _mount.Refusal(Verb.Read, loop, SysStatus.Failed);
        Assert.DoesNotContain("out", _mount.Text(Verb.List, "/"), StringComparison.Ordinal);
    }

    [Fact]
    public void Pipes_and_devices_are_neither_listed_nor_opened_and_nothing_waits_for_them()
    {
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [_folder["inside/pipe"]]))
            mkfifo.WaitForExit();
        Link("null", "/dev/null");
        _mount.Refusal(Verb.Read, "/pipe", SysStatus.Malformed);
        _mount.Refusal(Verb.Write, "/pipe", SysStatus.Malformed, "x");
        _mount.Refusal(Verb.Read, "/null", SysStatus.Denied);
        Assert.Equal("a.txt  8 bytes\nsub/", _mount.Text(Verb.List, "/"));
        using var devices = new HostMount(TreePath.Parse("/d"), "/dev", canWrite: true, Asking.User);
        devices.Refusal(Verb.Read, "/zero", SysStatus.Malformed);
        devices.Refusal(Verb.Write, "/null", SysStatus.Malformed, "x");
        Assert.Equal(HostNodeKind.Other, KindOf("/dev", "null"));

        static HostNodeKind KindOf(string folder, string name)
        {
            using var host = new HostFolder(folder);
            using var node = host.Open([name]);
            return node.Kind;
        }
    }

    [Fact]
    public void What_is_not_there_and_what_is_of_the_other_kind_is_said()
    {
        _mount.Refusal(Verb.Read, "/nothing", SysStatus.NotFound);
        _mount.Refusal(Verb.Read, "/a.txt/b", SysStatus.NotFound);
        _mount.Refusal(Verb.Read, "/A.TXT", SysStatus.NotFound); // names are what they are
        Assert.Contains("list it", _mount.Refusal(Verb.Read, "/sub", SysStatus.Malformed), StringComparison.Ordinal);
        _mount.Refusal(Verb.List, "/a.txt", SysStatus.Malformed);
        _mount.Refusal(Verb.Write, "/sub", SysStatus.Malformed, "x");
        _mount.Refusal(Verb.Write, "/", SysStatus.Malformed, "x");
        _mount.Refusal(Verb.Write, "/a.txt/b", SysStatus.Malformed, "x");
        _mount.Refusal(Verb.Read, "/../outside/secret.txt", SysStatus.Malformed);
        _mount.Refusal(Verb.Call, "/a.txt", SysStatus.Malformed);
        _mount.Refusal(Verb.Search, "/", SysStatus.Malformed, "x");
        _mount.Refusal(Verb.Read, "/a.txt", SysStatus.Malformed, "7-3");
        _mount.Refusal(Verb.Read, "/" + new string('n', 255), SysStatus.NotFound);
        Assert.Throws<DirectoryNotFoundException>(() => new HostFolder(_folder["nowhere"]));
    }

    [Fact]
    public void A_folder_that_is_moved_while_it_is_mounted_is_still_the_same_folder()
    {
        Directory.Move(_folder["inside"], _folder["moved"]);
        Directory.CreateSymbolicLink(_folder["inside"], _folder["outside"]);
        Assert.Equal("one\ntwo\n", _mount.Text(Verb.Read, "/a.txt"));
        _mount.Refusal(Verb.Read, "/secret.txt", SysStatus.NotFound);
    }

    [Fact]
    public void Only_text_is_read_and_pieces_end_between_characters()
    {
        _folder.Put("inside/umlauts.txt", Encoding.UTF8.GetBytes("aäöü€🦊z"));
        _folder.Put("inside/binary", [1, 0, 2]);
        _folder.Put("inside/latin1", [.. "caf"u8, 0xE9, .. " au lait"u8]);
        _folder.Put("inside/half", [.. "abc"u8, 0xC3]);
        var whole = _mount.Text(Verb.Read, "/umlauts.txt");
        for (var from = 0; from < 16; from++)
            for (var to = from; to < 17; to++)
            {
                var result = _mount.Ask(Verb.Read, "/umlauts.txt", $"{from}-{to}");
                Assert.True(result.IsOk, result.Text);
                Assert.Contains(result.Text, whole, StringComparison.Ordinal);
                Assert.Equal(Encoding.UTF8.GetByteCount(result.Text), result.Extents[0].To - result.Extents[0].From);
            }

        _mount.Refusal(Verb.Read, "/binary", SysStatus.Failed);
        Assert.Contains("byte 3", _mount.Refusal(Verb.Read, "/latin1", SysStatus.Failed), StringComparison.Ordinal);
        Assert.Equal("abc", _mount.Text(Verb.Read, "/half"));
        _mount.Refusal(Verb.Read, "/half", SysStatus.Failed, "3-10");
        Assert.Equal("", _mount.Text(Verb.Read, "/a.txt", "100"));
    }

    // While another thread swaps a folder for a link that leads out, no reading ever brings the secret.
    [Fact]
    public async Task A_race_with_a_link_that_leads_out_is_won()
    {
        _folder.Put("outside/b.txt", Encoding.UTF8.GetBytes(Secret));
        Directory.Move(_folder["inside/sub"], _folder["inside/real"]);
        using var end = new CancellationTokenSource();
        var racer = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                Directory.Move(_folder["inside/real"], _folder["inside/sub"]);
                Directory.Move(_folder["inside/sub"], _folder["inside/real"]);
                File.CreateSymbolicLink(_folder["inside/sub"], "../outside");
                File.Delete(_folder["inside/sub"]);
            }
        }, TestContext.Current.CancellationToken);
        for (var i = 0; i < 3000; i++)
            Assert.NotEqual(Secret, _mount.Ask(Verb.Read, "/sub/b.txt").Text);

        end.Cancel();
        await racer;
    }

    [Fact]
    public void Random_paths_over_random_links_never_leave_the_folder()
    {
        var random = new Random(3);
        string[] names = ["a", "b", "c", "a.txt", "sub", "b.txt"];
        string[] targets = ["..", ".", "a", "../b", "../../outside", "/", _folder.Path, _folder["inside"],
            _folder["outside/secret.txt"], "sub/../..", "c/a", "b/../../inside/a.txt", "/proc/self/cwd"];
        for (var i = 0; i < 40; i++)
        {
            var at = Path.Combine(random.Next(2) == 0 ? "inside" : "inside/sub", names[random.Next(3)]);
            if (!Path.Exists(_folder[at]) && new FileInfo(_folder[at]).LinkTarget is null)
                File.CreateSymbolicLink(_folder[at], targets[random.Next(targets.Length)]);
            for (var j = 0; j < 50; j++)
            {
                var path = string.Concat(
                    Enumerable.Range(0, random.Next(1, 6)).Select(_ => "/" + names[random.Next(6)]));
                var result = _mount.Ask(random.Next(3) == 0 ? Verb.List : Verb.Read, path);
                Assert.DoesNotContain("secret", result.IsOk ? result.Text : "", StringComparison.Ordinal);
                Assert.True(result.IsOk || !result.Text.Contains('\n'));
            }
        }
    }
}
