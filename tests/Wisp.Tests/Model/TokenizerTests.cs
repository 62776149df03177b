using System.Text;
using Wisp.Model;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Model;

public class TokenizerTests
{
    private static readonly ByteLevelBpe Trained = SampleText.Trained();

    private static int[] Encode(ByteLevelBpe tokenizer, byte[] bytes, bool parseSpecial = false)
    {
        var ids = new List<int>();
        tokenizer.CreateEncoder().Encode(bytes, ids, parseSpecial);
        return [.. ids];
    }

    private static string Latin(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private static string Spelled(Tokenizer tokenizer, int id) => Latin(tokenizer.BytesOf(id));

    [Theory]
    [InlineData(1), InlineData(7), InlineData(64), InlineData(129), InlineData(700)]
    public void Encoding_agrees_with_the_textbook(int size)
    {
        var ranks = Trained.Merges.Select((merge, rank) => (merge, rank)).ToDictionary(
            x => (Bytes(x.merge.Split(' ')[0]), Bytes(x.merge.Split(' ')[1])), x => x.rank);
        var split = PreTokenizer.Of("llama-bpe");
        var random = new Random(size);
        for (var i = 0; i < 300; i++)
        {
            // Long runs go through the heap, mixed text through the scan.
            var bytes = i % 5 == 0 ? Encoding.UTF8.GetBytes(Run(random, size)) : SampleText.Bytes(random, size);
            var expected = new List<string>();
            foreach (var piece in split.Cut(bytes))
                expected.AddRange(NaiveBpe.Encode(Latin(piece), ranks));

            Assert.Equal(expected, Encode(Trained, bytes).Select(id => Spelled(Trained, id)));
        }

        static string Bytes(string token) => Latin(Trained.BytesOf(Trained.IdOf(token)));
        static string Run(Random random, int size) =>
            string.Concat(Enumerable.Range(0, size).Select(_ => "theandingeaI"[random.Next(12)]));
    }

    [Fact]
    public void Every_byte_string_comes_back()
    {
        for (var first = 0; first < 256; first++)
        {
            Assert.Equal([(byte)first], Trained.Decode(Encode(Trained, [(byte)first])));
            for (var second = 0; second < 256; second++)
                Assert.Equal([(byte)first, (byte)second], Trained.Decode(Encode(Trained, [(byte)first, (byte)second])));
        }

        var random = new Random(2);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = SampleText.Bytes(random, random.Next(200));
            Assert.Equal(bytes, Trained.Decode(Encode(Trained, bytes)));
            Assert.Equal(bytes, Trained.Decode(Encode(Trained, bytes, parseSpecial: true)));
        }
    }

    [Fact]
    public void Text_cut_inside_a_character_comes_back()
    {
        var text = Encoding.UTF8.GetBytes("añ中😀𠀀");
        for (var from = 0; from < text.Length; from++)
        {
            for (var to = from; to <= text.Length; to++)
                Assert.Equal(text[from..to], Trained.Decode(Encode(Trained, text[from..to])));
        }
    }

