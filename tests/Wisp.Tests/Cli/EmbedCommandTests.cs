using System.Globalization;
using System.Text.Json;
using Wisp.Compute;
using Wisp.Run;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

/// <summary><c>wisp embed</c> and <c>wisp rerank</c>.</summary>
public sealed class EmbedCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(1);
    private readonly string _model, _ranker;

    public EmbedCommandTests()
    {
        _model = new TinyEncoder().Write(_folder["m.gguf"]);
        _ranker = new TinyEncoder(ranks: true).Write(_folder["r.gguf"]);
    }

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_vector_stands_on_each_line_to_the_last_bit()
    {
        using var embedder = TextEmbedder.Open(_model, _pool);
        Assert.Equal(embedder.Embed(["a b", "the"]), Lines("embed", "-m", _model, "a b", "the"));

        var file = _folder.Put("lines.txt", "b\r\n\n  c d \n"u8);
        Assert.Equal(embedder.Embed(["a", "b", "c d"]), Lines("embed", "-m", _model, "a", "--file", file));

        using var raw = TextEmbedder.Open(
            _model, _pool, new EmbedderOptions { Normalise = false, Pooling = Pooling.Last, Truncate = true });
        var words = string.Join(' ', Enumerable.Repeat("a", 80));
        Assert.Equal(raw.Embed([words]),
            Lines("embed", "-m", _model, "--no-normalize", "--pooling", "last", "--truncate", words));
    }

    [Fact]
    public void Json_is_that_of_the_API_of_OpenAI()
    {
        using var embedder = TextEmbedder.Open(_model, _pool);
        using var json = JsonDocument.Parse(CommandLineRun.Good("embed", "-m", _model, "--json", "a b", "c"));
        var root = json.RootElement;
        Assert.Equal(("list", TinyEncoder.Name), (root.GetProperty("object").GetString(),
            root.GetProperty("model").GetString()));
        Assert.Equal(7, root.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal([0, 1], root.GetProperty("data").EnumerateArray().Select(d => d.GetProperty("index").GetInt32()));
        Assert.Equal(embedder.Embed(["a b", "c"]), root.GetProperty("data").EnumerateArray().Select(
            d => d.GetProperty("embedding").EnumerateArray().Select(z => z.GetSingle()).ToArray()));
    }

    [Fact]
    public void Documents_are_sorted_by_their_scores()
    {
        using var embedder = TextEmbedder.Open(_ranker, _pool);
        string[] documents = ["a", "b c", "the s", "x", "a b c d"];
        var file = _folder.Put("lines.txt", "x\na b c d\n"u8);
        var lines = CommandLineRun.Good("rerank", "-m", _ranker, "q", "a", "b c", "the s", "--file", file)
            .TrimEnd('\n').Split('\n');
        var expected = documents.Select(d => (Document: d, Score: embedder.Score("q", d)))
            .OrderByDescending(pair => pair.Score)
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Score:0.000000}\t{pair.Document}"));
        Assert.Equal(expected, lines);
        Assert.DoesNotContain("\u001b", CommandLineRun.Good("rerank", "-m", _ranker, "q", "a\u001b[2J\nb"));
        Assert.Single(CommandLineRun.Good("rerank", "-m", _ranker, "q", "a\nb").TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Bad_input_is_one_clear_error()
    {
        Fails("Give at least one text", "embed", "-m", _model);
        Fails("holds no text", "embed", "-m", _model, "--file", _folder.Put("empty.txt", "\n \n"u8));
        Fails("there is no such file", "embed", "-m", _model, "--file", _folder["nothing"]);
        Fails("82 tokens; the model reads 70", "embed", "-m", _model, string.Join(' ', Enumerable.Repeat("a", 80)));
        Fails("not among: mean, cls, last", "embed", "-m", _model, "--pooling", "max", "a");
        Fails("is a reranker", "embed", "-m", _ranker, "a");
        Fails("has no head that ranks", "rerank", "-m", _model, "q", "a");
        Fails("Give at least one text", "rerank", "-m", _ranker, "q");
        Fails("no such model", "embed", "-m", _folder["nothing"], "a");
        Fails("starts with", "embed", "-m", _folder.Put("bad.gguf", "no model"u8), "a");
    }

    private static float[][] Lines(params string[] args) =>
    [
        .. CommandLineRun.Good(args).TrimEnd('\n').Split('\n').Select(line => line.Split(' ')
            .Select(z => float.Parse(z, CultureInfo.InvariantCulture)).ToArray()),
    ];

    private static void Fails(string says, params string[] args)
    {
        var run = CommandLineRun.Of(args);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(says, run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }
}
