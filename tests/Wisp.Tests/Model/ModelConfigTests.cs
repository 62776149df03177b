using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

public class ModelConfigTests
{
    // The 17 M shape of the README: 6 · (4·384² + 3·384·1024) block elements and a head of 8,192 · 384.
    private static readonly ModelConfig s_config = new()
    {
        Architecture = Architecture.Qwen3, Vocabulary = 8_192, Context = 512, Width = 384, Layers = 6, Heads = 6,
        KvHeads = 6, HeadDim = 64, FeedForward = 1_024, TiedHead = false,
    };

    [Fact]
    public void Costs_are_arithmetic_on_the_shape()
    {
        Assert.Equal(1_769_472, s_config.BlockMatrixParameters);
        Assert.Equal(13_762_560, s_config.ProductParameters);
        Assert.Equal(6.0 * 13_762_560, s_config.TrainingFlopPerToken);
        Assert.Equal((2.0 * 13_762_560) + (4.0 * 6 * 384 * 100), s_config.InferenceFlopPerToken(100));
        Assert.Equal(2 * 6 * 384 * 4, s_config.KvBytesPerToken(KvType.F32));
        Assert.Equal(2 * 6 * 128 * 4, (s_config with { KvHeads = 2 }).KvBytesPerToken(KvType.F32));
        Assert.Equal(2 * 6 * 384 * 2, s_config.KvBytesPerToken(KvType.F16));
        Assert.Equal(2 * 6 * 384 * 9 / 8, s_config.KvBytesPerToken(KvType.Q8)); // a float for every 32 numbers
    }

    [Theory]
    [InlineData("qwen3", true, 6), InlineData("qwen3", false, 2), InlineData("llama", true, 3),
        InlineData("llama", false, 1)]
    public void The_count_of_parameters_is_the_sum_of_the_tensors(string architecture, bool tied, int kvHeads)
    {
        var config = s_config with
        {
            Architecture = Architecture.Named(architecture, "test"),
            TiedHead = tied,
            KvHeads = kvHeads,
        };
        var map = new ParameterMap(config);
        Assert.Equal(config.Parameters, map.All.Sum(t => (long)t.Length));
        Assert.Equal(config.BlockMatrixParameters * config.Layers,
            map.All.Where(t => t.Offset >= map.BlockMatricesFrom).Sum(t => (long)t.Length));
    }

    [Fact]
    public void A_size_out_of_range_is_named()
    {
        static void Fault(ModelConfig config, string what) =>
            Assert.StartsWith($"Model configuration: {what}",
                Assert.Throws<ArgumentException>(() => config.Validated()).Message);

        Fault(s_config with { Vocabulary = 1 }, "vocabulary is 1");
        Fault(s_config with { Vocabulary = (1 << 22) + 1 }, "vocabulary is 4194305");
        Fault(s_config with { Context = 0 }, "context is 0");
        Fault(s_config with { Width = -1 }, "width is -1");
        Fault(s_config with { Layers = 1025 }, "layers are 1025");
        Fault(s_config with { Heads = 0 }, "heads are 0");
        Fault(s_config with { HeadDim = 63 }, "RoPE turns 63 of 63 head dimensions; it turns pairs");
        Fault(s_config with { KvHeads = 4 }, "6 heads cannot share 4 kv heads");
        Fault(s_config with { KvHeads = 0 }, "6 heads cannot share 0 kv heads");
        Fault(s_config with { KvHeads = 12 }, "6 heads cannot share 12 kv heads");
        Fault(s_config with { FeedForward = 1 }, "feed-forward width is 1");
        Fault(s_config with { RopeTheta = 1 }, "rope theta is 1");
        Fault(s_config with { RopeTheta = float.PositiveInfinity }, "rope theta is");
        Fault(s_config with { NormEpsilon = float.NaN }, "norm epsilon is NaN");
        Assert.Same(s_config, s_config.Validated());
    }

    [Fact]
    public void An_unknown_architecture_lists_the_known_ones()
    {
        var message = Assert.Throws<InvalidDataException>(() => Architecture.Named("mamba", "x.gguf")).Message;
        Assert.Equal("x.gguf: architecture 'mamba' is not supported; known are llama, qwen3, qwen2, qwen3moe, gemma, " +
            "gemma2, gemma3, phi3, gpt2, starcoder2, olmo2, stablelm, smollm3.", message);
    }

    [Fact]
    public void What_only_runs_is_refused_for_training()
    {
        static void Fault(ModelConfig config, string what)
        {
            config.Validated();
            Assert.StartsWith($"Model configuration: {what}",
                Assert.Throws<ArgumentException>(() => config.ValidatedForTraining()).Message);
        }

        Fault(s_config with { Architecture = Architecture.Named("gpt2", "test") }, "architecture gpt2 runs but");
        Fault(s_config with { RotatedDim = 2 }, "scaled or partial RoPE");
        Fault(s_config with { LogitSoftcap = 30 }, "scaled or partial RoPE");
        Fault(s_config with { Experts = 4, ExpertsUsed = 2 }, "scaled or partial RoPE");
    }
}
