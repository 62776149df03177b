using Wisp.Compute;
using Wisp.Run;
using Wisp.Tests.Reference;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

/// <summary>The encoder against its definition, and files that are none.</summary>
public sealed class EncoderTests : IDisposable
{
    // Rows are outputs of norms, about 1 in size. Each of two layers has six products, sums of at most 65 terms that
    // round to √65·ε < 8ε of that; what a norm divides by is about 1, and 4 is for what layers pass on.
    private const double Tolerance = 2 * 6 * 8 * 4 * Check.Eps;

    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("bert", 1), InlineData("bert", 7), InlineData("bert", 16), InlineData("bert", 65)]
    [InlineData("nomic-bert", 1), InlineData("nomic-bert", 17), InlineData("nomic-bert", 70)]
    public void Rows_agree_with_the_definition(string architecture, int length)
    {
        var model = new TinyEncoder(architecture);
        using var embedder = TextEmbedder.Open(model.Write(_folder["m.gguf"]), _pool);
        var tokens = TinyEncoder.Tokens(length, seed: length);
        double[] expected = [.. new NaiveEncoder(model).Rows(tokens).SelectMany(row => row)];
        Check.Close(expected, embedder.Rows(tokens), Tolerance, architecture);
    }

    [Fact]
    public void A_score_agrees_with_the_definition()
    {
        var model = new TinyEncoder(ranks: true);
        using var embedder = TextEmbedder.Open(model.Write(_folder["m.gguf"]), _pool);
        for (var length = 1; length < 70; length += 17)
        {
            var tokens = TinyEncoder.Tokens(length, seed: length);
            Check.Close([new NaiveEncoder(model).Score(tokens)], embedder.Score([tokens]), 10 * Tolerance);
        }
    }

    [Theory]
    [InlineData(DType.F16), InlineData(DType.BF16)]
    public void Rounded_weights_are_computed_with_as_they_are_stored(DType type)
    {
        var model = new TinyEncoder();
        using var embedder = TextEmbedder.Open(model.Write(_folder["m.gguf"], type), _pool);
        foreach (var (name, (shape, values)) in model.Tensors.Where(t => t.Value.Shape.Length > 1).ToArray())
        {
            var stored = new byte[type.BytesOf(values.Length)];
            var rounded = new float[values.Length];
            Blocks.Encode(stored, values, type);
            Blocks.Decode(rounded, stored, type);
            model.Tensors[name] = (shape, rounded);
        }

        var tokens = TinyEncoder.Tokens(20, seed: 1);
        double[] expected = [.. new NaiveEncoder(model).Rows(tokens).SelectMany(row => row)];
        Check.Close(expected, embedder.Rows(tokens), Tolerance, type.Name());
    }

    public static TheoryData<string, string, object> WrongPairs() => new()
    {
        { "context_length", "position_embd.weight is (36, 70), expected (36, 71)", 71 },
        { "context_length", "bert.context_length is 0", 0 },
        { "embedding_length", "3 heads cannot share", 35 },
        { "attention.head_count", "bert.attention.head_count is 0", 0 },
        { "attention.head_count_kv", "bert.attention.head_count_kv is 1, expected 3", 1 },
        { "attention.layer_norm_epsilon", "epsilon is 0", 0f },
        { "attention.layer_norm_epsilon", "epsilon is NaN", float.NaN },
        { "attention.causal", "reads both ways", true },
        { "attention.causal", "has type u32, expected bool", 1 },
        { "block_count", "tensor blk.2.attn_q.weight is missing", 3 },
        { "block_count", "holds tensor blk.1.attn_k.bias, which bert does not use", 1 },
        { "block_count", "bert.block_count is 4294967295", uint.MaxValue },
        { "feed_forward_length", "blk.0.ffn_up.weight is (36, 65), expected (36, 66)", 66 },
        { "expert_count", "mixtures", 8 },
        { "rope.scaling.type", "not scaled", "yarn" },
        { "pooling_type", "bert.pooling_type is 5; known are 0 to 4", 5 },
    };

    [Theory]
    [MemberData(nameof(WrongPairs))]
    public void A_pair_that_does_not_fit_is_named(string key, string says, object value)
    {
        var model = new TinyEncoder();
        model.Pairs[key] = value;
        Refused(model, says);
    }

    [Theory]
    [InlineData("token_embd.weight", "tensor token_embd.weight is (40, 33), expected (36, 33)", 40, 33)]
    [InlineData("token_embd.weight", "the tokenizer has 33 tokens and the embedding 34 rows", 36, 34)]
    [InlineData("token_types.weight", "tensor token_types.weight is (35, 2)", 35, 2)]
    [InlineData("token_types.weight", "tensor token_types.weight is (36)", 36)]
    [InlineData("position_embd.weight", "tensor position_embd.weight is (36, 69)", 36, 69)]
    [InlineData("blk.1.attn_v.bias", "tensor blk.1.attn_v.bias is (37), expected (36)", 37)]
    [InlineData("blk.0.ffn_gate.weight", "holds tensor blk.0.ffn_gate.weight, which bert does not use", 36, 65)]
    [InlineData("cls.output.weight", "tensor cls.output.weight is (36, 3), expected (36, 1)", 36, 3)]
    [InlineData("cls.weight", "tensor cls.output.weight is missing", 36, 36)]
    [InlineData("token_embd_norm.weight", "tensor token_embd_norm.weight is missing")]
    public void A_tensor_that_does_not_fit_is_named(string name, string says, params int[] shape)
    {
        var model = new TinyEncoder();
        model.Tensors.Remove(name);
        if (shape.Length > 0)
            model.Tensors[name] = ([.. shape.Select(n => (long)n)], new float[shape.Aggregate((a, b) => a * b)]);
        Refused(model, says);
    }

    [Fact]
    public void Other_encoders_are_refused_by_name() =>
        Refused(new TinyEncoder("jina-bert-v2"), "'jina-bert-v2' is not supported; known are bert and nomic-bert");

    [Fact]
    public void A_head_of_one_layer_may_be_stored_as_a_vector()
    {
        var model = new TinyEncoder(ranks: true);
        model.Tensors.Remove("cls.weight");
        model.Tensors.Remove("cls.bias");
        var matrix = Score();
        model.Tensors["cls.output.weight"] = ([TinyEncoder.Width], model.Tensors["cls.output.weight"].Values);
        Assert.Equal(matrix, Score());

        float Score()
        {
            using var embedder = TextEmbedder.Open(model.Write(_folder["m.gguf"]), _pool);
            return embedder.Score([TinyEncoder.Tokens(9, seed: 1)])[0];
        }
    }

    // Whatever a bit of the file becomes, the file is read or refused: no other fault, and no memory beyond its size.
    [Fact]
    public void A_damaged_file_is_read_or_refused()
    {
        var good = File.ReadAllBytes(new TinyEncoder(ranks: true).Write(_folder["m.gguf"]));
        var head = 5_000; // pairs, names and shapes
        Assert.InRange(good.Length, 2 * head, int.MaxValue);
        var random = new Random(1);
        for (var trial = 0; trial < 400; trial++)
        {
            var bad = (byte[])good.Clone();
            for (var i = random.Next(3); i >= 0; i--)
                bad[random.Next(head)] ^= (byte)(1 << random.Next(8));
            var path = _folder.Put("bad.gguf", bad);
            try
            {
                using var embedder = TextEmbedder.Open(path, _pool);
                embedder.Rows([2, 3]);
            }
            catch (Exception e) when (e is InvalidDataException or ArgumentException)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    private void Refused(TinyEncoder model, string says)
    {
        var path = model.Write(_folder["bad.gguf"]);
        var fault = Assert.Throws<InvalidDataException>(() => TextEmbedder.Open(path, _pool));
        Assert.Contains(says, fault.Message);
        Assert.Contains(path, fault.Message);
    }
}
