using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

/// <summary>Models in every type of weights that can be written.</summary>
public sealed class QuantisedModelFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<DType> Types => [.. Enum.GetValues<DType>().Where(type => type.CanEncode())];

    // Rows are 256 and 512 long, whole blocks of every type.
    [Theory, MemberData(nameof(Types))]
    public void A_model_is_written_and_read_in_every_type_that_can_be_encoded(DType type)
    {
        var config = TinyModel.Config(Architecture.Qwen3) with
        {
            Width = 256,
            Layers = 1,
            HeadDim = 64,
            FeedForward = 512
        };
        using var weights = TinyModel.Weights(config);
        ModelFile.Writer(weights, TinyModel.Tokenizer(), type, "tiny").Write(_folder["m.gguf"]);

        using (var gguf = Gguf.Open(_folder["m.gguf"]))
            foreach (var tensor in gguf.Tensors)
                Assert.Equal(tensor.Shape.Count > 1 ? type : DType.F32, tensor.DType);
        using var model = ModelFile.Open(_folder["m.gguf"]);
        using var read = model.ReadParameters();
        Assert.Equal(config, model.Config);
        foreach (var tensor in weights.Map.All)
            Assert.Equal(Rounded(weights.Of(tensor), tensor.IsMatrix ? type : DType.F32), read.Of(tensor));
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
