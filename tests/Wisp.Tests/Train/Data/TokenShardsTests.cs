using System.Buffers.Binary;
using System.Text;
using Wisp.Train.Data;

namespace Wisp.Tests.Train.Data;

public sealed class TokenShardsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_written_is_read()
    {
        var documents = Shards.RandomDocuments(count: 40, seed: 3, maxTokens: 70);
        using var shards = Shards.Write(_folder["a.tokens"], documents);
        Assert.Equal(documents.Length, shards.DocumentCount);
        Assert.Equal(documents.Sum(d => d.Length + 1L) + 1, shards.TokenCount);
        Assert.Equal(documents.Sum(d => 3L * d.Length), shards.RawBytes);
        Assert.Equal((Shards.Vocabulary, Shards.EndOfText), (shards.VocabularySize, shards.EndOfText));
        Assert.Equal(new string('7', 64), shards.TokenizerHash);
        for (var d = 0; d < documents.Length; d++)
        {
            Assert.Equal(documents[d].Length, shards.Length(d));
            Assert.Equal(3L * documents[d].Length, shards.RawLength(d));
            Assert.Equal([Shards.EndOfText, .. documents[d], Shards.EndOfText],
                shards.Tokens(shards.Start(d), documents[d].Length + 2).ToArray().Select(t => (int)t));
        }
    }

    [Fact]
    public void No_documents_are_a_file_with_one_token()
    {
        using var shards = Shards.Write(_folder["a.tokens"], []);
        Assert.Equal((0, 1L), (shards.DocumentCount, shards.TokenCount));
    }

    [Fact]
    public void The_largest_vocabulary_fits()
    {
        using (var writer = new TokenShardWriter(_folder["a.tokens"], 65_536, 65_535, new byte[32]))
        {
            writer.Add([0, 65_534], 2);
            writer.Finish();
        }

        using var shards = TokenShards.Open(_folder["a.tokens"]);
        Assert.Equal([65_535, 0, 65_534, 65_535], shards.Tokens(0, 4).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new TokenShardWriter(_folder["b.tokens"], 65_537, 0, new byte[32]));
    }

    [Theory]
    [InlineData(-1), InlineData(Shards.Vocabulary), InlineData(Shards.EndOfText)]
    public void A_token_that_text_cannot_have_is_refused(int id)
    {
        using var writer = new TokenShardWriter(_folder["a.tokens"], Shards.Vocabulary, Shards.EndOfText, new byte[32]);
        Assert.Contains($"Token 1 of document 0 is {id}",
            Assert.Throws<ArgumentException>(() => writer.Add([1, id], 2)).Message);
    }

    [Fact]
    public void An_unfinished_file_leaves_nothing_and_the_old_one_alone()
    {
        Shards.Write(_folder["a.tokens"], [[1, 2]]).Dispose();
        using (var writer = new TokenShardWriter(_folder["a.tokens"], Shards.Vocabulary, Shards.EndOfText,
            new byte[32]))
            writer.Add([3], 1);
        Assert.Equal(["a.tokens"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        using var shards = TokenShards.Open(_folder["a.tokens"]);
        Assert.Equal(2, shards.Length(0));
    }

    [Fact]
    public void Documents_are_encoded_in_order_on_all_cores()
    {
        var documents = Enumerable.Range(0, 300)
            .Select(i => new Document($"{i}", "", Encoding.UTF8.GetBytes(new string((char)('a' + i % 26), i * 300))))
                .ToList();
        var vocabulary = new TokenVocabulary(257, 256, new byte[32], (text, ids) =>
        {
            foreach (var b in text)
                ids.Add(b);
        });
        var counts = TokenShardWriter.Write(_folder["a.tokens"], documents, vocabulary);
        using var shards = TokenShards.Open(_folder["a.tokens"]);
        for (var d = 0; d < documents.Count; d++)
        {
            Assert.Equal(documents[d].Text.Length, counts[d]);
            var tokens = shards.Tokens(shards.Start(d) + 1, counts[d]);
            Assert.False(tokens.ContainsAnyExcept((ushort)('a' + d % 26)), $"document {d}");
        }
    }

    [Fact]
    public void An_encoder_that_fails_is_one_error_and_no_file()
    {
        var vocabulary =
            new TokenVocabulary(257, 256, new byte[32], (_, _) => throw new ArgumentException("no such word"));
        List<Document> documents = [new("a", "", "a"u8.ToArray()), new("b", "", "b"u8.ToArray())];
        Assert.Equal("no such word", Assert.Throws<ArgumentException>(() =>
            TokenShardWriter.Write(_folder["a.tokens"], documents, vocabulary)).Message);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Every_cut_is_refused()
    {
        Shards.Write(_folder["a.tokens"], [[1, 2, 3], [], [4]]).Dispose();
        var whole = File.ReadAllBytes(_folder["a.tokens"]);
        for (var length = 0; length < whole.Length; length++)
        {
            var path = _folder.Put("cut.tokens", whole.AsSpan(0, length));
            var error = Record.Exception(() => TokenShards.Open(path).Dispose());
            Assert.True(error is InvalidDataException && error.Message.Contains("cut.tokens"), $"{length}: {error}");
        }
    }

    [Fact]
    public void Damage_is_refused_or_does_no_harm()
    {
        Shards.Write(_folder["a.tokens"], Shards.RandomDocuments(count: 9, seed: 1, maxTokens: 12)).Dispose();
        var whole = File.ReadAllBytes(_folder["a.tokens"]);
        var random = new Random(4);
        var refused = 0;
        for (var n = 0; n < 1000; n++)
        {
            var damaged = whole.ToArray();
            var at = random.Next(damaged.Length);
            if (n % 3 == 0)
                BinaryPrimitives.WriteInt64LittleEndian(damaged.AsSpan(Math.Min(at, damaged.Length - 8)),
                    random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64));
            else
                damaged[at] ^= (byte)(1 << random.Next(8));
            var path = _folder.Put("bad.tokens", damaged);
            try
            {
                using var shards = TokenShards.Open(path);
                ReadAll(shards);
            }
            catch (InvalidDataException e) when (e.Message.Contains("bad.tokens"))
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 1000);
    }

    private static void ReadAll(TokenShards shards)
    {
        int B = 2, T = 5;
        var spans = new int[4][];
        for (var i = 0; i < 4; i++)
            spans[i] = new int[B * T];
        var reader = new BatchReader(shards, B, T, seed: 1);
        for (var step = 0; step < reader.RowsPerEpoch; step++)
            reader.Fill(step, spans[0], spans[1], spans[2], spans[3]);
        var heldOut = new HeldOut(shards, B, T);
        for (var batch = 0; batch < heldOut.BatchCount; batch++)
            heldOut.Fill(batch, spans[0], spans[1], spans[2], spans[3]);
        Assert.All(spans[0], t => Assert.InRange(t, 0, shards.VocabularySize - 1));
    }
}

/// <summary>Small token files.</summary>
internal static class Shards
{
    public const int Vocabulary = 1000;
    public const int EndOfText = 990;

    public static int[][] RandomDocuments(int count, int seed, int maxTokens)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
            Enumerable.Range(0, random.Next(maxTokens)).Select(_ => random.Next(EndOfText)).ToArray())];
    }

    /// <summary>Three bytes of text a token.</summary>
    public static TokenShards Write(string path, int[][] documents)
    {
        using (var writer = new TokenShardWriter(path, Vocabulary, EndOfText,
            Convert.FromHexString(new string('7', 64))))
        {
            foreach (var document in documents)
                writer.Add([.. document], 3 * document.Length);
            writer.Finish();
        }

        return TokenShards.Open(path);
    }
}
