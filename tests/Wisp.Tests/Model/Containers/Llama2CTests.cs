using System.Buffers.Binary;
using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

public sealed class Llama2CTests : IDisposable
{
    // dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
    private const int C = 12, F = 7, L = 2, H = 3, K = 1, V = 11, T = 5, D = C / H;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What run.c reads, one after the other; v1 has the norms first and no tables.</summary>
    private static IEnumerable<(string Name, int Values)> Order(bool versioned, bool shared, int v = V)
    {
        string[] norms = ["attn_norm", "ffn_norm"];
        IEnumerable<(string, int)> Layers(string name, int values) =>
            Enumerable.Range(0, L).Select(i => ($"blk.{i}.{name}.weight", values));
        IEnumerable<(string, int)> attention = [.. Layers("attn_q", C * C), .. Layers("attn_k", C * K * D),
            .. Layers("attn_v", C * K * D), .. Layers("attn_output", C * C)];
        IEnumerable<(string, int)> mlp = [.. Layers("ffn_gate", C * F), .. Layers("ffn_down", F * C),
            .. Layers("ffn_up", C * F)];
        IEnumerable<(string, int)> head = shared ? [] : [("output.weight", v * C)];
        return versioned
            ? [.. norms.SelectMany(n => Layers(n, C)), ("output_norm.weight", C), ("token_embd.weight", v * C),
                .. attention, .. mlp, .. head]
            : [("token_embd.weight", v * C), .. Layers(norms[0], C), .. attention, .. Layers(norms[1], C), .. mlp,
                ("output_norm.weight", C), ("", T * D), .. head];
    }

