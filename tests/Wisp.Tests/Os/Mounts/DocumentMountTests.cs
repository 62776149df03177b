using System.Text;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Mounts;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Os.Mounts;

public sealed class DocumentMountTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private DocumentMount _mount;

    public DocumentMountTests() => _mount = Open();

    public void Dispose()
    {
        _mount.Dispose();
        _folder.Dispose();
    }

    private DocumentMount Open() => new(TreePath.Parse("/rag"), _folder["documents.db"], Asking.User);

    private void Put(string name, string text) => _folder.Put("books/" + name, Encoding.UTF8.GetBytes(text));

    [Fact]
    public void What_a_search_gives_back_stands_in_the_document_at_the_bytes_it_names()
    {
        var random = new Random(1);
        for (var i = 0; i < 20; i++)
            Put($"d{i % 3}/book{i}.txt", string.Join("\n\n", Enumerable.Range(0, 30).Select(p =>
                string.Join(' ', Enumerable.Range(0, 60).Select(_ => $"wörd{random.Next(400)}")) + ".")));
        Assert.Equal(20, _mount.Index("books", _folder["books"]).Added);
        for (var word = 0; word < 400; word += 7)
        {
            var result = _mount.Ask(Verb.Search, "/books", $"wörd{word}");
            Assert.NotEmpty(result.Extents);
            foreach (var extent in result.Extents)
            {
                var path = extent.Uri["/rag/books/".Length..];
                var bytes = File.ReadAllBytes(_folder["books/" + path]);
                var text = Encoding.UTF8.GetString(bytes.AsSpan((int)extent.From, (int)(extent.To - extent.From)));
                Assert.Contains(text, result.Text, StringComparison.Ordinal);
                Assert.Contains($"wörd{word}", text, StringComparison.Ordinal);
                var read = _mount.Ask(Verb.Read, extent.Uri["/rag".Length..], $"{extent.From}-{extent.To}");
                Assert.Equal((text, extent), (read.Text, read.Extents[0]));
                Assert.Equal([Source.File(extent.Uri)], read.Label.Sources.Items);
            }
        }
    }

    [Fact]
    public void Indexing_again_reads_what_has_changed_and_forgets_what_is_gone()
    {
        Put("a.txt", "alpha");
        Put("b.txt", "beta");
        Put("c/c.txt", "gamma");
        _folder.Put("books/binary.bin", [0, 1, 2]);
        _folder.Put("books/.hidden", "hidden"u8);
        var first = _mount.Index("books", _folder["books"]);
        Assert.Equal((3, 0, 0, 0, 1), (first.Added, first.Changed, first.Removed, first.Same, first.Skipped.Count));
        _mount.Dispose();
        _mount = Open();
        Assert.Equal("c.txt  5 bytes", _mount.Text(Verb.List, "/books/c"));
        Assert.Equal("a.txt  5 bytes\nb.txt  4 bytes\nc/", _mount.Text(Verb.List, "/books"));
        Assert.Equal("books/  3 documents", _mount.Text(Verb.List, "/"));
        Put("b.txt", "delta delta");
        File.Delete(_folder["books/a.txt"]);
        var second = _mount.Index("books", _folder["books"]);
        Assert.Equal((0, 1, 1, 1), (second.Added, second.Changed, second.Removed, second.Same));
        Assert.Empty(_mount.Ask(Verb.Search, "/", "alpha").Extents);
        Assert.Empty(_mount.Ask(Verb.Search, "/", "beta").Extents);
        Assert.Single(_mount.Ask(Verb.Search, "/", "delta").Extents);
        var below = _mount.Ask(Verb.Search, "/books/c", "gamma delta");
        Assert.Equal("/rag/books/c/c.txt", Assert.Single(below.Extents).Uri);
        Assert.Equal("Nothing was found.", _mount.Text(Verb.Search, "/books/c", "delta"));
    }

    [Fact]
    public void Spans_are_the_whole_document_each_byte_once_and_end_between_characters()
    {
        var random = new Random(2);
        string[] parts = ["ä", "🦊", "word ", "\n", "\n\n", "e.\u0301 ", "漢字", "x"];
        for (var round = 0; round < 300; round++)
        {
            var bytes = Encoding.UTF8.GetBytes(string.Concat(
                Enumerable.Range(0, random.Next(3000)).Select(_ => parts[random.Next(1 + round % parts.Length)])));
            var at = 0;
            foreach (var (from, to) in Chunks.Of(bytes))
            {
                Assert.Equal(at, from);
                Assert.InRange(to - from, 1, Chunks.Most);
                Assert.True(System.Text.Unicode.Utf8.IsValid(bytes.AsSpan(from, to - from)));
                at = to;
            }

            Assert.Equal(bytes.Length, at);
        }
    }

    [Fact]
    public void What_is_not_there_or_cannot_be_is_said_in_one_line()
    {
        _mount.Put("c", TreePath.Parse("/d.txt"), "text"u8);
        _mount.Refusal(Verb.Read, "/c", SysStatus.Malformed);
        _mount.Refusal(Verb.Read, "/c/e.txt", SysStatus.NotFound);
        _mount.Refusal(Verb.List, "/c/d.txt", SysStatus.Malformed);
        _mount.Refusal(Verb.List, "/x", SysStatus.NotFound);
        _mount.Refusal(Verb.Write, "/c/d.txt", SysStatus.Denied, "x");
        Assert.Throws<MountException>(() => _mount.Put("a/b", TreePath.Parse("/d.txt"), "text"u8));
        Assert.Throws<DirectoryNotFoundException>(() => _mount.Index("c", _folder["nowhere"]));
        foreach (var hostile in (string[])["\"", "a AND", "NEAR(a b)", "*", "' OR 1=1 --", "\0", "🦊", "col:x"])
            Assert.True(_mount.Ask(Verb.Search, "/c", hostile).IsOk);
    }
}
