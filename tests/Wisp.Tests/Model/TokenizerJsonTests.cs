using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

public sealed class TokenizerJsonTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // One of each kind and split family; the others share all code with them.
    public static TheoryData<string> Vocabularies =>
    [
        "bert-bge", "falcon", "gpt-2", "gpt-neox", "llama-spm", "phi-3", "starcoder", "synbpe-bloom",
        "synbpe-chatglm-bpe", "synbpe-command-r", "synbpe-deepseek-coder", "synbpe-deepseek-llm", "synbpe-deepseek-v3",
        "synbpe-default", "synbpe-gpt-4o", "synbpe-llama-bpe", "synbpe-llama4", "synbpe-qwen2", "synbpe-qwen35",
        "synbpe-seed-coder", "synbpe-stablelm2", "synbpe-superbpe", "synbpe-tekken", "synspm", "synspm-boseos",
        "synspm-eos", "synspm-nospace", "synugm", "synugm-raw", "synugm-strip", "model-llama-gqa", "model-qwen2",
    ];

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void A_vocabulary_comes_back_from_a_folder_bit_for_bit(string name)
    {
        var tokenizer = TokenizerGoldenTests.Open(TokenizerGoldenTests.Entry(name));
        TokenizerJson.Write(_folder.Path, tokenizer, "{{ template }}");
        var again = TokenizerJson.Read(_folder.Path);
        Assert.Equal(AsGguf(tokenizer), AsGguf(again));
        Assert.Equal(tokenizer.Vocabulary.StripRight, again.Vocabulary.StripRight);
        Assert.Equal(tokenizer.GetType(), again.GetType());
    }

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void A_folder_without_our_own_pairs_gives_the_same_ids(string name)
    {
        var entry = TokenizerGoldenTests.Entry(name);
        TokenizerJson.Write(_folder.Path, TokenizerGoldenTests.Open(entry));
        var config = _folder[TokenizerJson.ConfigName];
        var members = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        Assert.True(members.Remove(TokenizerJson.OwnKey));
        File.WriteAllText(config, members.ToJsonString());

        var tokenizer = TokenizerJson.Read(_folder.Path);
        foreach (var line in File.ReadLines(GoldenFile.PathOrSkip("golden/llamacpp/"
            + entry.GetProperty("cases").GetString())))
        {
            using var json = JsonDocument.Parse(line);
            var text = TokenizerGoldenTests.Bytes(json.RootElement.GetProperty("text"));
            Assert.Equal(TokenizerGoldenTests.Ids(json.RootElement, "plain"), tokenizer.Encode(text));
            Assert.Equal(TokenizerGoldenTests.Ids(json.RootElement, "special"), tokenizer.Encode(text, addSpecial: true));
            Assert.Equal(TokenizerGoldenTests.Ids(json.RootElement, "parse"),
                tokenizer.Encode(text, parseSpecial: true));
        }
    }

    private byte[] AsGguf(Tokenizer tokenizer)
    {
        // Pairs have no order that means anything, so each is written alone and the parts are sorted.
        var path = _folder["out.gguf"];
        tokenizer.Write(new GgufWriter()).Write(path);
        using var gguf = Gguf.Open(path);
        var text = new StringBuilder();
        foreach (var (key, value) in gguf.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            text.Append(key).Append(' ').Append(value.TypeName).Append(' ').Append(value.Count);
            foreach (var item in gguf.Items(value))
                text.Append('\n').Append(item is float score
                    ? BitConverter.SingleToInt32Bits(score).ToString() : item.ToString());
            text.Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
