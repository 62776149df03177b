using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Mounts;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Os.Mounts;

public sealed class MemoryMountTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private MemoryMount _mount;

    public MemoryMountTests() => _mount = Open();

    public void Dispose()
    {
        _mount.Dispose();
        _folder.Dispose();
    }

    private MemoryMount Open() => new(TreePath.Parse("/mem"), _folder["memory.db"], TimeProvider.System, Asking.User);

    [Fact]
    public void What_is_written_is_there_after_the_program_and_each_version_can_be_read()
    {
        _mount.Text(Verb.Write, "/notes/plan.md", "first");
        Assert.Contains("version 2", _mount.Text(Verb.Write, "/notes/plan.md", "second"), StringComparison.Ordinal);
        Assert.Contains("already", _mount.Text(Verb.Write, "/notes/plan.md", "second"), StringComparison.Ordinal);
        _mount.Dispose();
        _mount = Open();
        var read = _mount.Ask(Verb.Read, "/notes/plan.md");
        Assert.Equal(("second", new Extent("/mem/.versions/notes/plan.md/2", 0, 6)), (read.Text, read.Extents[0]));
        Assert.Equal("first", _mount.Text(Verb.Read, "/.versions/notes/plan.md/1"));
        Assert.Equal("1  5 bytes\n2  6 bytes", _mount.Text(Verb.List, "/.versions/notes/plan.md"));
        Assert.Equal("notes/", _mount.Text(Verb.List, "/"));
        Assert.Equal("plan.md  6 bytes", _mount.Text(Verb.List, "/notes"));
        Assert.Contains("version 2", _mount.Text(Verb.Stat, "/notes/plan.md"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_remembered_keeps_the_label_of_what_it_was_made_from()
    {
        var tainted = Label.From(Source.User, Source.Web("https://a.example")).OnlyFor(ReaderSet.Of("user", "ann"));
        Assert.True(_mount.Ask(Verb.Write, "/x", "from the web", tainted).IsOk);
        Assert.Equal(tainted, _mount.Ask(Verb.Read, "/x").Label);
        Assert.Equal(tainted.Sources.Items, _mount.Ask(Verb.Search, "/", "web").Label.Sources.Items
            .Where(source => source.Kind != SourceKind.Kernel));
        // The same text from elsewhere is another version: its label is another.
        Assert.True(_mount.Ask(Verb.Write, "/x", "from the web", Label.From(Source.User)).IsOk);
        Assert.Equal(Label.From(Source.User), _mount.Ask(Verb.Read, "/x").Label);
        Assert.Equal(tainted, _mount.Ask(Verb.Read, "/.versions/x/1").Label);
        var forBob = Label.Public.OnlyFor(ReaderSet.Of("bob"));
        Assert.Equal(SysStatus.Denied, _mount.Ask(Verb.Write, "/y", "for bob", forBob).Status);
        Assert.Equal(SysStatus.Denied, _mount.Ask(Verb.Write, "/y", "forgotten", default(Label)).Status);
    }

    [Fact]
    public void Words_are_found_in_the_newest_version_and_only_below_the_path()
    {
        _mount.Text(Verb.Write, "/a/one", "The lighthouses are red");
        _mount.Text(Verb.Write, "/b/two", "A lighthouse is white");
        var all = _mount.Ask(Verb.Search, "/", "lighthouse");
        Assert.Equal(["/mem/a/one", "/mem/b/two"], all.Extents.Select(e => e.Uri).Order());
        Assert.Equal("/mem/b/two", Assert.Single(_mount.Ask(Verb.Search, "/b", "lighthouse").Extents).Uri);
        _mount.Text(Verb.Write, "/b/two", "nothing of that kind");
        Assert.Equal("/mem/a/one", Assert.Single(_mount.Ask(Verb.Search, "/", "lighthouse").Extents).Uri);
        foreach (var hostile in
            (string[])["\"", "a AND", "x NEAR(", "*", "-- ; DROP TABLE version", "content:", "^a", ""])
            Assert.True(_mount.Ask(Verb.Search, "/", hostile).IsOk);
    }

    [Fact]
    public void A_name_is_a_file_or_a_folder()
    {
        _mount.Text(Verb.Write, "/a/b", "x");
        _mount.Refusal(Verb.Write, "/a", SysStatus.Malformed, "y");
        _mount.Refusal(Verb.Write, "/a/b/c", SysStatus.Malformed, "y");
        _mount.Refusal(Verb.Write, "/.versions/a/b/1", SysStatus.Denied, "y");
        _mount.Refusal(Verb.Write, "/", SysStatus.Denied, "y");
        _mount.Refusal(Verb.Read, "/a", SysStatus.Malformed);
        _mount.Refusal(Verb.List, "/a/b", SysStatus.Malformed);
        _mount.Refusal(Verb.Read, "/c", SysStatus.NotFound);
        _mount.Refusal(Verb.List, "/c", SysStatus.NotFound);
        _mount.Refusal(Verb.Stat, "/a/bb", SysStatus.NotFound);
        _mount.Refusal(Verb.Read, "/.versions/a/b/7", SysStatus.NotFound);
        _mount.Refusal(Verb.Write, "/big", SysStatus.Malformed, new string('x', MemoryMount.MostBytes + 1));
        Assert.Equal("x", _mount.Text(Verb.Read, "/a/b"));
    }

    [Fact]
    public void A_file_that_is_no_memory_or_from_a_newer_program_is_refused_and_left_alone()
    {
        var path = _folder.Put("other.db", "this is no database, and long enough to be looked at"u8);
        Assert.Contains("Move it away", Assert.Throws<MountException>(() => new MemoryMount(
            TreePath.Parse("/mem"), path, TimeProvider.System, Asking.User)).Message, StringComparison.Ordinal);
        Assert.StartsWith("this is no", File.ReadAllText(path), StringComparison.Ordinal);
        _mount.Dispose();
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection(
            $"Data Source={_folder["memory.db"]};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version=99";
            command.ExecuteNonQuery();
        }

        Assert.Contains("newer", Assert.Throws<MountException>(Open).Message, StringComparison.Ordinal);
    }
}
