using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

/// <summary>
/// Logits, loss and the gradient of every weight against libtorch's float64 autograd. Tolerances are the golden
/// README's: ten times the error of the same graph in float32, at least 1e-5.
/// </summary>
public class TransformerGoldenTests
{
    [Theory]
    [InlineData("decoder_llama_norm", 2e-5, 5e-5)]
    [InlineData("decoder_llama_neox", 2e-5, 5e-5)]
    [InlineData("decoder_llama_neox_packed", 1e-5, 2e-5)]
    [InlineData("decoder_qwen3", 1e-5, 5e-5)]
    [InlineData("sft_mask", 1e-5, 1e-5)]
    public void Logits_loss_and_gradients_agree_with_libtorch(string file, double rtolForward, double rtolGradient)
    {
        var golden = GoldenFile.Open($"torch/{file}.safetensors");
        using var pool = new WorkerPool(2);
        var map = new ParameterMap(ConfigOf(golden));
        using Parameters weights = new(map), gradients = new(map);
        foreach (var tensor in map.All)
            golden.Floats(tensor.Name).CopyTo(weights.Of(tensor));

        var shape = golden.Shape("tokens");
        int[] tokens = golden.Ints("tokens"), targets = golden.Ints("targets");
        var starts = golden.Has("doc_ids") ? Starts(golden.Ints("doc_ids"), shape[1]) : [];
        var positions = golden.Has("positions")
            ? golden.Ints("positions")
            : [.. Enumerable.Range(0, tokens.Length).Select(i => i % shape[1])];
        var batch = new TokenBatch(shape[0], shape[1], tokens, targets, positions, starts);

        using var transformer = new Transformer(map, pool, batch.Rows, train: true);
        var logits = new float[batch.Rows * map.Config.Vocabulary];
        transformer.Logits(weights, batch, logits);
        Check.Close(golden.Floats("logits"), logits, rtolForward, "logits");

        var counted = batch.CountedTargets;
        var expectedLoss = golden.Number("loss_f64");
        Assert.Equal(expectedLoss, transformer.Loss(weights, batch) / counted, rtolForward * expectedLoss);
        Assert.Equal(
            expectedLoss, transformer.ForwardBackward(weights, gradients, batch, 1f / counted) / counted,
            rtolForward * expectedLoss);
        foreach (var tensor in map.All)
            Check.Close(golden.Floats("grad." + tensor.Name), gradients.Of(tensor), rtolGradient, tensor.Name);
    }

    private static ModelConfig ConfigOf(GoldenFile golden)
    {
        var qwen3 = golden.Metadata["arch"] == "qwen3";
        return new ModelConfig
        {
            // The golden files name the pairing apart from the architecture; in GGUF it belongs to it.
            Architecture = (qwen3 ? Architecture.Qwen3 : Architecture.Llama) with
            {
                Rope = golden.Metadata["rope_type"] == "neox" ? RopeLayout.Neox : RopeLayout.Norm,
            },
            Vocabulary = (int)golden.Number("vocab_size"), Context = golden.Shape("tokens")[1],
            Width = (int)golden.Number("dim"), Layers = (int)golden.Number("n_layers"),
            Heads = (int)golden.Number("n_heads"), KvHeads = (int)golden.Number("n_kv_heads"),
            HeadDim = (int)golden.Number("head_dim"), FeedForward = (int)golden.Number("ffn_dim"),
            TiedHead = golden.Metadata["tied_embeddings"] == "true", RopeTheta = golden.Number("rope_theta"),
            NormEpsilon = golden.Number("norm_eps"),
        };
    }

    private static int[] Starts(int[] documentIds, int T)
    {
        var starts = new int[documentIds.Length];
        for (var i = 0; i < starts.Length; i++)
            starts[i] = i % T != 0 && documentIds[i] == documentIds[i - 1] ? starts[i - 1] : i % T;
        return starts;
    }
}