    private static byte[] Model(bool versioned, bool shared, int v = V)
    {
        var values = Order(versioned, shared, v).Sum(t => t.Values);
        var head = versioned ? 256 : 28;
        var bytes = new byte[head + values * 4];
        var at = 0;
        if (versioned)
        {
            "24ka"u8.CopyTo(bytes); // 'ak42' as a little-endian number
            bytes[4] = 1;
            bytes[8 + 28] = shared ? (byte)1 : (byte)0;
            at = 8;
        }

        foreach (var field in (int[])[C, F, L, H, K, !versioned && !shared ? -v : v, T])
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), field);
            at += 4;
        }

        for (var i = 0; i < values; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(head + i * 4), i);
        return bytes;
    }

    [Theory]
    [InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Tensors_lie_in_the_order_that_run_c_reads(bool versioned, bool shared)
    {
        using var gguf = Gguf.Open(_folder.Put("m.bin", Model(versioned, shared)));
        var at = 0;
        foreach (var (name, values) in Order(versioned, shared))
        {
            if (name.Length > 0)
            {
                var y = new float[values];
                gguf.ReadFloats(gguf.Tensor(name), y);
                Assert.Equal(Enumerable.Range(at, values).Select(i => (float)i), y);
            }

            at += values;
        }

        Assert.Equal(Order(versioned, shared).Count(t => t.Name.Length > 0), gguf.Tensors.Count);
        Assert.Equal([F, C], gguf.Tensor("blk.1.ffn_down.weight").Shape);
        Assert.Equal([C, K * D], gguf.Tensor("blk.0.attn_k.weight").Shape);
        Assert.Equal("llama", gguf.GetString("general.architecture"));
        Assert.Equal((uint)K, gguf.GetUInt("llama.attention.head_count_kv"));
        Assert.Equal((uint)T, gguf.GetUInt("llama.context_length"));
        Assert.Equal("no_vocab", gguf.GetString("tokenizer.ggml.model"));
    }

    [Fact]
    public void The_stories_model_writes_the_ids_of_the_reference_from_both_containers()
    {
        var path = GoldenFile.PathOrSkip("data/models/stories260K.bin");
        using (var gguf = Gguf.Open(path))
            GgufConversion.Write(gguf, _folder["s.gguf"]);
        using var pool = new WorkerPool(2);
        using ModelFile model = ModelFile.Open(path), copy = ModelFile.Open(_folder["s.gguf"]);
        Assert.Equal((64, 5, 8, 4, 512), (model.Config.Width, model.Config.Layers, model.Config.Heads,
            model.Config.KvHeads, model.Config.Vocabulary));
        using Session session = new(model.Weights, pool), other = new(copy.Weights, pool);

        // The argmax after token 1, on and on: what the arithmetic of run.c gives in float64, and llama.cpp 0.5.0 on
        // the converted file.
        int[] expected = [461, 461, 401, 401, 401, 461, 378, 455, 473, 456, 435, 299, 362, 409, 283, 264, 283, 452, 288,
            13, 431, 431, 431, 431];
        var token = 1;
        foreach (var next in expected)
        {
            var logits = session.Feed([token]);
            Assert.Equal(logits, other.Feed([token]));
            token = 0;
            for (var v = 1; v < logits.Length; v++)
                if (logits[v] > logits[token])
                    token = v;
            Assert.Equal(next, token);
        }
    }

    [Fact]
    public void A_tokenizer_beside_it_becomes_the_vocabulary()
    {
        const int v = 262; // three beyond unk, bos, eos and the bytes
        var tokens = new MemoryStream();
        tokens.Write([9, 0, 0, 0]);
        for (var id = 0; id < v; id++)
        {
            var text = Encoding.UTF8.GetBytes(id == 261 ? " é" : $"t{id}");
            tokens.Write(BitConverter.GetBytes(-(float)id));
            tokens.Write(BitConverter.GetBytes(text.Length));
            tokens.Write(text);
        }

        _folder.Put("tokenizer.bin", tokens.ToArray());
        using (var gguf = Gguf.Open(_folder.Put("m.bin", Model(versioned: false, shared: true, v))))
        {
            Assert.Equal("llama", gguf.GetString("tokenizer.ggml.model"));
            var texts = gguf.GetStrings("tokenizer.ggml.tokens");
            Assert.Equal(["<unk>", "<s>", "</s>", "<0x00>"], texts[..4]);
            Assert.Equal(["<0xFF>", "t259", "t260", "▁é"], texts[258..]);
            Assert.Equal([2, 3, 3, 6], gguf.GetInts("tokenizer.ggml.token_type")[..4]);
            Assert.Equal([6, 1], gguf.GetInts("tokenizer.ggml.token_type")[258..260]);
            Assert.Equal(-10, gguf.GetFloats("tokenizer.ggml.scores")[10]);
        }

        foreach (var cut in (int[])[1, 20, tokens.ToArray().Length - 1])
        {
            _folder.Put("tokenizer.bin", tokens.ToArray().AsSpan(0, cut));
            Assert.Contains("tokenizer.bin: ",
                Assert.Throws<InvalidDataException>(() => Gguf.Open(_folder["m.bin"])).Message);
        }
    }

    [Fact]
    public void Other_lengths_and_sizes_are_refused()
    {
        foreach (var versioned in (bool[])[false, true])
        {
            var model = Model(versioned, shared: true);
            foreach (var length in (int[])[1, 3, 27, 28, 255, model.Length - 4, model.Length - 1])
                Refused(model.AsSpan(0, length));
            Refused([.. model, 0, 0, 0, 0]);
            for (var field = 0; field < 7; field++)
                foreach (var value in (int[])[0, -1, 1 << 30, int.MinValue, int.MaxValue])
                {
                    var bytes = (byte[])model.Clone();
                    BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan((versioned ? 8 : 0) + field * 4), value);
                    Refused(bytes);
                }
        }

        void Refused(ReadOnlySpan<byte> bytes)
        {
            var path = _folder.Put("bad.bin", bytes);
            Assert.Contains("is neither a GGUF file nor a llama2.c model",
                Assert.Throws<InvalidDataException>(() => Gguf.Open(path)).Message);
        }
    }

    [Fact]
    public void Thousands_of_damaged_files_bring_nothing_but_refusals() => Flip(2_000, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void A_hundred_thousand_damaged_files_bring_nothing_but_refusals() => Flip(100_000, seed: 2);

    // The head of the model, since any bytes are weights, and its vocabulary, of which any byte matters.
    private void Flip(int rounds, int seed)
    {
        const int v = 262;
        var random = new Random(seed);
        byte[][] models = [Model(false, true, v), Model(false, false, v), Model(true, true, v), Model(true, false, v)];
        var tokens = new MemoryStream();
        tokens.Write([9, 0, 0, 0]);
        for (var id = 0; id < v; id++)
        {
            tokens.Write(BitConverter.GetBytes(-(float)id));
            tokens.Write(BitConverter.GetBytes(3));
            tokens.Write(Encoding.UTF8.GetBytes($"{id:000}"));
        }

        var path = _folder["victim.bin"];
        var opened = 0;
        for (var round = 0; round < rounds; round++)
        {
            byte[] model = [.. models[random.Next(models.Length)]], vocabulary = tokens.ToArray();
            if (random.Next(2) == 0)
                Damage(random, vocabulary, vocabulary.Length);
            else
                Damage(random, model, 64);
            if (random.Next(8) == 0)
                vocabulary = vocabulary[..random.Next(1, vocabulary.Length)];
            File.WriteAllBytes(path, model);
            File.WriteAllBytes(_folder["tokenizer.bin"], vocabulary);
            opened += Opens(path, model.Length + vocabulary.Length) ? 1 : 0;
        }

        Assert.InRange(opened, rounds / 50, rounds * 49 / 50);
    }

    private static void Damage(Random random, byte[] bytes, int within)
    {
        for (var flips = random.Next(1, 4); flips > 0; flips--)
            bytes[random.Next(within)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(random.Next(2) * 255);
    }

    private static bool Opens(string path, int bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using var gguf = Gguf.Open(path);
            foreach (var tensor in gguf.Tensors)
                Assert.Equal(tensor.Bytes, gguf.Bytes(tensor).Length);
            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.StartsWith(Path.GetDirectoryName(path)!, e.Message);
            Assert.DoesNotContain('\n', e.Message);
            return false;
        }
        finally
        {
            // 100 bytes of objects for each byte of the files, and 64 kB for streams, mappings and messages.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (64 << 10) + 100L * bytes);
        }
    }
}
