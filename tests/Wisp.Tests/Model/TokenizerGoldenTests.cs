using System.Text;
using System.Text.Json;
using Wisp.Model;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

/// <summary>
/// Ids, texts and special tokens of llama.cpp on its own vocabularies and on synthetic ones, 253 strings each.
/// </summary>
public class TokenizerGoldenTests
{
    public static TheoryData<string> Vocabularies =>
    [
        "baichuan", "bert-bge", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "gpt-neox", "llama-spm", "mpt",
        "phi-3", "refact", "starcoder", "synbpe-bloom", "synbpe-chatglm-bpe", "synbpe-codeshell", "synbpe-command-r",
        "synbpe-dbrx", "synbpe-deepseek-coder", "synbpe-deepseek-llm", "synbpe-deepseek-v3", "synbpe-default",
        "synbpe-exaone", "synbpe-falcon", "synbpe-gpt-2", "synbpe-gpt-4o", "synbpe-llama-bpe", "synbpe-llama4",
        "synbpe-mpt", "synbpe-olmo", "synbpe-phi-2", "synbpe-pixtral", "synbpe-qwen2", "synbpe-qwen35",
        "synbpe-refact", "synbpe-seed-coder", "synbpe-smollm", "synbpe-stablelm2", "synbpe-starcoder",
        "synbpe-superbpe", "synbpe-tekken", "synspm", "synspm-boseos", "synspm-eos", "synspm-nospace", "synugm",
        "synugm-raw", "synugm-strip", "model-gpt2", "model-llama-gqa", "model-qwen2", "model-starcoder2",
    ];

    [Fact]
    public void Every_vocabulary_of_the_index_is_tested() =>
        Assert.Equal(Index().Select(e => e.GetProperty("name").GetString()!).Order(StringComparer.Ordinal),
            Vocabularies.Select(row => row.Data).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void Ids_texts_and_special_tokens_are_those_of_llama_cpp(string name)
    {
        var entry = Entry(name);
        var tokenizer = Open(entry);
        CheckSpecial(tokenizer, entry);
        var cases = File.ReadAllLines(GoldenFile.PathOrSkip("golden/llamacpp/" + Text(entry, "cases")));
        Assert.Equal(entry.GetProperty("n_cases").GetInt32(), cases.Length);
        foreach (var line in cases)
        {
            using var json = JsonDocument.Parse(line);
            Check(tokenizer, json.RootElement);
        }
    }

    private static void CheckSpecial(Tokenizer tokenizer, JsonElement entry)
    {
        Assert.Equal(entry.GetProperty("n_vocab").GetInt32(), tokenizer.VocabularySize);
        Assert.Equal(Text(entry, "model"), tokenizer.Kind);
        Assert.Equal(Text(entry, "pre") ?? "default", tokenizer.Pre);
        Assert.Equal(entry.GetProperty("bos").GetInt32(), tokenizer.Bos);
        Assert.Equal(entry.GetProperty("eos").GetInt32(), tokenizer.Eos);
        Assert.Equal(entry.GetProperty("add_bos").GetBoolean(), tokenizer.AddBos);
        Assert.Equal(entry.GetProperty("add_eos").GetBoolean(), tokenizer.AddEos);
        Assert.Equal(Ids(entry, "eog"), tokenizer.EndOfGeneration.Order());
        Assert.Equal(Ids(entry, "control"), Enumerable.Range(0, tokenizer.VocabularySize)
            .Where(id => (tokenizer.Traits(id) & TokenTraits.Control) != 0));
    }

    /// <summary>The vectors that llama.cpp ships with its vocabularies.</summary>
    [Theory]
    [InlineData("bert-bge"), InlineData("command-r"), InlineData("deepseek-coder"), InlineData("deepseek-llm")]
    [InlineData("falcon"), InlineData("gpt-2"), InlineData("llama-bpe"), InlineData("llama-spm"), InlineData("mpt")]
    [InlineData("phi-3"), InlineData("qwen2"), InlineData("refact"), InlineData("starcoder")]
    public void Published_vectors_are_reproduced(string name)
    {
        var folder = GoldenFile.PathOrSkip("data/tokenizers/ggml-vocab");
        var path = Path.Combine(folder, $"ggml-vocab-{name}.gguf");
        if (!File.Exists(path))
            Assert.Skip($"the vocabulary of {name} is not in shared/data/tokenizers/ggml-vocab, only its vectors are");
        var tokenizer = Read(path);
        var texts = File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n");
        var expected = File.ReadAllLines(path + ".out");
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i].Trim(), string.Join(' ', tokenizer.Encode(texts[i])));
        Assert.Equal(46, expected.Length);
    }

    private static void Check(Tokenizer tokenizer, JsonElement root)
    {
        var text = Bytes(root.GetProperty("text"));
        var plain = tokenizer.Encode(text);
        Assert.Equal(Ids(root, "plain"), plain);
        Assert.Equal(Ids(root, "special"), tokenizer.Encode(text, addSpecial: true));
        Assert.Equal(Ids(root, "parse"), tokenizer.Encode(text, parseSpecial: true));
        var both = tokenizer.Encode(text, addSpecial: true, parseSpecial: true);
        Assert.Equal(Ids(root, "special_parse"), both);

        var whole = root.GetProperty("detok");
        Assert.Equal(Latin(Bytes(whole)), Latin(tokenizer.Detokenize(plain)));
        Assert.Equal(Latin(Bytes(Or(root, "detok_strip", whole))),
            Latin(tokenizer.Detokenize(both, removeSpecial: true, withSpecial: false)));
        Assert.Equal(Latin(Bytes(Or(root, "detok_keep", whole))), Latin(tokenizer.Detokenize(both)));
        if (root.TryGetProperty("pieces", out var pieces))
            Assert.Equal(pieces.EnumerateArray().Select(piece => Latin(Bytes(piece))),
                plain.Select(id => Latin(tokenizer.BytesOf(id))));
    }

    private static JsonElement Or(JsonElement root, string name, JsonElement otherwise) =>
        root.TryGetProperty(name, out var found) ? found : otherwise;

    internal static JsonElement[] Index()
    {
        using var json = JsonDocument.Parse(
            File.ReadAllText(GoldenFile.PathOrSkip("golden/llamacpp/tokenizer/index.json")));
        return [.. json.RootElement.Clone().EnumerateArray()];
    }

    internal static JsonElement Entry(string name) =>
        Index().First(e => e.GetProperty("name").GetString() == name);

    internal static Tokenizer Open(JsonElement entry)
    {
        var file = Text(entry, "file")!;
        return Read(GoldenFile.PathOrSkip((file.StartsWith("ggml-vocab/") ? "data/tokenizers/" : "golden/llamacpp/")
            + file));
    }

    private static Tokenizer Read(string path)
    {
        using var gguf = Gguf.Open(path);
        return Tokenizer.Read(gguf)!;
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    internal static int[] Ids(JsonElement root, string name) =>
        [.. root.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];

    internal static byte[] Bytes(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? Encoding.UTF8.GetBytes(value.GetString()!)
        : Convert.FromHexString(value.GetProperty("hex").GetString()!);

    private static string Latin(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}
