using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Run.Embedding;

public sealed class TextEmbedderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    // The decoder's longest text goes through in several passes, which the others share at their ends.
    [Theory]
    [InlineData("bert", 70), InlineData("nomic-bert", 70), InlineData("qwen3", 600)]
    public void A_text_has_the_same_bits_whatever_is_read_with_it(string architecture, int longest)
    {
        var path = Write(architecture);
        var random = new Random(1);
        int[] lengths = [1, 7, 16, 64, 65, longest, .. Enumerable.Range(0, 40).Select(_ => 1 + random.Next(longest))];
        int[][] texts = [.. lengths.Select((n, i) => TinyEncoder.Tokens(n, seed: i))];
        float[][] alone, together, backwards;
        using (var embedder = TextEmbedder.Open(path, _pool))
        {
            alone = [.. texts.Select(embedder.Embed)];
            together = embedder.Embed(texts);
        }

        using (var three = new WorkerPool(3))
        using (var embedder = TextEmbedder.Open(path, three))
            backwards = [.. embedder.Embed([.. texts.Reverse()]).Reverse()];
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.Equal(alone[i], together[i]);
            Assert.Equal(alone[i], backwards[i]);
            Assert.Contains(alone[i], z => z != 0);
        }

        Assert.Equal(texts.Length, alone.Select(vector => string.Join(' ', vector)).Distinct().Count());
    }

    [Fact]
    public void Pairs_have_the_same_score_alone_and_together()
    {
        using var embedder = TextEmbedder.Open(Write("bert", ranks: true), _pool);
        string[] documents = ["a", "the s", "b c d e f g h i j k l m n o p q r s t", "", "a"];
        var scores = embedder.Score("x y z", documents);
        Assert.Equal(documents.Select(document => embedder.Score("x y z", document)), scores);
        Assert.Equal(scores[0], scores[4]);
        Assert.Equal(4, scores.Distinct().Count());
    }

    [Theory]
    [InlineData("bert", Pooling.Mean), InlineData("bert", Pooling.Cls), InlineData("bert", Pooling.Last)]
    [InlineData("qwen3", Pooling.Mean), InlineData("qwen3", Pooling.Last)]
    public void Rows_are_pooled_by_definition(string architecture, Pooling pooling)
    {
        var path = Write(architecture);
        using var raw = TextEmbedder.Open(path, _pool, new EmbedderOptions { Pooling = pooling, Normalise = false });
        using var unit = TextEmbedder.Open(path, _pool, new EmbedderOptions { Pooling = pooling });
        Assert.Equal(pooling, raw.Pooling);
        var tokens = TinyEncoder.Tokens(9, seed: 1);
        var (rows, C) = (raw.Rows(tokens), raw.Width);
        double[] expected = [.. Enumerable.Range(0, C).Select(c => pooling switch
        {
            Pooling.Cls => rows[c],
            Pooling.Last => rows[(8 * C) + c],
            _ => Enumerable.Range(0, 9).Average(t => (double)rows[(t * C) + c]),
        })];

        // Both round once from float64, after what little sums of 9 and of C terms lose there.
        Check.Close(expected, raw.Embed(tokens), 2 * Check.Eps);
        var length = Math.Sqrt(expected.Sum(z => z * z));
        Check.Close([.. expected.Select(z => z / length)], unit.Embed(tokens), 2 * Check.Eps);
    }

    [Fact]
    public void A_file_says_how_its_rows_are_pooled()
    {
        var model = new TinyEncoder();
        foreach (var (stated, pooling) in (ReadOnlySpan<(int, Pooling)>)
            [(0, Pooling.Mean), (1, Pooling.Mean), (2, Pooling.Cls), (3, Pooling.Last), (4, Pooling.Rank)])
        {
            model.Pairs["pooling_type"] = stated;
            using var embedder = TextEmbedder.Open(model.Write(_folder["m.gguf"]), _pool);
            Assert.Equal(pooling, embedder.Pooling);
        }

        model.Pairs.Remove("pooling_type");
        using var silent = TextEmbedder.Open(model.Write(_folder["m.gguf"]), _pool);
        Assert.Equal(Pooling.Mean, silent.Pooling);
        Assert.Equal(("tiny", TinyEncoder.Width, TinyEncoder.Context, false),
            (silent.Name, silent.Width, silent.Context, silent.CanScore));
    }

    [Fact]
    public void A_text_that_is_too_long_is_refused_with_both_numbers_or_loses_its_end()
    {
        var path = Write("bert");
        var words = string.Join(' ', Enumerable.Repeat("a", 80));
        using var strict = TextEmbedder.Open(path, _pool);
        Says("82 tokens; the model reads 70", () => strict.Embed(words));
        Says("Text 2 of 3: The text would be 82 tokens", () => strict.Embed(["a", words, "b"]));
        Says("71 tokens; the model reads 70", () => strict.Embed(TinyEncoder.Tokens(71, 1)));
        Assert.Equal(70, strict.Tokenize(string.Join(' ', Enumerable.Repeat("a", 68))).Length);

        using var cutting = TextEmbedder.Open(path, _pool, new EmbedderOptions { Truncate = true });
        var tokens = cutting.Tokenize(words);
        Assert.Equal(70, tokens.Length);
        Assert.Equal((TinyEncoder.Opening, TinyEncoder.Closing), (tokens[0], tokens[^1]));
        Assert.Equal(strict.Tokenize("the s"), cutting.Tokenize("the s"));
        Assert.Equal(strict.Embed(tokens), cutting.Embed(words));

        // Of a pair the document is cut, and a query that leaves it no room is refused.
        var pair = cutting.TokenizePair("b", words);
        Assert.Equal(70, pair.Length);
        Assert.Equal([.. strict.TokenizePair("b", "")[..3], 7], pair[..4]);
        Assert.Equal(TinyEncoder.Closing, pair[^1]);
        Says("84 tokens; the model reads 70", () => strict.TokenizePair("b", words));
        Says("The query has 83 tokens", () => cutting.TokenizePair(words, "b"));
    }

    [Fact]
    public void Pairs_of_RoBERTa_have_two_separators()
    {
        var vocabulary = new Vocabulary
        {
            Kind = "t5",
            Tokens = ["<s>", "<pad>", "</s>", "<unk>",
                .. Enumerable.Range(0, TinyEncoder.Vocabulary - 4).Select(i => $"▁{(char)('a' + i)}")],
            Scores = [.. Enumerable.Repeat(-1f, TinyEncoder.Vocabulary)],
            Types = [3, 3, 3, 2, .. Enumerable.Repeat(1, TinyEncoder.Vocabulary - 4)],
            Numbers = new Dictionary<string, uint>
            {
                ["bos_token_id"] = 0, ["eos_token_id"] = 2, ["seperator_token_id"] = 2, ["unknown_token_id"] = 3,
            },
            Switches = new Dictionary<string, bool>
            {
                ["add_bos_token"] = true, ["add_eos_token"] = true, ["add_sep_token"] = true,
                ["add_space_prefix"] = true,
            },
        };
        var frame = new TokenFrame(Tokenizer.Of(vocabulary));
        Assert.Equal([0, 4, 2], frame.Lay("a", context: 9, truncate: false));
        Assert.Equal([0, 4, 2, 2, 5, 2], frame.LayPair("a", "b", context: 9, truncate: false));
        Assert.Equal([0, 4, 2, 2, 5, 2], frame.LayPair("a", "b a b", context: 6, truncate: true));
    }

    [Fact]
    public void What_a_model_cannot_do_is_said()
    {
        using var mean = TextEmbedder.Open(Write("bert"), _pool);
        Says("has no head that ranks", () => mean.Score("a", "b"));
        Says("has no head that ranks", () => mean.Score([[1, 2]]));
        Says("The text has no token", () => mean.Embed((int[])[]));
        Says("Text 2 of 2 holds token 33, which is outside the vocabulary of 33", () => mean.Embed([[1], [2, 33]]));
        Says("holds token -1", () => mean.Embed([-1]));
        Assert.Empty(mean.Embed((string[])[]));

        using var ranker = TextEmbedder.Open(Write("bert", ranks: true), _pool);
        Says("is a reranker", () => ranker.Embed("a"));
        using var both = TextEmbedder.Open(
            Write("bert", ranks: true), _pool, new EmbedderOptions { Pooling = Pooling.Cls });
        Assert.Equal(TinyEncoder.Width, both.Embed("a").Length);
        Assert.True(float.IsFinite(both.Score("a", "b")));

        using var decoder = TextEmbedder.Open(Write("qwen3"), _pool);
        Says("has no head that ranks", () => decoder.Score("a", "b"));
        Says("is a decoder, whose first row", () =>
            TextEmbedder.Open(Write("qwen3"), _pool, new EmbedderOptions { Pooling = Pooling.Cls }));
        foreach (var pooling in (ReadOnlySpan<Pooling>)[Pooling.None, Pooling.Rank, (Pooling)9])
            Assert.Throws<ArgumentException>(() =>
                TextEmbedder.Open(Write("bert"), _pool, new EmbedderOptions { Pooling = pooling }));
    }

    [Fact]
    public void A_decoder_of_another_kind_is_refused()
    {
        Refused("qwen3.attention.causal is false", writer => writer.AddBool("qwen3.attention.causal", false));
        Refused("pooling_type is Rank", writer => writer.AddUInt("qwen3.pooling_type", 4));
        Refused("known are 0 to 4", writer => writer.AddUInt("qwen3.pooling_type", 7));

        void Refused(string says, Action<GgufWriter> add)
        {
            var path = Write("qwen3", add: add);
            Assert.Contains(says, Assert.Throws<InvalidDataException>(() => TextEmbedder.Open(path, _pool)).Message);
        }
    }

    [Theory]
    [InlineData("bert"), InlineData("qwen3")]
    public void Without_a_vocabulary_ids_are_read_and_texts_refused(string architecture)
    {
        using var embedder = TextEmbedder.Open(Write(architecture, vocabulary: false), _pool);
        Assert.Equal(embedder.Width, embedder.Embed([1, 2]).Length);
        Assert.Contains("holds no tokenizer",
            Assert.Throws<InvalidDataException>(() => embedder.Embed("a")).Message);
    }

    [Fact]
    public void After_a_cancelled_call_the_next_is_served()
    {
        foreach (var architecture in (ReadOnlySpan<string>)["bert", "qwen3"])
        {
            using var embedder = TextEmbedder.Open(Write(architecture), _pool);
            using var cancel = new CancellationTokenSource();
            cancel.Cancel();
            Assert.Throws<OperationCanceledException>(() => embedder.Embed([[1, 2]], cancel.Token));
            Assert.Equal(embedder.Width, embedder.Embed([1, 2]).Length);
        }
    }

    [Fact]
    public void A_disposed_embedder_says_so()
    {
        var embedder = TextEmbedder.Open(Write("bert"), _pool);
        embedder.Embed([1, 2]);
        embedder.Dispose();
        embedder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => embedder.Embed([1, 2]));
    }

    private string Write(
        string architecture, bool ranks = false, bool vocabulary = true, Action<GgufWriter>? add = null)
    {
        var path = _folder[$"{architecture}{ranks}{vocabulary}{add is null}.gguf"];
        if (architecture != "qwen3")
            return new TinyEncoder(architecture, ranks) { HasVocabulary = vocabulary }.Write(path);
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, context: 600));
        var writer = ModelFile.Writer(weights, vocabulary ? TinyModel.Tokenizer() : null, DType.F32, "tiny");
        add?.Invoke(writer);
        writer.Write(path);
        return path;
    }

    private static void Says(string what, Func<object> call) =>
        Assert.Contains(what, Assert.ThrowsAny<ArgumentException>(call).Message);
}
