using System.Text.Json.Nodes;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

/// <summary>What a folder says in its own words, and what a damaged one is refused for.</summary>
public sealed class HuggingFaceFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // A llama of width 12: two heads of 6, one of them for keys; every value of a tensor is another number.
    private string Llama(Action<JsonObject>? change = null, Action<SafetensorsWriter>? more = null,
        string[]? without = null, long[]? keys = null)
    {
        var config = new JsonObject
        {
            ["model_type"] = "llama", ["vocab_size"] = 5, ["max_position_embeddings"] = 64, ["hidden_size"] = 12,
            ["num_hidden_layers"] = 1, ["intermediate_size"] = 8, ["num_attention_heads"] = 2,
            ["num_key_value_heads"] = 1, ["rms_norm_eps"] = 1e-5, ["rope_theta"] = 5e5,
        };
        change?.Invoke(config);
        Directory.CreateDirectory(_folder["m"]);
        File.WriteAllText(_folder["m/config.json"], config.ToJsonString());
        var writer = new SafetensorsWriter();
        const string layer = "model.layers.0.";
        Put("model.embed_tokens.weight", 5, 12);
        Put("model.norm.weight", 12);
        Put("lm_head.weight", 5, 12);
        Put(layer + "input_layernorm.weight", 12);
        Put(layer + "post_attention_layernorm.weight", 12);
        Put(layer + "self_attn.q_proj.weight", 12, 12);
        Put(layer + "self_attn.k_proj.weight", keys ?? [6, 12]);
        Put(layer + "self_attn.v_proj.weight", 6, 12);
        Put(layer + "self_attn.o_proj.weight", 12, 12);
        Put(layer + "mlp.gate_proj.weight", 8, 12);
        Put(layer + "mlp.up_proj.weight", 8, 12);
        Put(layer + "mlp.down_proj.weight", 12, 8);
        more?.Invoke(writer);
        writer.Write(_folder["m/model.safetensors"]);
        return _folder["m"];

        void Put(string name, params long[] shape)
        {
            if (without?.Contains(name) != true)
                writer.Add(name, shape, Counting(shape.Aggregate(1L, (a, b) => a * b)));
        }
    }

    private static float[] Counting(long count) => [.. Enumerable.Range(0, (int)count).Select(i => (float)i)];

    [Fact]
    public void Rows_of_queries_and_keys_go_from_halves_to_adjacent_pairs()
    {
        using var gguf = Gguf.Open(Llama());
        // transformers rotates dimensions j and j + D/2 of a head together, GGUF's llama 2j and 2j + 1.
        const int D = 6, C = 12;
        foreach (var (name, heads) in new[] { ("attn_q", 2), ("attn_k", 1) })
        {
            var rows = Floats(gguf, $"blk.0.{name}.weight");
            for (var h = 0; h < heads; h++)
                for (var j = 0; j < D / 2; j++)
                {
                    Assert.Equal((h * D + j) * C, rows[(h * D + 2 * j) * C]);
                    Assert.Equal((h * D + j + D / 2) * C, rows[(h * D + 2 * j + 1) * C]);
                }
        }

        Assert.Equal(Counting(72), Floats(gguf, "blk.0.attn_v.weight"));
        Assert.Equal("llama", gguf.GetString("general.architecture"));
        Assert.Equal([12, 5], gguf.Tensor("token_embd.weight").Shape);
        Assert.Equal(6u, gguf.GetUInt("llama.rope.dimension_count"));
        Assert.Equal(5e5f, gguf.GetFloat("llama.rope.freq_base"));
        Assert.False(gguf.Has("llama.attention.key_length"));
        Assert.Equal(gguf.Length, new FileInfo(_folder["m/model.safetensors"]).Length);
    }

    [Fact]
    public void Parts_of_a_reordered_tensor_are_those_of_the_whole()
    {
        using var gguf = Gguf.Open(Llama());
        var tensor = gguf.Tensor("blk.0.attn_q.weight");
        var whole = gguf.Bytes(tensor).ToArray();
        foreach (var (from, length) in new[] { (0, 1), (5, 50), (47, 200), (575, 1), (576, 0) })
            Assert.Equal(whole.AsSpan(from, length), gguf.Bytes(tensor, from, length));
        Assert.Throws<ArgumentOutOfRangeException>(() => gguf.Bytes(tensor, 570, 7).Length);
    }

    [Fact]
    public void A_Conv1D_of_gpt2_is_transposed_and_gemma_norms_hold_the_sum()
    {
        using (var gpt2 = Gguf.Open(GoldenFile.PathOrSkip("golden/llamacpp/models/gpt2.gguf")))
            HuggingFaceWriter.Write(gpt2, _folder["gpt2"]);
        using (var file = Safetensors.Open(_folder["gpt2/model.safetensors"]))
        using (var gpt2 = Gguf.Open(_folder["gpt2"]))
        {
            var theirs = file.Tensor("transformer.h.1.mlp.c_fc.weight");
            Assert.Equal([64, 160], theirs.Shape); // (in, out)
            float[] x = new float[64 * 160], ours = Floats(gpt2, "blk.1.ffn_up.weight");
            file.ReadFloats(theirs, x);
            for (var i = 0; i < 64; i++)
                for (var o = 0; o < 160; o++)
                    Assert.Equal(x[i * 160 + o], ours[o * 64 + i]);
        }

        using (var gemma = Gguf.Open(GoldenFile.PathOrSkip("golden/llamacpp/models/gemma.gguf")))
            HuggingFaceWriter.Write(gemma, _folder["gemma"]);
        using (var file = Safetensors.Open(_folder["gemma/model.safetensors"]))
        using (var gemma = Gguf.Open(_folder["gemma"]))
        {
            var w = new float[64];
            file.ReadFloats(file.Tensor("model.norm.weight"), w);
            Assert.Equal(w.Select(v => 1 + v), Floats(gemma, "output_norm.weight"));
        }
    }

    [Fact]
    public void Llama_3_frequencies_are_those_of_the_golden_model()
    {
        using var golden = Gguf.Open(GoldenFile.PathOrSkip("golden/llamacpp/models/llama3-ropefreqs.gguf"));
        Assert.Equal(Floats(golden, "rope_freqs.weight"), HuggingFaceRope.Llama3(5e5f, 16, 8, 1, 4, original: 64));
        HuggingFaceWriter.Write(golden, _folder["l3"]);
        Assert.Equal("llama3", JsonNode.Parse(File.ReadAllText(_folder["l3/config.json"]))!["rope_scaling"]!
            ["rope_type"]!.GetValue<string>());
    }

    [Fact]
    public void Divisors_that_no_formula_gives_survive_too()
    {
        using (var golden = Gguf.Open(GoldenFile.PathOrSkip("golden/llamacpp/models/llama3-ropefreqs.gguf")))
        {
            var writer = new GgufWriter();
            foreach (var (key, _) in golden.Metadata)
                writer.AddCopy(golden, key);
            foreach (var tensor in golden.Tensors.Where(t => t.Name != "rope_freqs.weight"))
                writer.AddCopy(golden, tensor);
            writer.AddTensor("rope_freqs.weight", [8], DType.F32, [1, 1.1f, 1.3f, 2, 3, 5, 7.7f, 9]);
            writer.Write(_folder["odd.gguf"]);
        }

        using var odd = Gguf.Open(_folder["odd.gguf"]);
        HuggingFaceWriter.Write(odd, _folder["odd"]);
        using var back = Gguf.Open(_folder["odd"]);
        Assert.Equal([1, 1.1f, 1.3f, 2, 3, 5, 7.7f, 9], Floats(back, "rope_freqs.weight"));
    }

    [Fact]
    public void Newer_configs_say_RoPE_in_one_object()
    {
        using var gguf = Gguf.Open(Llama(c =>
        {
            c.Remove("rope_theta");
            c["rope_parameters"] = new JsonObject
            {
                ["rope_theta"] = 1e6, ["rope_type"] = "yarn", ["factor"] = 4, ["attention_factor"] = 1.0,
                ["original_max_position_embeddings"] = 32,
            };
            c["head_dim"] = 6;
            c["dtype"] = "float32";
        }));
        Assert.Equal(1e6f, gguf.GetFloat("llama.rope.freq_base"));
        Assert.Equal("yarn", gguf.GetString("llama.rope.scaling.type"));
        Assert.Equal(4, gguf.GetFloat("llama.rope.scaling.factor"));
        Assert.Equal(32u, gguf.GetUInt("llama.rope.scaling.original_context_length"));
        // llama.cpp multiplies by 0.1·ln 4 + 1 itself, so that a whole factor of 1 is stored as its inverse.
        Assert.Equal((float)(1 / (1 + 0.1 * Math.Log(4))), gguf.GetFloat("llama.rope.scaling.attn_factor"));
        Assert.Equal(6u, gguf.GetUInt("llama.attention.key_length"));
    }

    [Fact]
    public void A_tied_head_is_not_read_twice_and_old_buffers_are_passed_over()
    {
        using (var gguf = Gguf.Open(Llama(c => c["tie_word_embeddings"] = true)))
            Assert.False(gguf.TryTensor("output.weight", out _));
        using (var gguf = Gguf.Open(Llama(
            more: w => w.Add("model.layers.0.self_attn.rotary_emb.inv_freq", [3], [1f, 2, 3]))))
            Assert.True(gguf.TryTensor("output.weight", out _));
    }

    [Fact]
    public void Ids_and_chat_template_come_from_the_files_beside()
    {
        Llama(c => c["bos_token_id"] = 1);
        File.WriteAllText(_folder["m/generation_config.json"], """{"eos_token_id": [3, 4], "pad_token_id": null}""");
        File.WriteAllText(_folder["m/tokenizer_config.json"], """{"chat_template": "{{ messages }}"}""");
        using (var gguf = Gguf.Open(_folder["m/model.safetensors"]))
        {
            Assert.Equal(1u, gguf.GetUInt("tokenizer.ggml.bos_token_id"));
            Assert.Equal(3u, gguf.GetUInt("tokenizer.ggml.eos_token_id"));
            Assert.False(gguf.Has("tokenizer.ggml.padding_token_id"));
            Assert.Equal("{{ messages }}", gguf.GetString("tokenizer.chat_template"));
        }

        File.WriteAllText(_folder["m/chat_template.jinja"], "the file wins");
        using (var gguf = Gguf.Open(_folder["m/config.json"]))
            Assert.Equal("the file wins", gguf.GetString("tokenizer.chat_template"));
    }

    [Theory]
    [InlineData("model_type", "\"falcon\"", "model_type 'falcon' is not supported; known are llama, mistral, mixtral,")]
    [InlineData("model_type", "null", "model_type is missing")]
    [InlineData("model_type", "\"l\\nama\"", "model_type 'l ama' is not supported")]
    [InlineData("vocab_size", "\"many\"", "vocab_size is \"many\", expected a whole number")]
    [InlineData("hidden_size", "null", "hidden_size is missing, expected a whole number")]
    [InlineData("hidden_size", "-12", "hidden_size is -12, expected a whole number from 0")]
    [InlineData("num_hidden_layers", "2000000000", "has 2000000000 layers; the range is 1 to 1024")]
    [InlineData("num_hidden_layers", "2", "layer 1 of 2 has no tensors")]
    [InlineData("num_attention_heads", "0", "has 0 heads; the range is 1 to 1024")]
    [InlineData("num_key_value_heads", "3", "has 2 heads, which 3 kv heads cannot share")]
    [InlineData("rope_theta", "\"x\"", "rope_theta is \"x\", expected a number")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act is \"relu\", expected silu for llama")]
    [InlineData("rope_scaling", """{"type":"dynamic","factor":2}""", "RoPE scaling 'dynamic' is not supported")]
    [InlineData("rope_scaling", """{"type":"linear"}""", "factor is missing, expected a number above 0")]
    [InlineData("rope_scaling", """{"type":"longrope","short_factor":[1],"long_factor":[1]}""", "expected 3 numbers")]
    [InlineData("rope_scaling", "7", "rope_scaling is 7, expected an object")]
    [InlineData("partial_rotary_factor", "0.2", "partial_rotary_factor is 0.2, expected a part of head_dim (6)")]
    [InlineData("quantization_config", """{"quant_method":"gptq"}""", "the weights are quantised as gptq")]
    [InlineData("head_dim", "100000", "has heads of 100000 dimensions")]
    public void A_config_that_cannot_be_meant_is_refused_by_field(string field, string value, string expected)
    {
        Llama(c => c[field] = JsonNode.Parse(value));
        var message = Assert.Throws<InvalidDataException>(() => Gguf.Open(_folder["m"])).Message;
        Assert.Contains(expected, message);
        Assert.StartsWith(_folder["m"], message);
    }

    [Fact]
    public void Weights_that_do_not_fit_the_config_are_refused_by_tensor()
    {
        Refused("tensor model.embed_tokens.weight is missing", without: ["model.embed_tokens.weight"]);
        Refused("holds tensor model.layers.0.self_attn.q_norm.weight, which llama does not use here",
            more: w => w.Add("model.layers.0.self_attn.q_norm.weight", [6], new float[6]));
        Refused("holds tensor model.layers.1.input_layernorm.weight",
            more: w => w.Add("model.layers.1.input_layernorm.weight", [12], new float[12]));
        Refused("k_proj.weight is (5, 12), expected 1 heads of an even number of rows", keys: [5, 12]);
        Refused("k_proj.weight is (2, 3, 12), expected a matrix", keys: [2, 3, 12]);
        Refused("k_proj.weight is (0, 12), expected one to four dimensions, none of them 0", keys: [0, 12]);
        Refused("tensor model.layers.0.self_attn.q_proj.bias is stored as I32; F32, F16 and BF16 can be read",
            more: w => w.Add("model.layers.0.self_attn.q_proj.bias", [12], new int[12]));

        void Refused(string expected, Action<SafetensorsWriter>? more = null, string[]? without = null,
            long[]? keys = null)
        {
            var folder = Llama(null, more, without, keys);
            Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Gguf.Open(folder)).Message);
        }
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../../secret"}}""", "names the file '../../secret', which is not in the folder")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "names the file '/etc/passwd', which is not in the folder")]
    [InlineData("""{"weight_map":{"a":"gone.safetensors"}}""", "gone.safetensors: is missing")]
    [InlineData("""{"weight_map":{"a":"model.safetensors"}}""", "which the index does not know")]
    [InlineData("""{"weight_map":{"a":7}}""", "a is missing, expected a text")]
    [InlineData("""{"weight_map":[]}""", "weight_map is [], expected an object")]
    [InlineData("""{}""", "weight_map is missing, expected an object")]
    [InlineData("""{"weight_map":""", "is no sound JSON")]
    [InlineData("""7""", "a JSON object was expected")]
    public void An_index_that_lies_is_refused(string index, string expected)
    {
        var folder = Llama();
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index);
        var message = Assert.Throws<InvalidDataException>(() => Gguf.Open(folder)).Message;
        Assert.Contains(expected.Replace("a is missing, expected a text", "expected a text"), message);
    }

    [Fact]
    public void A_folder_without_weights_or_config_says_what_it_lacks()
    {
        Llama();
        File.Delete(_folder["m/model.safetensors"]);
        Assert.Contains("holds a config.json and no safetensors files",
            Assert.Throws<InvalidDataException>(() => Gguf.Open(_folder["m"])).Message);
        Llama();
        File.Delete(_folder["m/config.json"]);
        Assert.Contains("has no config.json beside it",
            Assert.Throws<InvalidDataException>(() => Gguf.Open(_folder["m/model.safetensors"])).Message);
    }

    [Fact]
    public void The_text_model_of_a_Gemma_3_that_sees_is_read_without_its_eyes()
    {
        using (var golden = Gguf.Open(GoldenFile.PathOrSkip("golden/llamacpp/models/gemma3.gguf")))
            HuggingFaceWriter.Write(golden, _folder["text"]);
        using var text = Gguf.Open(_folder["text"]);
        Directory.CreateDirectory(_folder["both"]);
        var writer = new SafetensorsWriter().Add("vision_tower.patch.weight", [2], [1f, 2])
            .Add("multi_modal_projector.norm.weight", [1], [3f]);
        using (var file = Safetensors.Open(_folder["text/model.safetensors"]))
            foreach (var tensor in file.Tensors)
            {
                var values = new float[tensor.Elements];
                file.ReadFloats(tensor, values);
                writer.Add("language_model." + tensor.Name, [.. tensor.Shape], values);
            }

        writer.Write(_folder["both/model.safetensors"]);
        File.WriteAllText(_folder["both/config.json"], new JsonObject
        {
            ["model_type"] = "gemma3", ["text_config"] = JsonNode.Parse(File.ReadAllText(_folder["text/config.json"])),
        }.ToJsonString());

        using var both = Gguf.Open(_folder["both"]);
        Assert.Equal(text.Tensors.Select(t => t.Name), both.Tensors.Select(t => t.Name));
        foreach (var tensor in text.Tensors)
            Assert.Equal(Floats(text, tensor.Name), Floats(both, tensor.Name));
    }

    [Fact]
    public void A_damaged_GGUF_is_written_as_a_folder_or_refused()
    {
        var valid = File.ReadAllBytes(GoldenFile.PathOrSkip("golden/llamacpp/models/phi3-longrope.gguf"));
        var random = new Random(7);
        var refused = 0;
        for (var round = 0; round < 300; round++)
        {
            var bytes = (byte[])valid.Clone();
            for (var flips = random.Next(1, 30); flips > 0; flips--)
                bytes[random.Next(1000)] = (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(2) * 255);
            var path = _folder.Put("victim.gguf", bytes);
            try
            {
                using var gguf = Gguf.Open(path);
                HuggingFaceWriter.Write(gguf, _folder["out"]);
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith(path, e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 150, 300);
    }

    [Fact]
    public void Damaged_configs_bring_nothing_but_refusals() => FlipConfigs(1_000, seed: 5);

    [Fact, Trait("cost", "slow")]
    public void Fifty_thousand_damaged_configs_bring_nothing_but_refusals() => FlipConfigs(50_000, seed: 6);

    private void FlipConfigs(int rounds, int seed)
    {
        var folder = Llama(c => c["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 2 });
        var path = Path.Combine(folder, "config.json");
        var valid = File.ReadAllBytes(path);
        var random = new Random(seed);
        byte[] worst = [.. "0123456789-.eE\"{}[],:\\ntf\0\xff"u8];
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = (byte[])valid.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = worst[random.Next(worst.Length)];
            File.WriteAllBytes(path, random.Next(10) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            try
            {
                using var gguf = Gguf.Open(folder);
                foreach (var tensor in gguf.Tensors)
                    Assert.Equal(tensor.Bytes, gguf.Bytes(tensor).Length);
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith(folder, e.Message);
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, rounds * 3 / 10, rounds);
    }

    private static float[] Floats(Gguf gguf, string name)
    {
        var y = new float[gguf.Tensor(name).Elements];
        gguf.ReadFloats(gguf.Tensor(name), y);
        return y;
    }
}
