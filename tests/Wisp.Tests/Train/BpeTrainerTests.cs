using System.Text;
using System.Text.RegularExpressions;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Reference;
using Wisp.Train;

namespace Wisp.Tests.Train;

public class BpeTrainerTests
{
    private static ReadOnlyMemory<byte> Text(int seed, int bits) =>
        Encoding.UTF8.GetBytes(SampleText.Text(new Random(seed), bits, wide: true));

    private static Tokenizer Train(IEnumerable<ReadOnlyMemory<byte>> documents, int size, int threads = 1) =>
        BpeTrainer.Train(documents, size, threads);

    [Theory]
    [InlineData(1, "theand ")]
    [InlineData(2, "ab")] // runs of few letters: pairs overlap
    [InlineData(3, "aab")]
    [InlineData(4, "012 '\n.é-!")]
    public void Merges_agree_with_the_textbook(int seed, string alphabet)
    {
        var random = new Random(seed);
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 40_000)
            .Select(_ => random.Next(30) == 0 ? ' ' : alphabet[random.Next(alphabet.Length)])));
        var words = new WordCounts();
        words.AddText(bytes, PreTokenizer.Of("llama-bpe"));
        var expected = NaiveBpe.Train(Counts(words), 512 - 256 - Tokenizer.SpecialTokens.Count)
            .Select(merge => $"{Spelled(merge.Left)} {Spelled(merge.Right)}").ToList();

        Assert.Equal(expected, Train([bytes], 512).Merges);
        Assert.Equal(512 - 256 - Tokenizer.SpecialTokens.Count, expected.Count);

        static string Spelled(string latin) => ByteText.Encode(Encoding.Latin1.GetBytes(latin));
    }

    [Fact]
    public void The_number_of_threads_and_the_order_of_documents_change_nothing()
    {
        var documents = Enumerable.Range(0, 40).Select(i => Text(i, 1_500)).ToArray();
        var one = Train(documents, 800);
        Tokenizer[] others =
            [Train(documents, 800, 2), Train(documents, 800, 5), Train(Enumerable.Reverse(documents), 800, 3)];
        foreach (var other in others)
        {
            Assert.Equal(one.Tokens, other.Tokens);
            Assert.Equal(one.Merges, other.Merges);
        }
    }

    [Theory]
    [InlineData(512), InlineData(513), InlineData(1000)]
    public void The_vocabulary_has_the_size_asked_for(int size)
    {
        var tokenizer = Train([Text(1, 50_000)], size);
        Assert.Equal(size, tokenizer.VocabularySize);
        Assert.Equal("llama-bpe", tokenizer.Pre);
        Assert.Equal(size - Tokenizer.SpecialTokens.Count, tokenizer.EndOfText);
        for (var value = 0; value < 256; value++)
            Assert.Equal([(byte)value], tokenizer.BytesOf(value));
    }

    [Fact]
    public void A_huge_document_is_counted_as_if_it_were_not_cut()
    {
        var text = new byte[5 << 20];
        var piece = Text(9, 20_000).Span;
        for (var at = 0; at < text.Length; at += piece.Length)
            piece[..Math.Min(piece.Length, text.Length - at)].CopyTo(text.AsSpan(at));
        var split = PreTokenizer.Of("llama-bpe");
        var whole = new WordCounts();
        whole.AddText(text, split);
        var cut = new WordCounts(batchBytes: 2 << 20);
        cut.AddAll([text], split, threads: 3, null, default);

        Assert.Equal(whole.Bytes, cut.Bytes);
        Assert.Equal(Counts(whole), Counts(cut));
    }

    [Fact]
    public void Forgetting_rare_words_does_not_depend_on_threads()
    {
        var documents = Enumerable.Range(0, 30).Select(i => Text(i, 2_000)).ToArray();
        var split = PreTokenizer.Of("llama-bpe");
        var one = new WordCounts(maxWords: 2_000, batchBytes: 30_000);
        one.AddAll(documents, split, threads: 1, null, default);
        var four = new WordCounts(maxWords: 2_000, batchBytes: 30_000);
        four.AddAll(documents, split, threads: 4, null, default);

        Assert.True(one.Forgotten > 0);
        Assert.Equal(one.Forgotten, four.Forgotten);
        Assert.Equal(Counts(one), Counts(four));
        Assert.InRange(one.Count, 1, 4_000);
    }

    [Fact]
    public void A_text_that_is_too_small_says_what_it_can_give()
    {
        var text = Text(6, 3_000);
        var error = Assert.Throws<InvalidDataException>(() => Train([text], 5_000));
        var possible = int.Parse(Regex.Match(error.Message, @"gives a vocabulary of (\d+)").Groups[1].Value);
        Assert.Contains($"Ask for at most {possible}", error.Message);
        Assert.InRange(possible, Tokenizer.MinVocabularySize, 4_999);
        Assert.Equal(possible, Train([text], possible).VocabularySize);

        error = Assert.Throws<InvalidDataException>(() => Train([Text(6, 20)], 512));
        Assert.Contains("give more text", error.Message);
    }

    [Fact]
    public void An_empty_text_is_refused()
    {
        Assert.Throws<InvalidDataException>(() => Train([], 512));
        Assert.Throws<InvalidDataException>(() => Train([ReadOnlyMemory<byte>.Empty], 512));
    }

    [Theory]
    [InlineData(511), InlineData(0), InlineData(-1), InlineData(65_537)]
    public void A_size_out_of_range_is_refused(int size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Train([Text(1, 10)], size));

    [Fact]
    public void Training_can_be_stopped()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => BpeTrainer.Train([Text(1, 50_000)], 1_000, 2, at =>
        {
            if (at.Tokens == 0)
                stop.Cancel();
        }, stop.Token));
    }

    [Fact]
    public void A_run_without_end_is_counted_in_cuts()
    {
        var run = new byte[200_000];
        Array.Fill(run, (byte)'a');
        var words = new WordCounts();
        words.AddText(run, PreTokenizer.Of("llama-bpe"));
        Assert.Equal(200_000, Enumerable.Range(0, words.Count).Sum(i => words.Word(i).Length * words.CountOf(i)));
        Assert.All(Counts(words).Keys, word => Assert.InRange(word.Length, 1, WordCounts.MaxWordBytes));
    }

    private static SortedDictionary<string, long> Counts(WordCounts words)
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (var i = 0; i < words.Count; i++)
            counts.Add(Encoding.Latin1.GetString(words.Word(i)), words.CountOf(i));
        return counts;
    }
}
