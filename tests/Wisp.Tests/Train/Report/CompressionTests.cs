using System.IO.Compression;
using System.Text;
using Wisp.Train.Report;

namespace Wisp.Tests.Train.Report;

public class CompressionTests
{
    private static readonly byte[] Text = Encoding.UTF8.GetBytes(
        string.Concat(Enumerable.Range(0, 4000).Select(
            i => $"The {i % 97} foxes ran {i % 89} times around hill {i % 83}.\n")));

    private static IReadOnlyList<CompressionRow> Rows(Func<string, string?> find) =>
        Compression.Measure(() => new MemoryStream(Text), find);

    [Fact]
    public void Gzip_and_brotli_report_the_bytes_they_write()
    {
        var rows = Rows(_ => null);
        using var gzip = new MemoryStream();
        using (var stream = new GZipStream(gzip, CompressionLevel.SmallestSize, leaveOpen: true))
            stream.Write(Text);
        var brotli = new byte[Text.Length];
        Assert.True(BrotliEncoder.TryCompress(Text, brotli, out var brotliBytes, quality: 11, window: 24));

        Assert.Equal(gzip.Length, rows[0].Bytes);
        // The stream encoder is fed in pieces and may cut its blocks otherwise than the one-shot call: a few bytes.
        Assert.InRange(rows[1].Bytes!.Value, 0.98 * brotliBytes, 1.02 * brotliBytes);
        Assert.All(rows.Take(2), row => Assert.Equal(8.0 * row.Bytes!.Value / Text.Length, row.BitsPerByte));
    }

    [Fact]
    public void A_program_that_is_not_there_says_so() =>
        Assert.All(
            Rows(_ => null).Skip(2),
            row => Assert.Equal((null, null, "not found"), (row.Bytes, row.BitsPerByte, row.Note)));

    [Theory]
    [InlineData("xz", 2), InlineData("zstd", 3)]
    public void A_program_that_is_there_compresses(string program, int row)
    {
        if (Compression.OnPath(program) is not { } path)
        {
            Assert.Skip($"{program} is not installed");
            return;
        }

        var rows = Rows(name => name == program ? path : null);
        Assert.InRange(rows[row].BitsPerByte!.Value, 0.01, 2);
        Assert.Null(rows[row].Note);
    }

    [Fact]
    public void A_program_that_fails_is_a_row_with_its_exit_code_and_no_number()
    {
        if (Compression.OnPath("false") is not { } path)
        {
            Assert.Skip("no program 'false'");
            return;
        }

        var row = Rows(_ => path)[2];
        Assert.Null(row.BitsPerByte);
        Assert.Contains("exit code 1", row.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_text_has_no_bits_per_byte() =>
        Assert.All(
            Compression.Measure(() => new MemoryStream(), Compression.OnPath), row => Assert.Null(row.BitsPerByte));

    [Fact]
    public void A_cancelled_measurement_stops() => Assert.ThrowsAny<OperationCanceledException>(
        () => Compression.Measure(() => new MemoryStream(Text), _ => null, new CancellationToken(canceled: true)));

    [Fact]
    public void A_model_of_two_bits_a_byte_needs_a_quarter_of_the_text() =>
        Assert.Equal(250, CompressionRow.OfModel("m", 2.0, 1000).Bytes);
}
