using System.Text;
using Wisp.Model;

namespace Wisp.Tests.Model;

public class Utf8StreamTests
{
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(7), InlineData(400)]
    public void Characters_come_whole_whatever_the_cuts(int step)
    {
        var text = SampleText.Text(new Random(step), 500, wide: true);
        var bytes = Encoding.UTF8.GetBytes(text);
        var stream = new Utf8Stream();
        var result = new StringBuilder();
        for (var at = 0; at < bytes.Length; at += step)
        {
            var part = stream.Push(bytes.AsSpan(at, Math.Min(step, bytes.Length - at)));
            Assert.DoesNotContain('\ufffd', part);
            Assert.False(part.Length > 0 && char.IsHighSurrogate(part[^1]));
            result.Append(part);
        }

        Assert.Equal("", stream.Flush());
        Assert.Equal(text, result.ToString());
    }

    [Fact]
    public void An_unfinished_character_is_told_at_the_end()
    {
        var stream = new Utf8Stream();
        Assert.Equal("a", stream.Push([(byte)'a', 0xF0, 0x9F]));
        Assert.Equal("\ufffd", stream.Flush());
        Assert.Equal("b", stream.Push([(byte)'b']));
    }

    [Fact]
    public void Bytes_that_are_no_character_do_not_stop_it()
    {
        var bytes = new byte[1000];
        new Random(1).NextBytes(bytes);
        var stream = new Utf8Stream();
        var result = new StringBuilder();
        foreach (var value in bytes)
            result.Append(stream.Push([value]));
        Assert.Equal(Encoding.UTF8.GetString(bytes), result.Append(stream.Flush()).ToString());
    }
}
