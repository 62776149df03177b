using System.Text.Json;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

public sealed class Llama2CWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);

    public void Dispose()
    {
        _folder.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public void The_stories_model_goes_through_GGUF_and_comes_back_as_it_was()
    {
        var path = GoldenFile.PathOrSkip("data/models/stories260K.bin");
        using (var gguf = Gguf.Open(path))
            GgufConversion.Write(gguf, _folder["s.gguf"]);
        using (var gguf = Gguf.Open(_folder["s.gguf"]))
            Assert.Equal([_folder["s.bin"]], Llama2CWriter.Write(gguf, _folder["s.bin"], threads: 2));

        byte[] original = File.ReadAllBytes(path), back = File.ReadAllBytes(_folder["s.bin"]);
        Assert.Equal(original.Length, back.Length);
        // Between the last norm and the end (the classifier is shared) lie 512 x 8 values of RoPE's tables, which
        // torch computed with float32 angles: an angle of 511 is off by up to 511·ε/2, and its cosine with it.
        const int tables = 512 * 8;
        Assert.Equal(original[..^(tables * 4)], back[..^(tables * 4)]);
        for (var i = 0; i < tables; i++)
            Assert.Equal(Float(original, i), Float(back, i), 512 * Check.Eps);

        static float Float(byte[] file, int i) => BitConverter.ToSingle(file, file.Length - ((tables - i) * 4));
    }

    [Fact]
    public void Every_golden_model_gives_the_same_logits_as_a_bin_file_or_is_refused_by_what_it_has()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(
            GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")));
        var written = new List<string>();
        var refused = new Dictionary<string, string>();
        foreach (var entry in index.RootElement.EnumerateArray())
        {
            var name = entry.GetProperty("name").GetString()!;
            var path = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
            try
            {
                using var gguf = Gguf.Open(path);
                Llama2CWriter.Write(gguf, _folder["m.bin"], threads: 2);
                written.Add(name);
            }
            catch (InvalidDataException e) when (e.Message.StartsWith($"{path}: has "))
            {
                refused.Add(name, e.Message.Split(": has ")[1].Split(", which")[0]);
                continue;
            }

            // The same values in the same order of sums where the types are the same; a .bin file is float32.
            using (var gguf = Gguf.Open(path))
                GgufConversion.Write(gguf, _folder["m.gguf"], QuantMix.Named("f32"), threads: 2);
            var ids = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors").Ints("prompt_tokens");
            Assert.Equal(Logits(_folder["m.gguf"], ids), Logits(_folder["m.bin"], ids));
        }

        Assert.Equal(index.RootElement.GetArrayLength(), written.Count + refused.Count);
        Assert.Contains("llama-gqa", written);
        Assert.Contains("llama-q8_0", written); // the values that it stands for
        Assert.Equal("architecture qwen3", refused["qwen3"]);
        Assert.Equal("a RoPE base of 500000", refused["llama3-ropefreqs"]);
        Assert.Equal("scaled RoPE", refused["llama-rope-yarn"]);
        Assert.Contains("experts", refused["llama-moe-mixtral"]);
        Assert.DoesNotContain("llama-bias-headdim", written);
    }

    [Fact]
    public void A_plain_vocabulary_lies_beside_the_model_and_any_other_nowhere()
    {
        var tokens = Enumerable.Range(0, 270).Select(id => id < 259 ? Llama2C.Fixed(id) : ($"▁w{id}é", 1)).ToArray();
        WriteModel(tokens);
        using (var gguf = Gguf.Open(_folder["m.gguf"]))
            Assert.Equal([_folder["m.bin"], _folder["tokenizer.bin"]], Llama2CWriter.Write(gguf, _folder["m.bin"]));
        using (Gguf gguf = Gguf.Open(_folder["m.gguf"]), back = Gguf.Open(_folder["m.bin"]))
        {
            foreach (var key in (string[])["tokens"])
                Assert.Equal(gguf.GetStrings($"tokenizer.ggml.{key}"), back.GetStrings($"tokenizer.ggml.{key}"));
            Assert.Equal(gguf.GetFloats("tokenizer.ggml.scores"), back.GetFloats("tokenizer.ggml.scores"));
            Assert.Equal(gguf.GetInts("tokenizer.ggml.token_type"), back.GetInts("tokenizer.ggml.token_type"));
            Assert.Equal(Tokenizer.Read(gguf)!.Encode(" w261é x", addSpecial: true),
                Tokenizer.Read(back)!.Encode(" w261é x", addSpecial: true));
        }

        // A control token among the words is something that tokenizer.bin cannot say.
        tokens[265].Item2 = 3;
        WriteModel(tokens);
        using (var gguf = Gguf.Open(_folder["m.gguf"]))
        {
            Assert.Contains("would be taken for its vocabulary", Assert.Throws<InvalidDataException>(
                () => Llama2CWriter.Write(gguf, _folder["m.bin"])).Message);
            File.Delete(_folder["tokenizer.bin"]);
            Assert.Equal([_folder["m.bin"]], Llama2CWriter.Write(gguf, _folder["m.bin"]));
        }
    }

    [Fact]
    public void What_run_c_has_built_in_is_not_to_be_changed()
    {
        var tokens = Enumerable.Range(0, 259).Select(Llama2C.Fixed).ToArray();
        Refused("a RoPE base of 500000", ropeTheta: 500_000);
        Refused("a norm epsilon of 1E-06", epsilon: 1e-6f);
        Refused("tensor rope_freqs.weight", factors: true);

        void Refused(string says, float ropeTheta = 10_000, float epsilon = 1e-5f, bool factors = false)
        {
            WriteModel(tokens, ropeTheta, epsilon, factors);
            using var gguf = Gguf.Open(_folder["m.gguf"]);
            Assert.Contains($"has {says}, which llama2.c does not compute",
                Assert.Throws<InvalidDataException>(() => Llama2CWriter.Write(gguf, _folder["m.bin"])).Message);
            Assert.False(File.Exists(_folder["m.bin"]));
        }
    }

    private void WriteModel((string Text, int Type)[] tokens, float ropeTheta = 10_000, float epsilon = 1e-5f,
        bool factors = false)
    {
        var config = TinyModel.Config(Architecture.Llama) with
        {
            Vocabulary = tokens.Length,
            RopeTheta = ropeTheta,
            NormEpsilon = epsilon,
        };
        config = config with { HeadDim = config.Width / config.Heads };
        using var weights = TinyModel.Weights(config);
        var writer = ModelFile.Writer(weights, null, DType.F32, "tiny");
        if (factors)
            writer.AddTensor("rope_freqs.weight", [config.HeadDim / 2], DType.F32, (_, values) => values.Fill(2));
        writer
            .AddString("tokenizer.ggml.model", "llama")
            .AddStrings("tokenizer.ggml.tokens", [.. tokens.Select(t => t.Text)])
            .AddFloats("tokenizer.ggml.scores", [.. tokens.Select((_, id) => -0.5f * id)])
            .AddInts("tokenizer.ggml.token_type", [.. tokens.Select(t => t.Type)])
            .AddUInt("tokenizer.ggml.bos_token_id", 1)
            .AddUInt("tokenizer.ggml.eos_token_id", 2)
            .Write(_folder["m.gguf"]);
    }

    private float[] Logits(string path, int[] ids)
    {
        using var model = ModelFile.Open(path);
        using var session = new Session(model.Weights, _pool);
        var logits = new float[ids.Length * model.Config.Vocabulary];
        session.FeedEvery(ids, logits);
        return logits;
    }
}
