using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

/// <summary>
/// GGUF to folder to GGUF and once more: every golden model that is not quantised comes back with the same bits and
/// the same numbers, and the second folder holds the same files as the first.
/// </summary>
public sealed class HuggingFaceRoundTripTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static IEnumerable<TheoryDataRow<string>> Models() =>
    [
        "gemma", "gemma2", "gemma3", "gemma3-rope-linear", "gpt2", "llama-bf16", "llama-bias-headdim", "llama-f16",
        "llama-gqa", "llama-moe-mixtral", "llama-rope-linear", "llama-rope-yarn", "llama-tied-spm", "llama3-ropefreqs",
        "mistral-sliding", "olmo2", "phi3", "phi3-longrope", "phi3-shortrope", "qwen2", "qwen2-tied", "qwen3",
        "qwen3-tied", "qwen3moe", "smollm3", "starcoder2",
    ];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_that_went_through_a_folder_is_the_same_model(string name)
    {
        using var model = Gguf.Open(Golden(name));
        HuggingFaceWriter.Write(model, _folder["one"]);
        using var back = Gguf.Open(_folder["one"]);

        Assert.Equal(Words(model), Words(back));
        Assert.Equal(model.Tensors.Select(t => t.Name).Order(), back.Tensors.Select(t => t.Name).Order());
        foreach (var tensor in model.Tensors)
        {
            var twin = back.Tensor(tensor.Name);
            Assert.Equal(tensor.Shape, twin.Shape);
            Assert.Equal(tensor.DType, twin.DType);
            Assert.True(model.Bytes(tensor).SequenceEqual(back.Bytes(twin)), tensor.Name);
        }

        // As a file it is what the original is, but for the order of tensors and what only the tokenizer's files hold.
        GgufConversion.Write(back, _folder["back.gguf"], threads: 2);
        using var copy = Gguf.Open(_folder["back.gguf"]);
        foreach (var tensor in model.Tensors)
            Assert.True(model.Bytes(tensor).SequenceEqual(copy.Bytes(copy.Tensor(tensor.Name))), tensor.Name);

        SameTokens(model, copy);

        HuggingFaceWriter.Write(copy, _folder["two"]);
        foreach (var file in Directory.GetFiles(_folder["one"]))
            if (Path.GetFileName(file) == "model.safetensors")
                SameTensors(file, Path.Combine(_folder["two"], "model.safetensors"));
            else
                Assert.Equal(File.ReadAllText(file),
                    File.ReadAllText(Path.Combine(_folder["two"], Path.GetFileName(file))));
    }

    [Fact]
    public void Every_golden_model_is_among_those_or_refused_by_name()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(
            GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")));
        var tried = Models().Select(row => row.Data).ToHashSet();
        foreach (var entry in index.RootElement.EnumerateArray())
        {
            var name = entry.GetProperty("name").GetString()!;
            using var model = Gguf.Open(Golden(name));
            if (tried.Contains(name))
                continue;
            if (entry.GetProperty("arch").GetString() is "stablelm")
                Assert.Contains("architecture 'stablelm' cannot be written as a Hugging Face folder; known are llama,",
                    Assert.Throws<InvalidDataException>(() => HuggingFaceWriter.Write(model, _folder["x"])).Message);
            else
                Assert.Contains(model.Tensors, t => t.DType.IsQuantised());
        }
    }

    [Fact]
    public void A_quantised_model_becomes_a_folder_of_the_values_it_stands_for()
    {
        using var model = Gguf.Open(Golden("llama-q8_0"));
        HuggingFaceWriter.Write(model, _folder["f32"]);
        using var back = Gguf.Open(_folder["f32"]);
        foreach (var tensor in model.Tensors)
            Assert.Equal(Floats(model, tensor.Name), Floats(back, tensor.Name));
    }

    [Theory]
    [InlineData("bf16", DType.BF16), InlineData("f16", DType.F16)]
    public void Another_type_is_what_rounding_each_value_gives(string name, DType type)
    {
        using var model = Gguf.Open(Golden("llama-gqa"));
        HuggingFaceWriter.Write(model, _folder[name], type, threads: 2);
        using var back = Gguf.Open(_folder[name]);
        foreach (var tensor in model.Tensors)
        {
            var expected = Floats(model, tensor.Name);
            if (tensor.Shape.Count > 1)
            {
                var bytes = new byte[type.BytesOf(expected.Length)];
                Blocks.Encode(bytes, expected, type);
                Blocks.Decode(expected, bytes, type);
                Assert.Equal(type, back.Tensor(tensor.Name).DType);
            }

            Assert.Equal(expected, Floats(back, tensor.Name)); // norms keep their float32
        }
    }

    [Fact]
    public void Shards_and_their_index_hold_what_one_file_holds()
    {
        using var model = Gguf.Open(Golden("qwen3moe"));
        HuggingFaceWriter.Write(model, _folder["one"]);
        HuggingFaceWriter.Write(model, _folder["many"], shardBytes: 50_000);
        Assert.True(Directory.GetFiles(_folder["many"], "model-0*-of-0*.safetensors").Length > 3);
        Assert.True(File.Exists(_folder["many/model.safetensors.index.json"]));
        using var back = Gguf.Open(_folder["many"]);
        foreach (var tensor in model.Tensors)
            Assert.True(model.Bytes(tensor).SequenceEqual(back.Bytes(back.Tensor(tensor.Name))), tensor.Name);

        // A smaller model over a larger one leaves no shard of it behind.
        HuggingFaceWriter.Write(model, _folder["many"]);
        Assert.Equal(Directory.GetFiles(_folder["one"]).Select(Path.GetFileName).Order(),
            Directory.GetFiles(_folder["many"]).Select(Path.GetFileName).Order());
    }

    // One of each way in which the two layouts differ: pairs, transposition, experts, sums, factors.
    [Theory]
    [InlineData("llama-bias-headdim"), InlineData("gpt2"), InlineData("qwen3moe"), InlineData("gemma3")]
    [InlineData("phi3-longrope"), InlineData("smollm3"), InlineData("llama-rope-yarn"), InlineData("llama-bf16")]
    public void A_folder_gives_the_logits_of_its_GGUF_bit_for_bit(string name)
    {
        using (var gguf = Gguf.Open(Golden(name)))
            HuggingFaceWriter.Write(gguf, _folder["m"]);
        var tokens = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors").Ints("prompt_tokens");
        using var pool = new WorkerPool(2);
        Assert.Equal(Logits(WithoutTokenizer(name)), Logits(_folder["m"]));

        float[] Logits(string path)
        {
            using var model = ModelFile.Open(path);
            using var session = new Session(model.Weights, pool);
            var logits = new float[tokens.Length * model.Config.Vocabulary];
            session.FeedEvery(tokens, logits);
            return logits;
        }
    }

    private string WithoutTokenizer(string name)
    {
        using var gguf = Gguf.Open(Golden(name));
        var writer = new GgufWriter();
        foreach (var (key, _) in gguf.Metadata.Where(p => !p.Key.StartsWith("tokenizer.")))
            writer.AddCopy(gguf, key);
        foreach (var tensor in gguf.Tensors)
            writer.AddCopy(gguf, tensor);
        writer.Write(_folder["m.gguf"]);
        return _folder["m.gguf"];
    }

    // The vocabulary word by word, and the ids and texts that it makes of what is hard to cut and to spell.
    private static void SameTokens(Gguf model, Gguf copy)
    {
        Tokenizer one = Tokenizer.Read(model)!, two = Tokenizer.Read(copy)!;
        Assert.Equal((one.Kind, one.Pre, one.Bos, one.Eos), (two.Kind, two.Pre, two.Bos, two.Eos));
        Assert.Equal(one.Vocabulary.Tokens, two.Vocabulary.Tokens);
        Assert.Equal(one.Vocabulary.Types, two.Vocabulary.Types);
        Assert.Equal(one.Vocabulary.Scores, two.Vocabulary.Scores);
        Assert.Equal(one.Vocabulary.Merges, two.Vocabulary.Merges);
        Assert.Equal(one.EndOfGeneration.Order(), two.EndOfGeneration.Order());
        string[] texts =
        [
            "", " ", "The fox's 1234567 wolves,\r\n\n  they'LL  say:\t\"no\".", "naïve ŒUVRE ß ﬁ", "日本語、漢字",
            "👩‍👩‍👧‍👦 🏳️‍🌈", "e\u0301 \u00a0\u3000\ufeff", "a\0b", string.Concat(one.Tokens.Take(60)),
            string.Concat(one.Tokens.TakeLast(60)),
        ];
        foreach (var text in texts)
            for (var special = 0; special < 4; special++)
            {
                var ids = one.Encode(text, addSpecial: special > 1, parseSpecial: special % 2 == 1);
                Assert.Equal(ids, two.Encode(text, addSpecial: special > 1, parseSpecial: special % 2 == 1));
                Assert.Equal(one.Detokenize(ids), two.Detokenize(ids));
            }
    }

    // Keys of the architecture and their values, as text.
    private static IEnumerable<string> Words(Gguf gguf)
    {
        var a = gguf.GetString("general.architecture");
        return gguf.Metadata.Where(p => p.Key.StartsWith(a + '.') || p.Key is "general.architecture" or
                "general.file_type" or "tokenizer.ggml.bos_token_id" or "tokenizer.ggml.eos_token_id")
            .Select(p => $"{p.Key} {p.Value.TypeName} {string.Join(',', gguf.Items(p.Value))}").Order();
    }

    private static void SameTensors(string one, string two)
    {
        using Safetensors first = Safetensors.Open(one), second = Safetensors.Open(two);
        Assert.Equal(first.Tensors.Count, second.Tensors.Count);
        foreach (var tensor in first.Tensors)
        {
            var twin = second.Tensor(tensor.Name);
            Assert.Equal((tensor.Type, tensor.Bytes), (twin.Type, twin.Bytes));
            Assert.Equal(tensor.Shape, twin.Shape);
            Assert.True(first.Bytes(tensor).SequenceEqual(second.Bytes(twin)), tensor.Name);
        }
    }

    private static float[] Floats(Gguf gguf, string name)
    {
        var y = new float[gguf.Tensor(name).Elements];
        gguf.ReadFloats(gguf.Tensor(name), y);
        return y;
    }

    private static string Golden(string name) => GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
}
