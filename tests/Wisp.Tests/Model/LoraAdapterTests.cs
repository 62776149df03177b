using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

public sealed class LoraAdapterTests : IDisposable
{
    private const int Rank = 3;

    private static readonly ModelConfig s_config = TinyModel.Config(Wisp.Model.Architecture.Qwen3, context: 64);

    private static readonly int[] s_prompt = [5, 9, 200, 33, 41, 7];

    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);
    private readonly Parameters _weights = TinyModel.Weights(s_config);
    private readonly DecoderWeights _view;

    public LoraAdapterTests()
    {
        ModelFile.Writer(_weights, null, DType.F32, "test").Write(_folder["m.gguf"]);
        _model = ModelFile.Open(_folder["m.gguf"]);
        _view = _model.Weights;
    }

    private readonly ModelFile _model;

    public void Dispose()
    {
        _model.Dispose();
        _weights.Dispose();
        _pool.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Applied_equals_merged()
    {
        var (a, b) = Write("l.gguf", "blk.1.ffn_down", seed: 1);
        var adapter = LoraAdapter.Open(_folder["l.gguf"], _view, scale: 0.5f);
        Assert.Equal((1, Rank), (adapter.Count, adapter.Rank));
        var applied = Logits(_view, adapter);

        // W + 0.5·(α/r)·B·A with α = 6.
        var down = _weights.Of(_weights.Map.Blocks[1].Down);
        int R = s_config.Width, C = s_config.FeedForward;
        for (var row = 0; row < R; row++)
            for (var c = 0; c < C; c++)
                for (var i = 0; i < Rank; i++)
                    down[(row * C) + c] += 0.5f * 6 / Rank * b[(row * Rank) + i] * a[(i * C) + c];
        // Two ways to one sum of float32 products, of size 1: the bound of exact arithmetic as in the goldens.
        Check.Close([.. Logits(DecoderWeights.Of(_weights), null).Select(z => (double)z)], applied, 1e-4, "logits");
    }

    [Fact]
    public void Rows_of_one_batch_have_their_own_adapters_and_the_bits_they_have_alone()
    {
        Write("one.gguf", "blk.0.attn_q", seed: 2);
        Write("two.gguf", "blk.1.ffn_gate", seed: 3);
        LoraAdapter one = LoraAdapter.Open(_folder["one.gguf"], _view),
            two = LoraAdapter.Open(_folder["two.gguf"], _view);
        LoraAdapter?[] adapters = [one, null, two];
        float[][] alone = [.. adapters.Select(adapter => Logits(_view, adapter))];
        Assert.NotEqual(alone[0], alone[1]);
        Assert.NotEqual(alone[2], alone[1]);

        using var store = new KvStore(3, s_config.Layers, s_config.KvHeads, s_config.HeadDim);
        using var decoder = new Decoder(_view, _pool, 18, 64);
        decoder.Forward([.. s_prompt, .. s_prompt, .. s_prompt],
            [.. adapters.Select((adapter, i) => new DecoderRun(0, 6, new[] { i }, adapter))], store);
        for (var i = 0; i < 3; i++)
        {
            var logits = new float[s_config.Vocabulary];
            decoder.Logits(logits, (6 * i) + 5);
            Assert.Equal(alone[i], logits);
        }
    }

    [Fact]
    public async Task Requests_with_different_adapters_share_no_prefix()
    {
        Write("l.gguf", "blk.0.attn_v", seed: 4);
        var adapter = LoraAdapter.Open(_folder["l.gguf"], _view);
        using var packed = _model.Pack(_pool);
        var prompt = Enumerable.Range(0, 40).ToArray();
        var plain = await Written(null, null);
        var adapted = await Written(adapter, null);
        Assert.Equal(adapted, await Written(adapter, beside: null));
        Assert.Equal(plain, await Written(null, beside: adapter));
        Assert.Equal(adapted, await Written(adapter, beside: adapter));

        async Task<int[]> Written(LoraAdapter? with, LoraAdapter? beside)
        {
            await using var engine = new Engine(packed.Weights, new EngineOptions(), _pool);
            var request = new EngineRequest
            {
                Prompt = prompt, MaxTokens = 8, End = new HashSet<int>(), Sampling = Sampling.Greedy,
            };
            foreach (var other in (LoraAdapter?[])[beside, null])
                await foreach (var _ in engine.Start(request with { Adapter = other }).ReadAllAsync())
                {
                }

            var tokens = new List<int>();
            await foreach (var token in engine.Start(request with { Adapter = with }).ReadAllAsync())
                tokens.Add(token.Id);
            return [.. tokens];
        }
    }

    [Fact]
    public async Task An_engine_refuses_the_adapter_of_another_model_and_serves_on()
    {
        Write("l.gguf", "blk.0.attn_q", seed: 1);
        var adapter = LoraAdapter.Open(_folder["l.gguf"], _view);
        await using var engine = new Engine(DecoderWeights.Of(_weights), new EngineOptions(), _pool);
        var request = new EngineRequest { Prompt = s_prompt, MaxTokens = 3, End = new HashSet<int>() };
        Assert.Contains("opened for another model", Assert.Throws<ArgumentException>(
            () => engine.Start(request with { Adapter = adapter })).Message);
        var count = 0;
        await foreach (var _ in engine.Start(request).ReadAllAsync())
            count++;
        Assert.Equal((3, 0), (count, engine.Use.Used));
    }

    [Fact]
    public void Every_fault_is_one_message_that_names_the_file()
    {
        Write("l.gguf", "blk.0.attn_q", seed: 1);
        Fault("neither .lora_a nor .lora_b", w => w.AddTensor("x", [4], DType.F32, (_, _) => { }));
        Fault("has no .lora_b beside it", w => w.AddTensor(
            "blk.0.attn_q.weight.lora_a", [64, 2], DType.F32, (_, _) => { }));
        Fault("changes token_embd.weight, which", w => Pair(w, "token_embd", 64, 281));
        Fault("changes blk.7.attn_q.weight, which", w => Pair(w, "blk.7.attn_q", 64, 64));
        Fault("the matrix is", w => Pair(w, "blk.0.attn_q", 65, 64));
        Fault("changes nothing", _ => { });
        Fault("is no LoRA adapter: general.type is 'model'", _ => { }, type: "model");
        Fault("is an adapter for llama models", w => Pair(w, "blk.0.attn_q", 64, 64), architecture: "llama");
        Assert.Throws<ArgumentException>(() => LoraAdapter.Open(_folder["l.gguf"], _view, float.NaN));

        var adapter = LoraAdapter.Open(_folder["l.gguf"], _view);
        Assert.Contains("opened for another model", Assert.Throws<ArgumentException>(
            () => Logits(DecoderWeights.Of(_weights), adapter)).Message);

        void Fault(string says, Action<GgufWriter> add, string type = "adapter", string architecture = "qwen3")
        {
            var writer = Head(type, architecture);
            add(writer);
            writer.Write(_folder["bad.gguf"]);
            var message = Assert.Throws<InvalidDataException>(
                () => LoraAdapter.Open(_folder["bad.gguf"], _view)).Message;
            Assert.Contains(says, message);
            Assert.StartsWith(_folder["bad.gguf"], message);
        }
    }

    private float[] Logits(DecoderWeights weights, LoraAdapter? adapter)
    {
        using var session = new Session(weights, _pool, adapter: adapter);
        return session.Feed(s_prompt).ToArray();
    }

    private static GgufWriter Head(string type = "adapter", string architecture = "qwen3") => new GgufWriter()
        .AddString("general.type", type).AddString("adapter.type", "lora")
        .AddString("general.architecture", architecture).AddFloat("adapter.lora.alpha", 6);

    private static void Pair(
        GgufWriter writer, string name, int columns, int rows, float[]? a = null, float[]? b = null)
    {
        a ??= new float[Rank * columns];
        b ??= new float[rows * Rank];
        writer.AddTensor($"{name}.weight.lora_a", [columns, Rank], DType.F32,
            (first, values) => a.AsSpan((int)first, values.Length).CopyTo(values));
        writer.AddTensor($"{name}.weight.lora_b", [Rank, rows], DType.F32,
            (first, values) => b.AsSpan((int)first, values.Length).CopyTo(values));
    }

    private (float[] A, float[] B) Write(string file, string name, int seed)
    {
        var target = _view.Projections.Single(p => p.Name == name);
        int columns = target.Weight.Columns, rows = target.Outputs;
        float[] a = Sample.Normal(Rank * columns, seed), b = Sample.Normal(rows * Rank, seed + 100);
        var writer = Head();
        Pair(writer, name, columns, rows, a, b);
        writer.Write(_folder[file]);
        return (a, b);
    }
}
