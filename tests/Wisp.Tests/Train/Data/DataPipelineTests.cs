using System.Formats.Tar;
using System.Text;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;
using Wisp.Train.Data;
using ZstdSharp;

namespace Wisp.Tests.Train.Data;

public sealed class DataPipelineTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TokenVocabulary _bytes = new(257, 256, new byte[32], (text, ids) =>
    {
        foreach (var b in text)
            ids.Add(b);
    });

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_of_everything_becomes_tokens_that_decode_to_the_text()
    {
        Fill();
        var corpus = DataPipeline.Prepare(Options());
        using var data = DataPipeline.Tokenise(corpus, _bytes, _folder["out"]);
        foreach (var (documents, shards, split) in new[] { (corpus.Train, data.Train, Manifest.Train),
            (corpus.HeldOut, data.HeldOut, Manifest.HeldOut) })
        {
            Assert.NotEmpty(documents);
            var lines = data.Manifest.Lines.Where(line => line.Split == split).ToList();
            Assert.Equal((documents.Count, documents.Count), (shards.DocumentCount, lines.Count));
            for (var d = 0; d < documents.Count; d++)
            {
                Assert.Equal(documents[d].Text.ToArray(),
                    shards.Tokens(shards.Start(d) + 1, shards.Length(d)).ToArray().Select(t => (byte)t));
                Assert.Equal((documents[d].Source, shards.RawLength(d)), (lines[d].Source, lines[d].Bytes));
            }
        }

        Assert.DoesNotContain(data.Manifest.Lines, line =>
            Path.IsPathRooted(line.Source) || line.Source.Contains(_folder.Path));
        Assert.Equal(["data.json", "heldout.tokens", "manifest.jsonl", "train.tokens"],
            Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_summary_says_what_was_read_and_left_out()
    {
        Fill();
        _folder.Put("in/picture.png", new byte[12_345]);
        var lines = DataPipeline.Prepare(Options()).Summary.Describe().ToList();
        Assert.Matches("^read 102 documents, 197 KB, from 44 files$", lines[0]);
        Assert.Contains("skipped 1 .png, 12 KB, such as picture.png", lines);
        Assert.Contains(lines, line => line.StartsWith("dropped 1 exact duplicates, ", StringComparison.Ordinal) &&
            line.EndsWith(", such as again.md (as 07.txt)", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_runs_write_the_same_bytes()
    {
        Fill();
        using var one = DataPipeline.Tokenise(DataPipeline.Prepare(Options()), _bytes, _folder["one"]);
        using var two = DataPipeline.Tokenise(DataPipeline.Prepare(Options()), _bytes, _folder["two"]);
        foreach (var file in Directory.GetFiles(_folder["one"]))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(_folder["two/" + Path.GetFileName(file)]));
    }

    [Fact]
    public void Nothing_held_out_is_learnt()
    {
        Fill();
        var corpus = DataPipeline.Prepare(Options());
        foreach (var heldOut in corpus.HeldOut)
            Assert.All(corpus.Train, train => Assert.InRange(NaiveJaccard.Of(Text(train), Text(heldOut)), 0, 0.5));
        Assert.True(corpus.Summary.Dropped.Count("near duplicates") > 0 &&
            corpus.Summary.Dropped.Count("exact duplicates") > 0);
    }

    [Fact]
    public void Origins_that_share_a_text_are_on_one_side()
    {
        // Sixty pairs of books: the second has a chapter of the first and one of its own.
        for (var pair = 0; pair < 60; pair++)
        {
            var shared = Story(pair * 3);
            _folder.Put($"in/{pair:00}-first.txt",
                Encoding.UTF8.GetBytes($"CHAPTER I\n\n{shared}\n\nCHAPTER II\n\n{Story(pair * 3 + 1)}"));
            _folder.Put($"in/{pair:00}-second.txt",
                Encoding.UTF8.GetBytes($"CHAPTER I\n\n{shared}\n\nCHAPTER II\n\n{Story(pair * 3 + 2)}"));
        }

        var corpus = DataPipeline.Prepare(Options() with { Cleaning = CleaningOptions.Books });
        Assert.Equal(180, corpus.Train.Count + corpus.HeldOut.Count);
        Assert.Equal(60, corpus.Summary.Dropped.Count("exact duplicates"));
        Assert.All(corpus.HeldOut.GroupBy(d => d.Source[..2]), pair => Assert.Equal(3, pair.Count()));
        Assert.NotEmpty(corpus.HeldOut);
    }

    [Fact]
    public void Token_files_are_used_again_until_anything_changes()
    {
        Fill();
        var options = Options();
        Assert.Null(DataPipeline.OpenIfCurrent(options, _bytes.Hash, _folder["out"]));
        DataPipeline.Tokenise(DataPipeline.Prepare(options), _bytes, _folder["out"]).Dispose();
        Assert.True(IsCurrent(options));
        Assert.False(IsCurrent(options with { DuplicateThreshold = 0.9 }));
        Assert.False(IsCurrent(options with { Cleaning = CleaningOptions.Books }));
        Assert.False(IsCurrent(options with { Corpus = new() { Licence = "MIT" } }));
        Assert.Null(DataPipeline.OpenIfCurrent(options, new byte[32].Select(_ => (byte)1).ToArray(), _folder["out"]));

        var one = Directory.GetFiles(_folder["in"])[0];
        var written = File.GetLastWriteTimeUtc(one);
        File.SetLastWriteTimeUtc(one, written.AddSeconds(1));
        Assert.False(IsCurrent(options));
        File.SetLastWriteTimeUtc(one, written);
        Assert.True(IsCurrent(options));
        _folder.Put("in/new.txt", "More text."u8);
        Assert.False(IsCurrent(options));
    }

    [Theory]
    [InlineData("train.tokens"), InlineData("heldout.tokens"), InlineData("manifest.jsonl"), InlineData("data.json")]
    public void Damaged_token_files_are_made_again(string file)
    {
        Fill();
        var options = Options();
        DataPipeline.Tokenise(DataPipeline.Prepare(options), _bytes, _folder["out"]).Dispose();
        var path = _folder["out/" + file];
        var whole = File.ReadAllBytes(path);
        File.Delete(path); // a new file: the old one may be mapped
        File.WriteAllBytes(path, whole[..^3]);
        Assert.False(IsCurrent(options));
        File.Delete(path);
        Assert.False(IsCurrent(options));
    }

    [Fact]
    public void A_corpus_without_text_is_an_error_that_says_why()
    {
        _folder.Put("in/a.txt", " \n\n "u8);
        _folder.Put("in/b.txt", "\t"u8);
        var error = Assert.Throws<InvalidDataException>(() => DataPipeline.Prepare(Options()));
        Assert.Contains("no text is left of 2 documents in 2 files. Most were left out as: empty", error.Message);
        Assert.DoesNotContain("   at ", error.Message);
    }

    [Fact]
    public void More_text_than_the_limit_is_an_error()
    {
        Fill();
        var error = Assert.Throws<InvalidDataException>(() =>
            DataPipeline.Prepare(Options() with { MaxTextBytes = 50_000 }));
        Assert.Contains("kept in memory", error.Message);
    }

    [Fact]
    public void Tiny_Shakespeare_is_one_document_of_which_the_end_is_held_out()
    {
        var path = GoldenFile.PathOrSkip("data/text/tinyshakespeare.txt");
        var corpus = DataPipeline.Prepare(new PipelineOptions { Inputs = [path] });
        Assert.Equal("tinyshakespeare.txt#train", Assert.Single(corpus.Train).Source);
        Assert.InRange(corpus.HeldOutBytes, 55_000, 56_500);
        Assert.EndsWith("\n\n", Text(corpus.Train[0]));
        Assert.Matches("^[A-Z][A-Za-z ]+:\n", Text(Assert.Single(corpus.HeldOut)));
    }

    private bool IsCurrent(PipelineOptions options)
    {
        using var data = DataPipeline.OpenIfCurrent(options, _bytes.Hash, _folder["out"]);
        return data is { Reused: true };
    }

    private PipelineOptions Options() => new()
    {
        Inputs = [_folder["in"]],
        Split = new SplitOptions { Fraction = 0.05, MinBytes = 3_000, MaxBytes = 100_000 },
    };

    /// <summary>Plain files, JSON lines and a tar.zst, with texts that come twice and texts that almost do.</summary>
    private void Fill()
    {
        for (var i = 0; i < 40; i++)
            _folder.Put($"in/{i:00}.txt", Encoding.UTF8.GetBytes(Story(i)));
        _folder.Put("in/again.md", Encoding.UTF8.GetBytes(Story(7)));
        _folder.Put("in/nearly.md", Encoding.UTF8.GetBytes(Story(8).Replace("aba ", "abb ") + "and so on"));
        _folder.Put("in/lines.jsonl", Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Range(40, 40)
                .Select(i => $"{{\"id\":{i},\"text\":\"{Story(i).Replace("\n", "\\n")}\"}}\n"))));
        using var file = File.Create(_folder["in/more.tar.zst"]);
        using var packed = new CompressionStream(file, 1);
        using var tar = new TarWriter(packed, TarEntryFormat.Pax);
        for (var i = 80; i < 100; i++)
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile,
                $"more/{i}.txt")
            { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(Story(i))) });
    }

    /// <summary>About 2 KB of made-up words in paragraphs, different for every seed.</summary>
    private static string Story(int seed)
    {
        var random = new Random(seed);
        return string.Join("\n\n", Enumerable.Range(0, 5).Select(_ =>
            string.Join(' ', Enumerable.Range(0, 90).Select(_ => Word(random.Next(900)))) +
                " and then they went home."));
    }

    private static string Word(int n) => $"{(char)('a' + n % 26)}{(char)('a' + n / 26 % 26)}{(char)('a' + n / 676)}";

    private static string Text(Document document) => Encoding.UTF8.GetString(document.Text.Span);
}