    [Fact]
    public void A_million_times_one_letter_is_not_a_problem()
    {
        var bytes = new byte[1_000_000];
        Array.Fill(bytes, (byte)'a');
        Assert.Equal(bytes, Trained.Decode(Encode(Trained, bytes)));
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character()
    {
        Assert.Equal("a\ufffdb", Trained.DecodeText(Trained.Encode("a\ud800b")));
        Assert.Equal("\ufffd", Trained.DecodeText(Trained.Encode("\udc00")));
    }

    [Fact]
    public void Special_tokens_end_the_vocabulary_and_only_come_when_asked_for()
    {
        var first = Trained.VocabularySize - Tokenizer.SpecialTokens.Count;
        for (var i = 0; i < Tokenizer.SpecialTokens.Count; i++)
        {
            var text = Tokenizer.SpecialTokens[i];
            Assert.Equal(first + i, Trained.IdOf(text));
            Assert.True(Trained.IsSpecial(first + i));
            Assert.Equal([first + i], Trained.Encode(text, parseSpecial: true));
            Assert.DoesNotContain(first + i, Trained.Encode($" {text}{text}\n"));
            Assert.Equal(text, Trained.DecodeText(Trained.Encode(text)));
        }

        Assert.Equal(first, Trained.EndOfText);
        Assert.Equal("<|endoftext|> <|im_start|> <|im_end|> <think> </think> <tool_call> </tool_call> " +
            "<tool_response> </tool_response> <|reserved_0|>", string.Join(' ', Tokenizer.SpecialTokens.Take(10)));
        Assert.Equal(25, Tokenizer.SpecialTokens.Count);
    }

    [Fact]
    public void Decoding_can_leave_special_tokens_out()
    {
        var ids = Trained.Encode("<|im_start|>hi<|im_end|>\n", parseSpecial: true);
        Assert.Equal("<|im_start|>hi<|im_end|>\n", Trained.DecodeText(ids));
        Assert.Equal("hi\n", Trained.DecodeText(ids, withSpecial: false));
    }

    [Fact]
    public void Spellings_that_overlap_are_read_longest_first()
    {
        var tokenizer = WithTokens([("<ab>", 3), ("b><cd>", 3), ("user", 4)]);
        var longer = tokenizer.IdOf("b><cd>");
        Assert.Equal([.. tokenizer.Encode("<a"), longer], tokenizer.Encode("<ab><cd>", parseSpecial: true));
        Assert.Equal([tokenizer.IdOf("<ab>"), tokenizer.IdOf("user"), 'x'],
            tokenizer.Encode("<ab>userx", parseSpecial: true));

        // A user-defined token is found in any text, and is part of what a reader sees.
        Assert.Equal(['a', tokenizer.IdOf("user"), 's'], tokenizer.Encode("ausers"));
        Assert.Equal("ausers", tokenizer.DecodeText(tokenizer.Encode("ausers"), withSpecial: false));
    }

    [Fact]
    public void A_whole_piece_that_is_a_token_needs_no_merges()
    {
        var tokenizer = WithTokens([("hello", 1), ("world", 3)]);
        Assert.Equal([tokenizer.IdOf("hello")], tokenizer.Encode("hello"));
        Assert.Equal(6, tokenizer.Encode("hellos").Length);
        Assert.Equal(5, tokenizer.Encode("world").Length); // never a control token
    }

    [Fact]
    public void A_byte_without_a_token_is_left_out()
    {
        var tokens = Enumerable.Range(0, 256).Select(b => b == 3 ? "other" : ByteText.Encode([(byte)b])).ToArray();
        var tokenizer = Tokenizer.FromVocabulary("llama-bpe", tokens, [], []);
        Assert.Equal(['a', 'b'], tokenizer.Encode("a\u0003b"));
        var run = new string('\u0003', 200); // long enough for the heap
        Assert.Equal(['a', 'b'], tokenizer.Encode($"a{run}b{run}"));
    }

    [Fact]
    public void An_id_outside_the_vocabulary_is_refused()
    {
        foreach (var id in new[] { -1, Trained.VocabularySize, int.MaxValue })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Trained.BytesOf(id).Length);
            Assert.Throws<ArgumentOutOfRangeException>(() => Trained.Decode([id]));
            Assert.Throws<ArgumentOutOfRangeException>(() => Trained.Decode([id], withSpecial: false));
        }
    }

    [Fact]
    public void A_vocabulary_survives_being_written_and_read()
    {
        var again = Tokenizer.FromVocabulary(Trained.Pre, Trained.Tokens, Trained.Merges, Trained.Types);
        var text = SampleText.Text(new Random(3), 2_000, wide: true);
        Assert.Equal(Trained.Encode(text), again.Encode(text));
        Assert.Equal(Trained.EndOfText, again.EndOfText);
    }

    [Fact]
    public void Threads_share_a_tokenizer()
    {
        var texts = Enumerable.Range(0, 64).Select(i => SampleText.Text(new Random(i), 500, wide: true)).ToArray();
        var expected = texts.Select(text => Trained.Encode(text)).ToArray();
        var shared = Tokenizer.FromVocabulary(Trained.Pre, Trained.Tokens, Trained.Merges, Trained.Types);
        var actual = new int[texts.Length][];
        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i => actual[i] = shared.Encode(texts[i]));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void An_encoder_that_has_forgotten_its_words_still_encodes_the_same()
    {
        var encoder = Trained.CreateEncoder();
        var random = new Random(4);
        for (var i = 0; i < 200_000; i++) // three times what it remembers
            encoder.Encode(Encoding.ASCII.GetBytes(Convert.ToString(random.Next(), 16)), []);
        var ids = new List<int>();
        var text = SampleText.Text(random, 1_000);
        encoder.Encode(Encoding.UTF8.GetBytes(text), ids);
        Assert.Equal(SampleText.Trained().Encode(text), ids);
    }

    [Fact]
    public void Encoding_allocates_nothing_once_it_knows_the_words()
    {
        var encoder = Trained.CreateEncoder();
        var text = Encoding.UTF8.GetBytes(SampleText.Text(new Random(5), 5_000));
        var ids = new List<int>(text.Length);
        encoder.Encode(text, ids);
        ids.Clear();
        var before = GC.GetAllocatedBytesForCurrentThread();
        encoder.Encode(text, ids);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    public static TheoryData<string, string> Damage => new()
    {
        { "pre", "'tokken'" }, { "few", "for 1 of the 256 bytes" }, { "types", "token_type has 3 entries" },
        { "type", "token_type[5] is 9" }, { "twice", "are both 'A'" },
        { "space", "merges[0] is 'AB'" }, { "end", "merges[0] is 'A '" },
        { "left", "'zz' is not among" }, { "product", "'AB' is not among" }, { "empty", "merges[0] is ''" },
    };

    [Theory]
    [MemberData(nameof(Damage))]
    public void A_vocabulary_that_does_not_fit_together_is_refused(string what, string says)
    {
        var tokens = Enumerable.Range(0, 256).Select(b => ByteText.Encode([(byte)b])).Append("extra").ToList();
        var merges = new List<string>();
        var types = tokens.Select(_ => 1).ToList();
        var pre = "llama-bpe";
        switch (what)
        {
            case "pre": pre = "tokken"; break;
            case "few": (tokens, types) = (["a"], [1]); break;
            case "types": types = [1, 1, 1]; break;
            case "type": types[5] = 9; break;
            case "twice": tokens[256] = "A"; break;
            case "space": merges = ["AB"]; break;
            case "end": merges = ["A "]; break;
            case "left": merges = ["zz A"]; break;
            case "product": merges = ["A B"]; break;
            case "empty": merges = [""]; break;
        }

        var error = Assert.Throws<InvalidDataException>(() => Tokenizer.FromVocabulary(pre, tokens, merges, types));
        Assert.Contains(says, error.Message);
    }

    private static ByteLevelBpe WithTokens((string Text, int Type)[] extra)
    {
        var bytes = Enumerable.Range(0, 256).Select(b => ByteText.Encode([(byte)b]));
        return Tokenizer.FromVocabulary("llama-bpe", [.. bytes, .. extra.Select(x => x.Text)], [],
            [.. Enumerable.Repeat(1, 256), .. extra.Select(x => x.Type)]);
    }
}
