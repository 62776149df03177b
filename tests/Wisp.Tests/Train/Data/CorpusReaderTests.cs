using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Wisp.Train.Data;
using ZstdSharp;

namespace Wisp.Tests.Train.Data;

public sealed class CorpusReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Tally _skipped = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_read_in_ordinal_order_and_names_are_relative()
    {
        _folder.Put("b.txt", "second"u8);
        _folder.Put("a/z.md", "first"u8);
        _folder.Put("a/B.txt", "zeroth"u8); // ordinal: upper case before lower case
        var documents = Read(_folder.Path);
        Assert.Equal(["a/B.txt", "a/z.md", "b.txt"], documents.Select(d => d.Source));
        Assert.Equal(["zeroth", "first", "second"], documents.Select(Text));
    }

    [Fact]
    public void Hidden_and_other_files_are_counted_by_kind()
    {
        _folder.Put("a.txt", "text"u8);
        _folder.Put(".hidden.txt", "x"u8);
        _folder.Put(".git/config.txt", "x"u8);
        _folder.Put("picture.PNG", "x"u8);
        _folder.Put("page.json", "{}"u8);
        _folder.Put("binary.txt", "a\0b"u8);
        _folder.Put("Makefile", "all:"u8);
        Assert.Equal(["a.txt"], Read(_folder.Path).Select(d => d.Source));
        Assert.Equal(["no extension", ".json", ".png", "binary", "hidden", "hidden folder"],
            _skipped.Entries.Select(e => e.Reason).OrderBy(r => r == "no extension" ? 0 : 1)
                .ThenBy(r => r, StringComparer.Ordinal));
        Assert.All(_skipped.Entries, e => Assert.Equal(1, e.Count));
    }

    [Fact]
    public void A_linked_folder_is_not_followed()
    {
        _folder.Put("a/one.txt", "text"u8);
        Directory.CreateSymbolicLink(_folder["a/loop"], _folder.Path);
        Assert.Single(Read(_folder.Path));
        Assert.Equal(1, _skipped.Count("linked folder"));
    }

    [Fact]
    public void Byte_order_marks_go_and_line_ends_become_line_feeds()
    {
        var path = _folder.Put("a.txt", "\uFEFFone\r\ntwo\rthree\n\r\nfour\r"u8);
        Assert.Equal("one\ntwo\nthree\n\nfour\n", Text(Assert.Single(Read(path))));
    }

    [Fact]
    public void The_licence_is_the_first_line_of_the_nearest_licence_file()
    {
        _folder.Put("LICENSE", "\nMIT License\nrest"u8);
        _folder.Put("a.txt", "a"u8);
        _folder.Put("sub/COPYING.txt", "CC BY 4.0\n"u8);
        _folder.Put("sub/b.txt", "b"u8);
        Assert.Equal(["MIT License", "CC BY 4.0"], Read(_folder.Path).Select(d => d.Licence));
        Assert.Equal(["mine", "mine"], Read(_folder.Path, new() { Licence = "mine" }).Select(d => d.Licence));
    }

    [Fact]
    public void Each_json_line_is_a_document()
    {
        var path = _folder.Put("a.jsonl",
            "\uFEFF{\"id\": {\"text\": 7}, \"text\": \"one\\r\\ntwo \\ud83d\\ude00\"}\r\n\n"u8 +
            "{\"text\":\"three\",\"text\":\"late\"}"u8);
        var documents = Read(path);
        Assert.Equal(["one\ntwo 😀", "three"], documents.Select(Text));
        Assert.Equal(["a.jsonl#1", "a.jsonl#3"], documents.Select(d => d.Source));
    }

    [Theory]
    [InlineData("{\"text\":\"ok\"}\n{\"title\":\"t\",\"body\":1}",
        "a.jsonl:2: no field 'text'. The fields are: title, body.")]
    [InlineData("{\"text\":5}", "a.jsonl:1: field 'text' is a JSON Number")]
    [InlineData("[1]", "a.jsonl:1: a JSON StartArray, not an object")]
    [InlineData("{\"text\":\"a", "a.jsonl:1: not a line of JSON")]
    [InlineData("{\"text\":\"a\"} trailing", "a.jsonl:1: not a line of JSON")]
    [InlineData("{\"text\":\"\\ud83d\"}", "a.jsonl:1: an escape such as")]
    public void A_bad_json_line_is_named_with_its_number(string content, string message)
    {
        var path = _folder.Put("a.jsonl", Encoding.UTF8.GetBytes(content));
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Read(path)).Message);
    }

    [Fact]
    public void A_line_longer_than_any_buffer_is_one_document()
    {
        var text = new string('x', 300_000);
        var path = _folder.Put("a.jsonl",
            Encoding.UTF8.GetBytes($"{{\"text\":\"{text}\"}}\n{{\"text\":\"{text}y\"}}\n"));
        Assert.Equal([text, text + "y"], Read(path).Select(Text));
    }

    [Theory]
    [InlineData("b.txt.gz"), InlineData("b.txt.zst"), InlineData("b.TXT.GZ")]
    public void Compressed_files_are_unpacked(string name)
    {
        _folder.Put(name, Pack(name, "some text, some text"u8.ToArray()));
        Assert.Equal("some text, some text", Text(Assert.Single(Read(_folder.Path))));
    }

    [Theory]
    [InlineData("c.tar"), InlineData("c.tar.gz"), InlineData("c.tgz"), InlineData("c.tar.zst")]
    public void Archives_hold_any_of_these(string name)
    {
        var inner = Pack("x.gz", "{\"text\":\"packed twice\"}"u8.ToArray());
        _folder.Put(name,
            Pack(name, Tar(("./a/one.txt", "one"u8.ToArray()), ("b.jsonl.gz", inner), ("._a.txt", "x"u8.ToArray()),
            ("c.pdf", "x"u8.ToArray()), ("d.tar", Tar()), ("bad.txt", "\0"u8.ToArray()),
                ("LICENSE.md", "x"u8.ToArray()))));
        var documents = Read(_folder.Path);
        Assert.Equal([$"{name}!a/one.txt", $"{name}!b.jsonl.gz#1"], documents.Select(d => d.Source));
        Assert.Equal(["one", "packed twice"], documents.Select(Text));
        Assert.Equal([".pdf", "archive in an archive", "binary", "hidden", "licence text"],
            _skipped.Entries.Select(e => e.Reason));
    }

    [Fact]
    public void Text_that_is_not_utf8_is_refused_repaired_or_skipped()
    {
        _folder.Put("a.txt", [(byte)'o', (byte)'k', 0xE9, (byte)'!']);
        var error = Assert.Throws<InvalidDataException>(() => Read(_folder.Path));
        Assert.Contains("a.txt: byte 2 (0xe9) is not UTF-8", error.Message);
        Assert.Equal("ok\uFFFD!",
            Text(Assert.Single(Read(_folder.Path, new() { OnInvalidUtf8 = OnInvalidUtf8.Replace }))));
        Assert.Empty(Read(_folder.Path, new() { OnInvalidUtf8 = OnInvalidUtf8.Skip }));
        Assert.Equal(1, _skipped.Count("invalid UTF-8"));
    }

    [Fact]
    public void Replacement_agrees_with_the_decoder_of_the_runtime()
    {
        var random = new Random(5);
        for (var n = 0; n < 2000; n++)
        {
            var bytes = new byte[random.Next(1, 12)];
            random.NextBytes(bytes);
            var expected = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes));
            Assert.Equal(expected, Utf8Text.Replace(bytes));
            Assert.Equal(-1, Utf8Text.FirstInvalid(expected));
        }
    }

    [Fact]
    public void A_binary_file_that_was_named_is_an_error()
    {
        var path = _folder.Put("a.txt", "a\0b"u8);
        Assert.Contains("a.txt: is a binary file (a NUL byte at offset 1)",
            Assert.Throws<InvalidDataException>(() => Read(path)).Message);
        path = _folder.Put("b.txt", [0xFF, 0xFE, 65, 0]);
        Assert.Contains("b.txt: is UTF-16", Assert.Throws<InvalidDataException>(() => Read(path)).Message);
        path = _folder.Put("c.json", "[]"u8);
        Assert.Contains("c.json: one JSON document", Assert.Throws<InvalidDataException>(() => Read(path)).Message);
    }

    [Fact]
    public void Missing_and_empty_inputs_are_errors()
    {
        Assert.Contains("nowhere: no such file",
            Assert.Throws<InvalidDataException>(() => Read(_folder["nowhere"])).Message);
        _folder.Put("x.png", "x"u8);
        Assert.Contains("holds no text", Assert.Throws<InvalidDataException>(() => Read(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("bomb.txt.gz"), InlineData("bomb.txt.zst"), InlineData("bomb.jsonl.gz"), InlineData("bomb.tar.zst")]
    public void A_decompression_bomb_stops_at_the_limit(string name)
    {
        var big = new byte[5 << 20];
        big.AsSpan().Fill((byte)' ');
        var content = name.Contains(".tar") ? Tar(("big.txt", big)) : big;
        var path = _folder.Put(name, Pack(name, content));
        var error = Assert.Throws<InvalidDataException>(() => Read(path, new() { MaxDocumentBytes = 2 << 20 }));
        Assert.Contains("more than 2 MB", error.Message);
        Assert.Contains(name, error.Message);
    }

    [Theory]
    [InlineData("a.txt.gz"), InlineData("a.txt.zst"), InlineData("a.tar"), InlineData("a.tar.gz"),
        InlineData("a.tar.zst")]
    public void A_file_cut_anywhere_is_one_clear_error(string name)
    {
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 400).Select(i => $"line {i * 7919}\n")));
        var whole = Pack(name, name.Contains(".tar") ? Tar(("one.txt", text), ("two.txt", text)) : text);
        var random = new Random(1);
        for (var n = 0; n < 60; n++)
        {
            // A tar ends in two blocks of zeros, of which one suffices.
            var needed = whole.Length - (name == "a.tar" ? 1024 : 1);
            var cut = n switch { 0 => 0, 1 => 1, 2 => needed, _ => random.Next(needed) };
            var path = _folder.Put(name, whole.AsSpan(0, cut));
            var error = Record.Exception(() => Read(path));
            Assert.True(error is InvalidDataException && error.Message.Contains(name),
                $"cut at {cut} of {whole.Length}: {error}");
        }
    }

    [Theory]
    [InlineData("a.txt.gz"), InlineData("a.txt.zst"), InlineData("a.tar"), InlineData("a.tar.gz"),
        InlineData("a.tar.zst"), InlineData("a.jsonl")]
    public void Damage_never_ends_in_anything_but_text_or_a_clear_error(string name)
    {
        var text = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n"u8.ToArray();
        var whole = Pack(name, name.Contains(".tar") ? Tar(("one.txt", text), ("two.jsonl", text)) : text);
        var random = new Random(2);
        for (var n = 0; n < 150; n++)
        {
            var damaged = whole.ToArray();
            for (var k = random.Next(1, 4); k > 0; k--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            var path = _folder.Put(name, damaged);
            var error = Record.Exception(() => Read(path, new() { MaxDocumentBytes = 1 << 20 }));
            Assert.True(error is null || (error is InvalidDataException && error.Message.Contains(name)),
                $"{n}: {error}");
        }
    }

    private List<Document> Read(string path, CorpusOptions? options = null)
    {
        options ??= new CorpusOptions();
        return [.. new CorpusReader(options, _skipped).Read(CorpusFiles.List([path], options, _skipped))];
    }

    private static string Text(Document document) => Encoding.UTF8.GetString(document.Text.Span);

    private static byte[] Tar(params (string Name, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax))
        {
            foreach (var (name, content) in files)
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile,
                    name)
                { DataStream = new MemoryStream(content) });
        }

        return stream.ToArray();
    }

    private static byte[] Pack(string name, byte[] content)
    {
        using var packed = new MemoryStream();
        using (Stream pack = Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".gz" or ".tgz" => new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            ".zst" => new CompressionStream(packed, level: 1, leaveOpen: true),
            _ => new BufferedStream(packed),
        })
        {
            pack.Write(content);
            pack.Flush();
            if (pack is BufferedStream)
                return packed.ToArray();
        }

        return packed.ToArray();
    }
}
