using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wisp.Run;
using Wisp.Tests.Golden;

namespace Wisp.Tests.TwoFiles;

[Trait("cost", "medium")]
[Collection(nameof(RunPage))]
public class RunTests(RunPage page)
{
    [Fact]
    public void The_page_is_short_and_needs_no_package()
    {
        var lines = RunPage.Source.Split('\n');
        Assert.Equal("#:property PublishAot=false", lines[0]);
        Assert.InRange(lines.Length - 1, 100, 500);
        Assert.DoesNotContain(lines, line => Regex.IsMatch(line, @"^#:(package|sdk|project)|^#r"));
        Assert.DoesNotContain(lines, line => line.Length > 120);
    }

    [Fact]
    public void Two_files_and_the_sdk_write_text_without_any_package_source()
    {
        var golden = GoldenFile.Open("llamacpp/models/llama3-ropefreqs.golden.safetensors");
        var path = GoldenFile.PathOrSkip("golden/llamacpp/models/index.json");
        using var index = JsonDocument.Parse(File.ReadAllBytes(path));
        var model = index.RootElement.EnumerateArray()
            .Single(m => m.GetProperty("name").GetString() == "llama3-ropefreqs");
        var bytes = Convert.FromHexString(model.GetProperty("text_greedy_text_hex").GetString()!);
        Assert.Equal("The dog ran to the house", model.GetProperty("text_prompt").GetString());
        Assert.Equal(12, golden.Ints("text_greedy_tokens").Length);

        Assert.Equal(0, page.First.Code);
        Assert.Matches(@"^\d+ tokens read, 12 written, [^\n]*\n$", page.First.Error);
        Assert.Equal($"The dog ran to the house{Encoding.UTF8.GetString(bytes)}\n", page.First.Output);
        Assert.Equal(0, page.PackagesFetched);
    }

    // F32: every token. Otherwise the oracle also rounds activations, and its README vouches for nine tokens only.
    [Theory]
    [InlineData("qwen3", 16), InlineData("qwen3-tied", 16)]
    [InlineData("llama-gqa", 16), InlineData("llama-tied-spm", 16), InlineData("llama3-ropefreqs", 16)]
    [InlineData("llama-q8_0", 9), InlineData("llama-f16", 9), InlineData("llama-bf16", 9)]
    public void Greedy_tokens_are_those_of_llama_cpp(string name, int count)
    {
        var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
        var model = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
        var prompt = golden.Ints("prompt_tokens");

        var run = page.Run("-m", model, "--ids", string.Join(',', prompt), "-t", "0", "-n", $"{count}");

        Assert.Matches($@"^{prompt.Length} tokens read, {count} written, [^\n]*\n$", run.Error);
        Assert.Equal([.. prompt, .. golden.Ints("greedy_tokens").Take(count)],
            run.Output.TrimEnd('\n').Split(',').Select(int.Parse));
    }

    [Fact]
    public void Logits_agree_with_the_exact_ones_at_every_position()
    {
        string[] names = ["qwen3", "qwen3-tied", "llama-gqa", "llama3-ropefreqs", "llama-q8_0", "llama-bf16"];
        foreach (var name in names)
        {
            var golden = GoldenFile.Open($"llamacpp/models/{name}.golden.safetensors");
            var model = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
            var transformer = Make("Transformer", Make("ParameterFile", model));
            var actual = new List<float>();
            var tokens = golden.Ints("prompt_tokens");
            for (var t = 0; t < tokens.Length; t++)
                actual.AddRange((float[])Call(transformer, "Logits", Call(transformer, "Read", tokens[t], t))!);

            // The oracle's README measures 6e-6 for honest float32 and suggests 1e-4; the logits reach about 8.
            Check.Close(golden.Floats("exact_prefill_logits"), [.. actual], 1e-4 / 8, name);
        }
    }

