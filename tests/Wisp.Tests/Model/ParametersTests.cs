using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

public class ParametersTests
{
    private static readonly ModelConfig s_odd = TinyModel.Config(Architecture.Qwen3) with
    {
        Width = 15,
        Heads = 3,
        KvHeads = 1,
        HeadDim = 2,
        FeedForward = 7,
    };

    [Theory]
    [InlineData(false), InlineData(true)]
    public void Tensors_are_disjoint_and_begin_on_cache_lines(bool tied)
    {
        foreach (var config in (ModelConfig[])[s_odd, TinyModel.Config(Architecture.Llama)])
        {
            var map = new ParameterMap(config with { TiedHead = tied });
            var end = 0;
            foreach (var tensor in map.All)
            {
                Assert.InRange(tensor.Offset, end, end + 15); // in order, and no gap is longer than a line
                end = tensor.Offset + tensor.Length;
                if (!tensor.Name.EndsWith("ffn_up.weight"))
                    Assert.Equal(0, tensor.Offset % 16);
            }

            Assert.InRange(map.Length, end, end + 15);
            Assert.Equal(map.All.Count, map.All.Select(t => t.Name).Distinct().Count());
            Assert.Equal(tied, map.Head == map.Embedding);
        }
    }

    [Fact]
    public void Gate_and_up_are_one_matrix_for_odd_sizes_too()
    {
        foreach (var block in new ParameterMap(s_odd).Blocks)
        {
            Assert.Equal(105, block.Gate.Length);
            Assert.Equal(block.Gate.Offset + 105, block.Up.Offset);
            Assert.Equal((block.Gate.Offset, 14, 15), (block.GateUp.Offset, block.GateUp.Rows, block.GateUp.Columns));
        }
    }

    [Fact]
    public void Block_matrices_follow_all_that_is_AdamWs()
    {
        var map = new ParameterMap(s_odd);
        foreach (var tensor in map.All)
            Assert.Equal(tensor.IsMatrix && tensor.Name.StartsWith("blk."), tensor.Offset >= map.BlockMatricesFrom);
    }

    [Fact]
    public void A_model_beyond_one_array_is_refused_before_it_is_laid_out() =>
        Assert.Contains("larger than", Assert.Throws<ArgumentException>(() => new ParameterMap(
            s_odd with { Layers = 1024, Width = 4096, FeedForward = 1 << 15 })).Message);

    [Fact]
    public void Fresh_weights_have_the_spread_that_their_part_asks_for()
    {
        var config = TinyModel.Config(Architecture.Qwen3);
        using var weights = Parameters.Initialize(new ParameterMap(config), seed: 9);
        foreach (var tensor in weights.Map.All)
        {
            var values = weights.Of(tensor).ToArray();
            if (!tensor.IsMatrix)
                Assert.All(values, x => Assert.Equal(1f, x));
            else if (tensor.Name.EndsWith("attn_output.weight") || tensor.Name.EndsWith("ffn_down.weight"))
                Assert.All(values, x => Assert.Equal(0f, x));
            else
            {
                // Mean and standard deviation of n draws stray by σ/√n and σ/√(2n); five of those.
                var std = tensor.Name.StartsWith("blk.") ? 1 / 8.0 : 0.02;
                var n = values.Length;
                Assert.Equal(0, values.Average(x => (double)x), 5 * std / Math.Sqrt(n));
                Assert.Equal(std, Math.Sqrt(values.Average(x => (double)x * x)), 5 * std / Math.Sqrt(2 * n));
            }
        }

        var end = 0;
        foreach (var tensor in weights.Map.All)
        {
            Assert.Equal(-1, weights.Values[end..tensor.Offset].IndexOfAnyExcept(0f));
            end = tensor.Offset + tensor.Length;
        }
    }

    [Fact]
    public void A_seed_is_a_model()
    {
        var map = new ParameterMap(TinyModel.Config(Architecture.Qwen3));
        using Parameters one = Parameters.Initialize(map, 9), same = Parameters.Initialize(map, 9),
            other = Parameters.Initialize(map, 10);
        Assert.True(one.Values.SequenceEqual(same.Values));
        Assert.False(one.Values.SequenceEqual(other.Values));

        // Box-Muller on the published generator, so that another implementation can make the same weights.
        var random = new SplitMix64(9);
        for (var i = 0; i < 5; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextUnit()));
            var expected = (float)(0.02f * radius * Math.Cos(2 * Math.PI * random.NextUnit()));
            Assert.Equal(expected, one.Of(map.Embedding)[i], 0.02f * 4 * Check.Eps);
        }
    }
}
