using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

public sealed class GgufConversionTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Golden(string name) => GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");

    [Fact]
    public void Without_a_type_a_file_stays_what_it_is_byte_for_byte()
    {
        foreach (var name in (string[])["llama-q4_k_m-mix", "llama-mixed-all", "qwen3moe", "gpt2"])
        {
            using (var gguf = Gguf.Open(Golden(name)))
                GgufConversion.Write(gguf, _folder["same.gguf"]);
            Assert.Equal(File.ReadAllBytes(Golden(name)), File.ReadAllBytes(_folder["same.gguf"]));
        }
    }

    [Theory]
    [InlineData("q8_0", DType.Q8_0, 7u), InlineData("bf16", DType.BF16, 32u), InlineData("f16", DType.F16, 1u)]
    public void Matrices_are_encoded_and_all_else_stays_F32(string mix, DType type, uint fileType)
    {
        using var gguf = Gguf.Open(Golden("qwen3moe"));
        GgufConversion.Write(gguf, _folder["one.gguf"], QuantMix.Named(mix), threads: 1);
        GgufConversion.Write(gguf, _folder["three.gguf"], QuantMix.Named(mix), threads: 3);
        Assert.Equal(File.ReadAllBytes(_folder["one.gguf"]), File.ReadAllBytes(_folder["three.gguf"]));

        using var small = Gguf.Open(_folder["one.gguf"]);
        Assert.Equal(fileType, small.GetUInt("general.file_type"));
        Assert.Equal(type.IsQuantised(), small.TryGetUInt("general.quantization_version", out var version));
        Assert.Equal(type.IsQuantised() ? 2u : 0, version);
        foreach (var tensor in gguf.Tensors)
        {
            var found = small.Tensor(tensor.Name);
            var values = new float[tensor.Elements];
            gguf.ReadFloats(tensor, values);
            // ffn_down_exps has rows of 48, which 32 does not divide; the gate of the experts stays exact.
            var expected = tensor.Shape.Count < 2 || tensor.Name.Contains("ffn_gate_inp") ? DType.F32
                : tensor.Shape[0] % type.BlockLength() != 0 ? DType.F16 : type;
            var bytes = new byte[expected.BytesOf(values.Length)];
            Blocks.Encode(bytes, values, expected);
            Assert.Equal(expected, found.DType);
            Assert.True(small.Bytes(found).SequenceEqual(bytes), tensor.Name);
        }
    }

    [Theory]
    [InlineData("q4_0"), InlineData("q4_1"), InlineData("q5_0"), InlineData("q5_1"), InlineData("q2_k")]
    [InlineData("q3_k"), InlineData("q4_k"), InlineData("q4_k_m"), InlineData("q5_k"), InlineData("q5_k_m")]
    [InlineData("q6_k"), InlineData("iq4_nl"), InlineData("iq4_xs")]
    public void Every_mix_writes_what_its_rules_and_the_block_encoder_say(string name)
    {
        using (var golden = Gguf.Open(Golden("llama-q8_0"))) // rows of 256
            GgufConversion.Write(golden, _folder["f32.gguf"], QuantMix.Named("f32"));
        using var gguf = Gguf.Open(_folder["f32.gguf"]);
        var mix = QuantMix.Named(name);
        GgufConversion.Write(gguf, _folder["one.gguf"], mix, threads: 1);
        GgufConversion.Write(gguf, _folder["three.gguf"], mix, threads: 3);
        Assert.Equal(File.ReadAllBytes(_folder["one.gguf"]), File.ReadAllBytes(_folder["three.gguf"]));
        using var small = Gguf.Open(_folder["one.gguf"]);
        Assert.Equal(mix.FileType, small.GetUInt("general.file_type"));
        foreach (var tensor in gguf.Tensors)
        {
            var values = new float[tensor.Elements];
            gguf.ReadFloats(tensor, values);
            var type = mix.TypeOf(tensor, layers: 2, tied: false);
            var bytes = new byte[type.BytesOf(values.Length)];
            Blocks.Encode(bytes, values, type);
            Assert.Equal(type, small.Tensor(tensor.Name).DType);
            Assert.True(small.Bytes(small.Tensor(tensor.Name)).SequenceEqual(bytes), tensor.Name);
        }

        Assert.Equal(DType.Q6_K, small.Tensor("output.weight").DType);
    }

    [Fact]
    public void Quantising_twice_is_refused_unless_it_is_allowed()
    {
        using var gguf = Gguf.Open(Golden("llama-q8_0"));
        var mix = new QuantMix("q8_1", DType.Q8_1, 0);
        Assert.Contains("tensor token_embd.weight would become Q8_1, which cannot be written", Assert.Throws<
            InvalidDataException>(() => GgufConversion.Plan(gguf, mix, allowRequantise: false)).Message);
        GgufConversion.Write(gguf, _folder["f32.gguf"], QuantMix.Named("f32")); // back to floats is no second rounding
        using (var wide = Gguf.Open(_folder["f32.gguf"]))
        {
            Assert.All(wide.Tensors, t => Assert.Equal(DType.F32, t.DType));
            Assert.False(wide.Has("general.quantization_version"));
        }

        Assert.Contains("quantised already (Q8_0)", Assert.Throws<InvalidDataException>(() =>
            GgufConversion.Write(gguf, _folder["again.gguf"], QuantMix.Named("q4_0"))).Message);
        Assert.False(File.Exists(_folder["again.gguf"]));
        GgufConversion.Write(gguf, _folder["again.gguf"], QuantMix.Named("q4_0"), allowRequantise: true);
        using (var again = Gguf.Open(_folder["again.gguf"]))
            Assert.Equal(DType.Q4_0, again.Tensor("blk.0.attn_q.weight").DType);

        GgufConversion.Write(gguf, _folder["same.gguf"], QuantMix.Named("q8_0")); // nothing is quantised again
        using var same = Gguf.Open(_folder["same.gguf"]);
        foreach (var tensor in gguf.Tensors)
            Assert.True(gguf.Bytes(tensor).SequenceEqual(same.Bytes(same.Tensor(tensor.Name))), tensor.Name);
    }

    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity)]
    public void A_value_that_is_not_finite_is_refused_by_tensor_and_leaves_no_file(float bad)
    {
        var values = Sample.Normal(64 * 300, seed: 1);
        values[64 * 250 + 7] = bad;
        new GgufWriter().AddString("general.architecture", "llama")
            .AddTensor("blk.0.ffn_up.weight", [64, 300], DType.F32, values).Write(_folder["bad.gguf"]);
        using var gguf = Gguf.Open(_folder["bad.gguf"]);
        foreach (var threads in (int[])[1, 4])
            Assert.Contains("tensor blk.0.ffn_up.weight: row 250 holds", Assert.Throws<InvalidDataException>(() =>
                GgufConversion.Write(gguf, _folder["q.gguf"], QuantMix.Named("q8_0"), threads: threads)).Message);
        Assert.Equal([_folder["bad.gguf"]], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_checkpoint_loses_the_state_of_its_training()
    {
        new GgufWriter()
            .AddString("general.architecture", "qwen3").AddString("wisp.plan", "{}").AddUInt("wisp.step", 3)
            .AddTensor("x.weight", [32, 2], DType.F32, new float[64])
            .AddTensor("optimizer.first_moment", [64], DType.F32, new float[64]).Write(_folder["c.gguf"]);
        using (var gguf = Gguf.Open(_folder["c.gguf"]))
            GgufConversion.Write(gguf, _folder["m.gguf"]);
        using var model = Gguf.Open(_folder["m.gguf"]);
        Assert.Equal(["x.weight"], model.Tensors.Select(t => t.Name));
        Assert.Equal(["general.architecture"], model.Metadata.Select(p => p.Key));
    }

    [Theory]
    [InlineData("token_embd.weight", 0, true, DType.Q6_K)] // the head too
    [InlineData("token_embd.weight", 0, false, DType.Q4_K)]
    [InlineData("output.weight", 0, false, DType.Q6_K)]
    [InlineData("blk.0.attn_v.weight", 1, false, DType.Q6_K)] // the first eighth
    [InlineData("blk.3.attn_v.weight", 1, false, DType.Q4_K)]
    [InlineData("blk.4.ffn_down.weight", 1, false, DType.Q6_K)] // every third between: (4 - 2) % 3 = 2
    [InlineData("blk.15.ffn_down_exps.weight", 1, false, DType.Q6_K)] // the last eighth
    [InlineData("blk.4.attn_v.weight", 0, false, DType.Q4_K)] // without the mix
    [InlineData("blk.3.attn_qkv.weight", 1, false, DType.Q5_K)]
    [InlineData("blk.3.attn_norm.weight", 1, false, DType.F32)]
    [InlineData("blk.3.ffn_gate_inp.weight", 1, false, DType.F32)]
    [InlineData("position_embd.weight", 1, false, DType.F32)]
    [InlineData("blk.3.attn_q.bias", 1, false, DType.F32)]
    public void The_mixes_give_each_tensor_its_type(string name, int medium, bool tied, DType expected)
    {
        var mix = new QuantMix("x", DType.Q4_K, 0, medium == 1 ? DType.Q6_K : null, medium == 1 ? DType.Q5_K : null);
        var tensor = new GgufTensor(name, [512, 8], DType.F32, 0, 0);
        Assert.Equal(expected, mix.TypeOf(tensor, layers: 16, tied));
    }

    [Theory]
    [InlineData(DType.Q4_K, 256, DType.Q4_K), InlineData(DType.Q4_K, 288, DType.Q5_0)]
    [InlineData(DType.Q5_K, 64, DType.Q5_1), InlineData(DType.Q6_K, 576, DType.Q8_0)]
    [InlineData(DType.Q2_K, 32, DType.IQ4_NL), InlineData(DType.Q3_K, 32, DType.IQ4_NL)]
    [InlineData(DType.IQ4_XS, 32, DType.IQ4_NL), InlineData(DType.Q4_K, 48, DType.F16)]
    [InlineData(DType.Q8_0, 7, DType.F16), InlineData(DType.Q4_0, 65, DType.F16)]
    public void Rows_that_are_no_whole_blocks_get_a_type_that_fits(DType type, long row, DType expected) =>
        Assert.Equal(expected, QuantMix.Fitting(type, row));

    [Fact]
    public void An_unknown_type_is_refused_with_the_list()
    {
        var message = Assert.Throws<ArgumentException>(() => QuantMix.Named("q9")).Message;
        Assert.Contains("'q9' is no type to write; known are f32, f16, bf16,", message);
    }
}
