using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

public sealed class GgufTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-gguf-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public void Files_that_ggml_refuses_are_refused_and_its_valid_ones_open()
    {
        var folder = GoldenFile.PathOrSkip("golden/llamacpp/gguf");
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "index.json")));
        // Odd, not damaged: ggml takes them, and so do we. The other odd ones (an endless key, a nameless tensor) we
        // refuse.
        string[] odd = ["name-63-bytes", "dims-0", "dim-zero-size", "alignment-8", "alignment-1",
            "invalid-utf8-string", "nul-in-string", "key-with-space"];
        foreach (var entry in index.RootElement.GetProperty("cases").EnumerateArray())
        {
            var name = Path.GetFileName(entry.GetProperty("file").GetString()!);
            var path = Path.Combine(folder, name);
            if (name.StartsWith("valid-", StringComparison.Ordinal) ||
                odd.Contains(Path.GetFileNameWithoutExtension(name)))
                Gguf.Open(path).Dispose();
            else
                Assert.Contains(name, Assert.Throws<InvalidDataException>(() => Gguf.Open(path)).Message);
        }
    }

    [Fact]
    public void Every_type_of_value_and_tensor_reads_as_written()
    {
        var folder = GoldenFile.PathOrSkip("golden/llamacpp/gguf");
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "index.json")));
        var expected = index.RootElement.GetProperty("expected_valid_all_types");
        foreach (var file in (string[])["valid-all-types.gguf", "valid-v2.gguf"])
        {
            using var gguf = Gguf.Open(Path.Combine(folder, file));
            var pairs = expected.GetProperty("kv").EnumerateArray().ToArray();
            Assert.Equal(pairs.Length, gguf.Metadata.Count);
            for (var i = 0; i < pairs.Length; i++)
            {
                var (key, value) = gguf.Metadata[i];
                Assert.Equal(pairs[i].GetProperty("key").GetString(), key);
                Assert.Equal(pairs[i].GetProperty("type").GetString(), GgufValue.NameOf(value.Type));
                var json = pairs[i].GetProperty("value");
                if (value.Type == GgufType.Array)
                    Assert.Equal(json.GetProperty("elem").GetString(), GgufValue.NameOf(value.Item));
                var items = value.Type == GgufType.Array
                    ? json.GetProperty("items").EnumerateArray().ToArray() : [json];
                Assert.Equal(items.Select(x => Plain(x, value.Item)), gguf.Items(value));
            }

            var tensors = expected.GetProperty("tensors").EnumerateArray().ToArray();
            Assert.Equal(tensors.Length, gguf.Tensors.Count);
            for (var i = 0; i < tensors.Length; i++)
            {
                var tensor = gguf.Tensors[i];
                Assert.Equal(tensors[i].GetProperty("name").GetString(), tensor.Name);
                Assert.Equal(tensors[i].GetProperty("ne").EnumerateArray().Select(n => n.GetInt64()), tensor.Shape);
                Assert.Equal(tensors[i].GetProperty("ggml_type").GetInt32(), (int)tensor.DType);
                Assert.Equal(tensors[i].GetProperty("offset").GetInt64(), tensor.Offset - gguf.DataOffset);
                Assert.Equal(tensors[i].GetProperty("nbytes").GetInt64(), tensor.Bytes);
                var y = new float[tensor.Elements];
                gguf.ReadFloats(tensor, y);
                Assert.Equal(tensors[i].GetProperty("f32").EnumerateArray().Select(v => v.GetSingle()), y);
            }
        }

        static object Plain(JsonElement x, GgufType type) => type switch
        {
            GgufType.String => x.GetString()!,
            GgufType.Bool => x.GetBoolean(),
            GgufType.F32 => x.GetSingle(),
            GgufType.F64 => x.GetDouble(),
            GgufType.U64 => x.GetUInt64(),
            _ => x.GetInt64(),
        };
    }

    [Fact]
    public void Every_golden_model_and_vocabulary_opens()
    {
        var files = Directory.GetFiles(GoldenFile.PathOrSkip("golden/llamacpp/models"), "*.gguf")
            .Concat(Directory.GetFiles(GoldenFile.PathOrSkip("golden/llamacpp/embedding"), "*.gguf"))
            .Concat(Directory.GetFiles(GoldenFile.PathOrSkip("golden/llamacpp/tokenizer/vocabs"), "*.gguf"))
            .Concat(Directory.GetFiles(GoldenFile.PathOrSkip("data/tokenizers/ggml-vocab"), "*.gguf")).ToArray();
        Assert.True(files.Length > 50, $"only {files.Length} files found");
        foreach (var file in files)
        {
            using var gguf = Gguf.Open(file);
            Assert.NotEmpty(gguf.GetString("general.architecture"));
            if (gguf.TryGetStrings("tokenizer.ggml.tokens", out var tokens) &&
                gguf.TryGetInts("tokenizer.ggml.token_type", out var types))
                Assert.Equal(tokens.Length, types.Length);
            foreach (var tensor in gguf.Tensors.Where(t => t.DType.CanDecode()))
                gguf.ReadFloats(tensor, new float[tensor.Elements]);
        }
    }

    [Theory]
    [InlineData("valid-all-types"), InlineData("valid-align64"), InlineData("valid-no-tensors")]
    [InlineData("valid-no-kv"), InlineData("valid-4d"), InlineData("alignment-1"), InlineData("dims-0")]
    public void A_copy_of_a_file_is_the_same_file_byte_for_byte(string name)
    {
        var path = GoldenFile.PathOrSkip($"golden/llamacpp/gguf/{name}.gguf");
        using (var gguf = Gguf.Open(path))
            CopyOf(gguf).Write(At("copy.gguf"));

        using var old = Gguf.Open(path);
        using var copy = Gguf.Open(At("copy.gguf"));
        if (old.Tensors.Any(t => t.DType.IsQuantised()) && !old.Has("general.quantization_version"))
        {
            // The writer adds what llama.cpp asks of quantised files, so the heads differ by that pair alone.
            string[] keys = [.. old.Metadata.Select(p => p.Key), "general.quantization_version"];
            Assert.Equal(keys, copy.Metadata.Select(p => p.Key));
            Assert.Equal(2u, copy.GetUInt("general.quantization_version"));
            Assert.Equal(old.Alignment, copy.Alignment);
            Assert.Equal(old.RawBytes(old.DataOffset, (int)(old.Length - old.DataOffset)),
                copy.RawBytes(copy.DataOffset, (int)(copy.Length - copy.DataOffset)));
        }
        else
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(copy.Path));
    }

    [Fact]
    public void Copies_of_golden_models_are_the_same_byte_for_byte()
    {
        foreach (var name in (string[])["qwen3", "llama-f16", "llama-bf16", "llama-q8_0", "llama-mixed-all"])
        {
            var path = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
            using (var gguf = Gguf.Open(path))
                CopyOf(gguf).Write(At("copy.gguf"));
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(At("copy.gguf")));
        }
    }

    private static GgufWriter CopyOf(Gguf gguf)
    {
        var writer = new GgufWriter();
        foreach (var (key, _) in gguf.Metadata)
            writer.AddCopy(gguf, key);
        foreach (var tensor in gguf.Tensors)
            writer.AddCopy(gguf, tensor);
        return writer;
    }

    [Fact]
    public void Written_values_and_tensors_come_back()
    {
        // 65,537 rows of 32: beyond one part of the streaming source, with a short last part.
        const int rows = 65_537, width = 32;
        float[] small = Sample.Normal(3 * 64, seed: 1), halves = [1, -2, 0.5f, 65504, 3, 4, 5];
        new GgufWriter()
            .AddString("general.architecture", "qwen3").AddString("s.empty", "").AddString("s.text", "naïve 😀\n")
            .AddUInt("n.u", uint.MaxValue).AddULong("n.ul", ulong.MaxValue).AddInt("n.i", -7)
            .AddFloat("n.f", 1e-6f).AddBool("b.yes", true).AddBool("b.no", false)
            .AddStrings("a.s", ["x", "", "é"]).AddInts("a.i", [int.MinValue, 0, int.MaxValue]).AddFloats("a.f", [])
            .AddTensor("a.weight", [64, 3], DType.F32, small)
            .AddTensor("h.weight", [7], DType.F16, halves)
            .AddTensor("b.weight", [7], DType.BF16, [1, -2, 0.5f, 128, 3, 4, 5])
            .AddTensor("q.weight", [width, rows], DType.Q8_0, (first, values) =>
            {
                for (var i = 0; i < values.Length; i++)
                    values[i] = (first + i) / width % 2 == 0 ? 127 : -127; // exact in Q8_0
            })
            .Write(At("made.gguf"));

        using var gguf = Gguf.Open(At("made.gguf"));
        Assert.Equal(3u, gguf.Version);
        Assert.Equal("qwen3", gguf.GetString("general.architecture"));
        Assert.Equal("", gguf.GetString("s.empty"));
        Assert.Equal("naïve 😀\n", gguf.GetString("s.text"));
        Assert.Equal(uint.MaxValue, gguf.GetUInt("n.u"));
        Assert.Equal(1e-6f, gguf.GetFloat("n.f"));
        Assert.True(gguf.GetBool("b.yes"));
        Assert.False(gguf.GetBool("b.no"));
        Assert.Equal(["x", "", "é"], gguf.GetStrings("a.s"));
        Assert.Equal([int.MinValue, 0, int.MaxValue], gguf.GetInts("a.i"));
        Assert.Empty(gguf.GetFloats("a.f"));
        Assert.Equal(small, Floats(gguf, "a.weight"));
        Assert.Equal(halves, Floats(gguf, "h.weight"));
        Assert.Equal([1, -2, 0.5f, 128, 3, 4, 5], Floats(gguf, "b.weight"));
        var q = Floats(gguf, "q.weight");
        for (var i = 0; i < q.Length; i++)
            Assert.Equal(i / width % 2 == 0 ? 127 : -127, q[i]);
        Assert.All(gguf.Tensors, t => Assert.Equal(0, t.Offset % 32));
        Assert.Equal(0, gguf.Length % 32);
        Assert.Equal([gguf.Path], Directory.GetFiles(_folder));
    }

    private static float[] Floats(Gguf gguf, string name)
    {
        var y = new float[gguf.Tensor(name).Elements];
        gguf.ReadFloats(gguf.Tensor(name), y);
        return y;
    }

    [Fact]
    public void A_missing_key_a_wrong_type_and_a_count_out_of_range_name_file_and_key()
    {
        new GgufWriter().AddString("s", "x").AddInt("i", -1).AddULong("ul", 1UL << 40).AddInts("ints", [1])
            .Write(At("m.gguf"));
        using var gguf = Gguf.Open(At("m.gguf"));
        Message("m.gguf: key nope is missing", () => gguf.GetString("nope"));
        Message("m.gguf: key s has type string, expected u32", () => gguf.GetUInt("s"));
        Message("m.gguf: key ints has type array of i32, expected string", () => gguf.GetString("ints"));
        Message("m.gguf: key ints has type array of i32, expected array of string",
            () => gguf.TryGetStrings("ints", out _));
        Message("m.gguf: key i is -1, expected 0 to", () => gguf.GetUInt("i"));
        Message("m.gguf: key ul is 1099511627776, expected 0 to", () => gguf.GetUInt("ul"));
        Message("m.gguf: tensor t is missing", () => gguf.Tensor("t"));
        Assert.False(gguf.TryGetUInt("nope", out _));
        Assert.False(gguf.TryGetFloats("nope", out _));

        static void Message(string expected, Action act) =>
            Assert.Contains(expected, Assert.Throws<InvalidDataException>(act).Message);
    }

    [Fact]
    public void A_type_that_is_only_listed_is_refused_with_its_name()
    {
        // Nobody here writes IQ2_S, so a Q2_K tensor is relabelled: its blocks have two bytes more, which become
        // padding.
        new GgufWriter().AddTensor("odd.weight", [256], DType.Q2_K, new float[256]).Write(At("odd.gguf"));
        var bytes = File.ReadAllBytes(At("odd.gguf"));
        var name = "odd.weight"u8;
        const int countAndLength = 4 + 8;
        bytes[bytes.AsSpan().IndexOf(name) + name.Length + countAndLength] = (byte)DType.IQ2_S;
        File.WriteAllBytes(At("odd.gguf"), bytes);

        using var gguf = Gguf.Open(At("odd.gguf"));
        var message = Assert.Throws<InvalidDataException>(
            () => gguf.ReadFloats(gguf.Tensor("odd.weight"), new float[256])).Message;
        Assert.StartsWith(At("odd.gguf") + ": tensor odd.weight is stored as IQ2_S, ", message);
        Assert.Contains("Q2_K", message);
    }

    [Fact]
    public void The_writer_refuses_what_no_reader_would_take()
    {
        var writer = new GgufWriter().AddString("k", "v").AddTensor("t", [32], DType.F32, new float[32]);
        Assert.Throws<ArgumentException>(() => writer.AddUInt("k", 1));
        Assert.Throws<ArgumentException>(() => writer.AddUInt("general.alignment", 24));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("t", [32], DType.F32, new float[32]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor(new string('n', 64), [32], DType.F32, new float[32]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", [31], DType.Q8_0, new float[31]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", [32, 2], DType.F32, new float[32]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", [1, 1, 1, 1, 1], DType.F32, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.AddUInt("n", -1));
        Assert.Throws<NotSupportedException>(() => writer.AddTensor("u", [256], DType.IQ2_S, new float[256]));
    }
}