    [Fact]
    public void The_tokenizer_gives_the_ids_of_llama_cpp()
    {
        var vocabulary = GoldenFile.PathOrSkip("golden/llamacpp/tokenizer/vocabs/synbpe-llama-bpe.gguf");
        var tokenizer = Make("Tokenizer", Make("ParameterFile", vocabulary));
        var begin = (int[])tokenizer.GetType().GetProperty("Begin")!.GetValue(tokenizer)!;
        var checkedCases = 0;
        var cases = GoldenFile.PathOrSkip("golden/llamacpp/tokenizer/cases/synbpe-llama-bpe.jsonl");
        foreach (var line in File.ReadLines(cases))
        {
            using var json = JsonDocument.Parse(line);
            if (!json.RootElement.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                continue; // bytes that are not UTF-8, which no argument of a .NET program can hold
            var ids = ((IEnumerable<int>)Call(tokenizer, "Encode", text.GetString()!)!).ToArray();
            Assert.Equal(json.RootElement.GetProperty("special_parse").EnumerateArray().Select(x => x.GetInt32()),
                [.. begin, .. ids]);
            var bytes = ids.SelectMany(id => (byte[])Call(tokenizer, "Decode", id)!).ToArray();
            Assert.Equal(text.GetString(), Encoding.UTF8.GetString(bytes));
            checkedCases++;
        }

        Assert.True(checkedCases > 200, $"only {checkedCases} strings");
    }

    [Fact]
    public void The_page_and_the_engine_pick_the_same_tokens_for_a_seed()
    {
        const int V = 300;
        (double T, int K, double P, double Min)[] settings =
        [
            (0.8, 40, 0.95, 0.05), (1, 0, 1, 0), (1.5, 0, 0.9, 0), (0.7, 5, 1, 0.1), (1, 0, 0.9, 0.02),
            (0, 40, 0.95, 0.05),
        ];
        foreach (var (T, K, P, min) in settings)
        {
            var page_ = Make("Sampler", T, K, P, min, 42UL);
            var sampling = new Sampling { Temperature = (float)T, TopK = K, TopP = (float)P, MinP = (float)min };
            var engine = new Sampler(sampling, 42, V);
            for (var i = 0; i < 300; i++)
            {
                var logits = Sample.Normal(V, i, 3);
                Assert.Equal(engine.Pick(logits, []), (int)Call(page_, "Pick", logits)!);
            }
        }

        var cold = Make("Sampler", 1e-300, 0, 1.0, 0.0, 1UL);
        Assert.Equal(1, (int)Call(cold, "Pick", new float[] { 900, 1000, -1000 })!);
    }

    [Fact]
    public void A_file_cut_anywhere_or_with_any_byte_changed_is_refused_or_read_but_never_a_crash()
    {
        var whole = File.ReadAllBytes(GoldenFile.PathOrSkip("golden/llamacpp/models/qwen3-tied.gguf"));
        var path = Path.GetTempFileName();
        try
        {
            for (var length = 0; length < whole.Length; length += length < 200 ? 1 : 1511)
            {
                File.WriteAllBytes(path, whole[..length]);
                Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => Load(path)).Message);
            }

            // The head is 12 kB; each field there takes some hostile value.
            for (var at = 0; at < 12_000; at += 17)
            {
                var changed = (byte[])whole.Clone();
                changed[at] = (byte)(at % 3 == 0 ? 0xFF : changed[at] ^ 0x81);
                File.WriteAllBytes(path, changed);
                try
                {
                    Load(path);
                }
                catch (Exception e)
                {
                    Assert.True(e is InvalidDataException or ArgumentException, $"byte {at}: {e}");
                }
            }
        }
        finally
        {
            File.Delete(path);
        }

        void Load(string file)
        {
            var parameters = Make("ParameterFile", file);
            Make("Transformer", parameters);
        }
    }

    [Fact]
    public void Bad_input_is_one_line_and_exit_code_1()
    {
        string Model(string name) => GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
        (string[] Arguments, string Said)[] cases =
        [
            (["-m", "missing.bin"], "missing.bin"),
            (["-m", GoldenFile.PathOrSkip("golden/llamacpp/models/index.json")], "does not begin with 'GGUF'"),
            (["-m", Model("gpt2"), "a"], "kind 'gpt2'"),
            (["-m", Model("llama-q4_0"), "--ids", "1"], "type 2"),
            (["-m", Model("llama-gqa"), "a"], "(llama, default)"),
            (["-m", Model("llama-bias-headdim"), "--ids", "1"], "attn_q.bias"),
            (["-m", Model("llama-rope-linear"), "--ids", "1"], "scales RoPE"),
            (["-m", Model("qwen3"), "--ids", "1,320"], "lacks a token"),
            (["-t", "warm"], "'warm'"), (["--top-p", "1.5"], "from 0 to 1"), (["-n"], "-n takes"),
            (["--typo", "1"], "--typo"),
        ];
        foreach (var (arguments, said) in cases)
        {
            var run = page.Run(arguments);
            Assert.Equal((1, ""), (run.Code, run.Output));
            Assert.Contains(said, run.Error);
            Assert.Equal(1, run.Error.Count(c => c == '\n'));
        }
    }

    private object Make(string type, params object[] arguments)
    {
        try
        {
            return Activator.CreateInstance(page.Types.GetType(type, throwOnError: true)!, arguments)!;
        }
        catch (TargetInvocationException e)
        {
            throw e.InnerException!;
        }
    }

    private static object? Call(object target, string method, params object?[] arguments) =>
        target.GetType().GetMethod(method)!.Invoke(target, arguments);
}
