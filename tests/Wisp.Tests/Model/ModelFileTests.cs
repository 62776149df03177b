using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

public sealed class ModelFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("qwen3", true), InlineData("qwen3", false), InlineData("llama", true), InlineData("llama", false)]
    public void What_is_written_is_what_is_read_up_to_the_rounding_of_the_type(string architecture, bool tied)
    {
        var config = TinyModel.Config(Architecture.Named(architecture, "test"), tied);
        using var weights = TinyModel.Weights(config);
        var tokenizer = TinyModel.Tokenizer();
        foreach (var type in (DType[])[DType.F32, DType.F16, DType.BF16, DType.Q8_0])
        {
            var path = _folder[$"{type}.gguf"];
            ModelFile.Writer(weights, tokenizer, type, "tiny").Write(path);
            using var model = ModelFile.Open(path);
            Assert.Equal(config, model.Config);
            Assert.Equal(tokenizer.Tokens, model.Tokenizer!.Tokens);
            using var read = model.ReadParameters();
            Assert.Equal((tokenizer.Pre, tokenizer.EndOfText), (model.Tokenizer.Pre, model.Tokenizer.EndOfText));
            foreach (var tensor in weights.Map.All)
                Assert.True(
                    Rounded(weights.Of(tensor), tensor.IsMatrix ? type : DType.F32)
                        .SequenceEqual(read.Of(tensor)), $"{tensor.Name} as {type}");
        }
    }

    [Fact]
    public void Rows_that_do_not_fill_blocks_stay_F32()
    {
        // C = 40 fills no Q8_0 block of 32 and F = 64 does, so that only ffn_down has rows of whole blocks.
        var config = TinyModel.Config(Architecture.Qwen3) with
        {
            Width = 40,
            Heads = 3,
            KvHeads = 1,
            HeadDim = 10,
            FeedForward = 64
        };
        using var weights = TinyModel.Weights(config);
        ModelFile.Writer(weights, null, DType.Q8_0, "odd").Write(_folder["m.gguf"]);
        using (var gguf = Gguf.Open(_folder["m.gguf"]))
            foreach (var tensor in gguf.Tensors)
                Assert.Equal(tensor.Name.EndsWith("ffn_down.weight") ? DType.Q8_0 : DType.F32, tensor.DType);
        using var model = ModelFile.Open(_folder["m.gguf"]);
        Assert.Null(model.Tokenizer);
        using var read = model.ReadParameters();
        foreach (var tensor in weights.Map.All)
            Assert.True(
                Rounded(weights.Of(tensor), tensor.Name.EndsWith("ffn_down.weight") ? DType.Q8_0 : DType.F32)
                    .SequenceEqual(read.Of(tensor)), tensor.Name);
    }

    [Fact]
    public void A_vocabulary_without_an_end_of_text_can_be_written()
    {
        var with = TinyModel.Tokenizer();
        var tokens = with.Tokens.Select(t => t == "<|endoftext|>" ? "<|other|>" : t).ToList();
        var without = Tokenizer.FromVocabulary(with.Pre, tokens, with.Merges, with.Types);
        Assert.Equal(-1, without.EndOfText);
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Llama));
        ModelFile.Writer(weights, without, DType.F32, "no end").Write(_folder["m.gguf"]);
        using var model = ModelFile.Open(_folder["m.gguf"]);
        Assert.Equal(tokens, model.Tokenizer!.Tokens);
    }

    [Fact]
    public void A_type_that_models_do_not_have_is_refused()
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Llama));
        Assert.Throws<ArgumentException>(() => ModelFile.Writer(weights, null, DType.IQ2_S, "x"));
    }

    [Fact]
    public void Every_fault_is_one_message_that_names_the_file()
    {
        void Fault(string expected, Action<GgufWriter> add, params string[] without)
        {
            var path = Damaged(add, without);
            var message = Assert.Throws<InvalidDataException>(() => ModelFile.Open(path).Dispose()).Message;
            Assert.StartsWith(path + ": ", message);
            Assert.Contains(expected, message);
        }

        Fault("tensor output_norm.weight is missing", _ => { }, "output_norm.weight");
        Fault("tensor token_embd.weight is missing", _ => { }, "token_embd.weight");
        Fault("holds tensor blk.0.attn_q.scale",
            w => w.AddTensor("blk.0.attn_q.scale", [1], DType.F32, new float[1]));
        Fault("tensor blk.0.attn_q.bias is (64), expected (128)", w => Add(w, "blk.0.attn_q.bias", 64));
        Fault("holds tensor blk.2.ffn_up.weight", w => Add(w, "blk.2.ffn_up.weight", 64, 96));
        Fault("blk.1.ffn_down.weight is (64, 96), expected (96, 64)",
            w => Add(w, "blk.1.ffn_down.weight", 64, 96), "blk.1.ffn_down.weight");
        Fault("blk.0.attn_norm.weight is (64, 1), expected (64)",
            w => Add(w, "blk.0.attn_norm.weight", 64, 1), "blk.0.attn_norm.weight");
        Fault("token_embd.weight is (), expected a matrix",
            w => w.AddTensor("token_embd.weight", [], DType.F32, new float[1]), "token_embd.weight");
        Fault("token_embd.weight is (17984), expected a matrix",
            w => Add(w, "token_embd.weight", 64 * 281), "token_embd.weight");
        Fault("the tokenizer has 281 tokens and the embedding 300 rows",
            w =>
            {
                Add(w, "token_embd.weight", 64, 300);
                Add(w, "output.weight", 64, 300);
            }, "token_embd.weight", "output.weight");
        Fault("architecture 'mamba' is not supported; known are llama, qwen3, qwen2",
            w => w.AddString("general.architecture", "mamba"), "general.architecture");
        Fault("RoPE scaling 'su'", w => w.AddString("qwen3.rope.scaling.type", "su"));
        Fault("RoPE cannot be scaled by", w => w.AddFloat("qwen3.rope.scaling.factor", -2));
        Fault("key qwen3.expert_used_count is missing", w => w.AddUInt("qwen3.expert_count", 8));
        Fault("9 of 8 experts", w => w.AddUInt("qwen3.expert_count", 8).AddUInt("qwen3.expert_used_count", 9));
        Fault("tensor blk.0.ffn_gate_inp.weight is missing",
            w => w.AddUInt("qwen3.expert_count", 8).AddUInt("qwen3.expert_used_count", 2));
        Fault("expert gating function 2", w => w.AddUInt("qwen3.expert_gating_func", 2));
        Fault("heads of 32 keys and 16 values",
            w => w.AddUInt("qwen3.attention.value_length", 16), "qwen3.attention.value_length");
        Fault("RoPE turns 15 of 32 head dimensions",
            w => w.AddUInt("qwen3.rope.dimension_count", 15), "qwen3.rope.dimension_count");
        Fault("tokenizer.ggml.model is 'rwkv', a tokenizer that is not known here",
            w => w.AddString("tokenizer.ggml.model", "rwkv"), "tokenizer.ggml.model");
        Fault("key qwen3.block_count is missing", _ => { }, "qwen3.block_count");
        Fault("qwen3.block_count is 4294967295, which no model has",
            w => w.AddUInt("qwen3.block_count", uint.MaxValue), "qwen3.block_count");
        Fault("heads are 0", w => w.AddUInt("qwen3.attention.head_count", 0), "qwen3.attention.head_count");
        Fault("context is 0", w => w.AddUInt("qwen3.context_length", 0), "qwen3.context_length");
        Fault("key qwen3.context_length has type string",
            w => w.AddString("qwen3.context_length", "64"), "qwen3.context_length");
        Fault("norm epsilon is NaN", w => w.AddFloat("qwen3.attention.layer_norm_rms_epsilon", float.NaN),
            "qwen3.attention.layer_norm_rms_epsilon");

        // More weights than memory holds are claimed: nothing is allocated for the claim.
        Fault("blk.0.ffn_down.weight is (96, 64), expected (262144, 64)", w => w
            .AddUInt("qwen3.block_count", 1024).AddUInt("qwen3.feed_forward_length", 1 << 18),
            "qwen3.block_count", "qwen3.feed_forward_length");
    }

    [Fact]
    public void What_is_only_run_is_not_trained()
    {
        using var scaled = ModelFile.Open(Damaged(w => w.AddFloat("qwen3.rope.scaling.factor", 2)));
        Assert.Equal(2, scaled.Config.RopeScaling.Factor);
        Assert.Contains("are not trained",
            Assert.Throws<InvalidDataException>(() => scaled.ReadParameters().Dispose()).Message);
        using var biased = ModelFile.Open(Damaged(w => Add(w, "blk.0.attn_q.bias", 128)));
        Assert.Contains("holds tensor blk.0.attn_q.bias",
            Assert.Throws<InvalidDataException>(() => biased.ReadParameters().Dispose()).Message);
    }

    [Fact]
    public void Unscaled_rope_dense_layers_and_optimizer_tensors_are_no_faults()
    {
        var path = Damaged(w => w.AddString("qwen3.rope.scaling.type", "none").AddUInt("qwen3.expert_count", 0)
            .AddTensor("optimizer.first_moment", [3], DType.F32, new float[3]));
        using var model = ModelFile.Open(path);
        Assert.Equal(TinyModel.Config(Architecture.Qwen3), model.Config);
    }

    private static void Add(GgufWriter writer, string name, params long[] shape) =>
        writer.AddTensor(name, shape, DType.F32, new float[shape.Aggregate(1L, (a, b) => a * b)]);

    // A good file without some keys and tensors, and with others.
    private string Damaged(Action<GgufWriter> add, params string[] without)
    {
        var config = TinyModel.Config(Architecture.Qwen3);
        using var weights = new Parameters(new ParameterMap(config));
        ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "good").Write(_folder["good.gguf"]);
        using var good = Gguf.Open(_folder["good.gguf"]);
        var writer = new GgufWriter();
        foreach (var (key, _) in good.Metadata.Where(pair => !without.Contains(pair.Key)))
            writer.AddCopy(good, key);
        foreach (var tensor in good.Tensors.Where(tensor => !without.Contains(tensor.Name)))
            writer.AddCopy(good, tensor);
        add(writer);
        writer.Write(_folder["damaged.gguf"]);
        return _folder["damaged.gguf"];
    }

    private static float[] Rounded(ReadOnlySpan<float> values, DType type)
    {
        var stored = new byte[type.BytesOf(values.Length)];
        Blocks.Encode(stored, values, type);
        var rounded = new float[values.Length];
        Blocks.Decode(rounded, stored, type);
        return rounded;
    }
}
