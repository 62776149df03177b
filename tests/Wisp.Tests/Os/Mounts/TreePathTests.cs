using System.Text;
using Wisp.Mounts;

namespace Wisp.Tests.Os.Mounts;

public class TreePathTests
{
    [Theory]
    [InlineData("/", "/"), InlineData("//", "/"), InlineData("/a", "/a"), InlineData("/a//b/", "/a/b")]
    [InlineData("/...", "/..."), InlineData("/a b/ä/漢/🦊", "/a b/ä/漢/🦊"), InlineData("/..a", "/..a")]
    public void A_path_has_one_spelling(string text, string spelling) =>
        Assert.Equal(spelling, TreePath.Parse(text).ToString());

    [Theory]
    [InlineData(""), InlineData("a"), InlineData("/.."), InlineData("/a/../b"), InlineData("/./a"), InlineData("/a/.")]
    [InlineData("/a\0b"), InlineData("/a\nb"), InlineData("/a\\..\\b"), InlineData("../a")]
    [InlineData("/\u001b[2J"), InlineData("file:///a"), InlineData("~/a"), InlineData("/\u0085")]
    public void What_is_no_path_is_refused_in_one_line(string text)
    {
        var message = Assert.Throws<MountException>(() => TreePath.Parse(text)).Message;
        Assert.All(message, c => Assert.False(char.IsControl(c)));
    }

    [Fact]
    public void Names_and_paths_have_a_longest_length_in_bytes()
    {
        Assert.Throws<MountException>(() => TreePath.Parse("/\ud800")); // half a character
        TreePath.Parse("/" + new string('a', 255));
        Assert.Throws<MountException>(() => TreePath.Parse("/" + new string('a', 256)));
        Assert.Throws<MountException>(() => TreePath.Parse("/" + new string('ä', 128)));
        Assert.Throws<MountException>(() => TreePath.Parse(string.Concat(Enumerable.Repeat("/abc", 1025))));
        var message = Assert.Throws<MountException>(() => TreePath.Parse(new string('x', 1 << 20))).Message;
        Assert.InRange(message.Length, 1, 300);
    }

    [Fact]
    public void Paths_within_others_are_taken_apart_and_put_together()
    {
        var (a, b) = (TreePath.Parse("/a"), TreePath.Parse("/a/b/c"));
        Assert.True(b.IsWithin(a) && b.IsWithin(TreePath.Root) && a.IsWithin(a));
        Assert.False(TreePath.Parse("/ab").IsWithin(a) || a.IsWithin(b));
        Assert.Equal("/b/c", b.Below(a).ToString());
        Assert.Equal(b, b.Below(a).At(a));
        Assert.Equal(TreePath.Root, a.Below(a));
        Assert.Equal(["a", "b", "c"], b.Names);
        Assert.Equal(("c", ""), (b.Name, TreePath.Root.Name));
        Assert.Equal(TreePath.Root, default);
    }

    [Fact]
    public void Whatever_is_parsed_has_no_part_that_goes_up_and_is_its_own_spelling()
    {
        string[] parts =
            ["/", "..", ".", "a", "\\", "\0", "ä", "e\u0301", "．．", "%2e%2e", "\ud83e", "\udd8a", " ", "\u202e"];
        var random = new Random(1);
        var accepted = 0;
        for (var i = 0; i < 50_000; i++)
        {
            var text = string.Concat(
                Enumerable.Range(0, random.Next(10)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                var path = TreePath.Parse(text);
                accepted++;
                Assert.Equal(path, TreePath.Parse(path.ToString()));
                Assert.All(path.Names, name => Assert.True(name is not ("" or "." or "..") && !name.Contains('\0')));
                _ = new UTF8Encoding(false, true).GetBytes(path.ToString());
                Assert.True(path.IsWithin(TreePath.Root));
            }
            catch (MountException)
            {
            }
        }

        Assert.True(accepted > 500);
    }
}
