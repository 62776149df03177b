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

    // One of each kind and split family; the others share all code with them. deepseek-coder cannot be among them: its
    // <pad> is plain text there, and control in a folder's eyes, as in llama.cpp's converter.
    public static TheoryData<string> Families =>
    [
        "bert-bge", "falcon", "gpt-2", "gpt-neox", "llama-spm", "phi-3", "starcoder", "synbpe-bloom",
        "synbpe-chatglm-bpe", "synbpe-command-r", "synbpe-deepseek-coder", "synbpe-deepseek-llm", "synbpe-deepseek-v3",
        "synbpe-default", "synbpe-gpt-4o", "synbpe-llama-bpe", "synbpe-llama4", "synbpe-qwen2", "synbpe-qwen35",
        "synbpe-seed-coder", "synbpe-stablelm2", "synbpe-superbpe", "synbpe-tekken", "synspm", "synspm-boseos",
        "synspm-eos", "synspm-nospace", "synugm", "synugm-raw", "synugm-strip", "model-llama-gqa", "model-qwen2",
    ];

    [Theory]
    [MemberData(nameof(TokenizerGoldenTests.Vocabularies), MemberType = typeof(TokenizerGoldenTests))]
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
    [MemberData(nameof(Families))]
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
            Assert.Equal(TokenizerGoldenTests.Ids(json.RootElement, "special"),
                tokenizer.Encode(text, addSpecial: true));
            Assert.Equal(TokenizerGoldenTests.Ids(json.RootElement, "parse"),
                tokenizer.Encode(text, parseSpecial: true));
        }
    }

    public static TheoryData<string, string, string> Refused => new()
    {
        { "[]", "{}", "expected an object" },
        { "{", "{}", "not valid JSON" },
        { "{}", "{}", "model: is nothing" },
        { Model("{\"type\":\"WordLevel\"}"), "{}", "the model 'WordLevel' is not supported" },
        { Bpe("{\"a\":-1}"), "{}", "whole number from 0" },
        { Bpe("{\"a\":0,\"b\":0}"), "{}", "to both 'a' and 'b'" },
        { Bpe("{\"a\":2000000}"), "{}", "ids or rows up to 2000000" },
        {
            "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+\\n\"},\"behavior\":\"Isolated\"}," +
            "\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "{}", "splits text by '(a+)+ '"
        },
        {
            "{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
            "{}", "Whitespace"
        },
        {
            "{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
            "{}", "the normalizer Lowercase"
        },
        { Model("{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}"), "{}", "a token and its score" },
        { Model("{\"type\":\"Unigram\",\"vocab\":[[\"\\ud800\",0]]}"), "{}", "surrogate" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_understood_is_refused_by_name(string json, string config, string says)
    {
        File.WriteAllText(_folder[TokenizerJson.FileName], json);
        File.WriteAllText(_folder[TokenizerJson.ConfigName], config);
        var message = Assert.Throws<InvalidDataException>(() => TokenizerJson.Read(_folder.Path)).Message;
        Assert.Contains(says, message);
        Assert.StartsWith(_folder.Path, message);
    }

    [Fact]
    public void Text_that_is_no_UTF_8_is_refused_wherever_it_stands()
    {
        File.WriteAllBytes(_folder[TokenizerJson.FileName], [.. "{\"normalizer\":{\"type\":\"a"u8, 0xA8, .. "\"}}"u8]);
        Assert.Contains("is no UTF-8",
            Assert.Throws<InvalidDataException>(() => TokenizerJson.Read(_folder.Path)).Message);
    }

    [Fact]
    public void A_folder_without_a_tokenizer_says_so() => Assert.Contains("has no tokenizer.json",
        Assert.Throws<InvalidDataException>(() => TokenizerJson.Read(_folder.Path)).Message);

    [Fact]
    public void Rows_beyond_the_last_token_become_unused_tokens()
    {
        var tokenizer = SampleText.Trained();
        TokenizerJson.Write(_folder.Path, tokenizer);
        File.WriteAllText(_folder["config.json"], "{\"vocab_size\":704}");
        var padded = TokenizerJson.Read(_folder.Path);
        Assert.Equal(704, padded.VocabularySize);
        Assert.Equal("[PAD703]", padded.Tokens[703]);
        Assert.Equal((int)TokenType.Unused, padded.Types[703]);
    }

    [Fact]
    public void Tokens_that_end_a_text_are_gathered_from_all_files()
    {
        var tokenizer = SampleText.Trained();
        TokenizerJson.Write(_folder.Path, tokenizer);
        File.WriteAllText(_folder[TokenizerJson.ConfigName], "{\"eos_token\":{\"content\":\"<think>\"}}");
        int think = tokenizer.IdOf("<think>"), call = tokenizer.IdOf("<tool_call>");
        File.WriteAllText(_folder["generation_config.json"],
            $"{{\"eos_token_id\":[{think},{call}],\"bos_token_id\":5}}");
        var read = TokenizerJson.Read(_folder.Path);
        Assert.Equal((5, think), (read.Bos, read.Eos));
        Assert.Superset(new HashSet<int> { think, call, tokenizer.IdOf("<|im_end|>"), tokenizer.EndOfText },
            read.EndOfGeneration.ToHashSet());
    }

    private static string Bpe(string vocab) => "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," +
        Model($"{{\"type\":\"BPE\",\"vocab\":{vocab},\"merges\":[]}}")[1..];

    private static string Model(string model) => $"{{\"model\":{model}}}";

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
