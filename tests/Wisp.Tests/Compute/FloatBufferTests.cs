using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class FloatBufferTests
{
    // 4 MiB (2²⁰ floats) and more are mapped on Linux; smaller buffers come from the C allocator.
    [Theory]
    [InlineData(0), InlineData(1), InlineData(1000), InlineData(1 << 20), InlineData((1 << 22) + 5)]
    public void Memory_is_zero_and_all_of_it_can_be_written(int length)
    {
        for (var again = 0; again < 3; again++) // recycled memory must be zero too
        {
            using var buffer = new FloatBuffer(length);
            Assert.Equal(length, buffer.Length);
            Assert.Equal(4L * length, buffer.Bytes);
            Assert.False(buffer.Span.ContainsAnyExcept(0f));
            buffer.Span.Fill(1f);
            if (length > 2)
                Assert.Equal(1f, buffer.Slice(length - 2, 2)[1]);
        }
    }

    [Fact]
    public void A_disposed_buffer_gives_no_memory()
    {
        var buffer = new FloatBuffer(10);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
    }

    [Fact]
    public void A_negative_length_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new FloatBuffer(-1));
}
