using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wisp.Model;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Model;

/// <summary>The ids of llama.cpp on its own and on synthetic vocabularies, 253 strings each.</summary>
public class TokenizerGoldenTests
{
    [Theory]
    [InlineData("synbpe-llama-bpe"), InlineData("synbpe-qwen2"), InlineData("synbpe-gpt-2")]
    [InlineData("gpt-2"), InlineData("model-gpt2"), InlineData("model-qwen2")]
    public void Ids_are_those_of_llama_cpp(string name)
    {
        var index = GoldenFile.PathOrSkip("golden/llamacpp/tokenizer/index.json");
        using var entries = JsonDocument.Parse(File.ReadAllText(index));
        var entry = entries.RootElement.EnumerateArray().First(e => e.GetProperty("name").GetString() == name);
        var file = entry.GetProperty("file").GetString()!;
        var folder = file.StartsWith("ggml-vocab/") ? "data/tokenizers/" : "golden/llamacpp/";
        var tokenizer = Read(GoldenFile.PathOrSkip(folder + file));
        Assert.Equal(entry.GetProperty("n_vocab").GetInt32(), tokenizer.VocabularySize);

        var casesFile = entry.GetProperty("cases").GetString();
        var cases = File.ReadAllLines(GoldenFile.PathOrSkip("golden/llamacpp/" + casesFile));
        Assert.Equal(entry.GetProperty("n_cases").GetInt32(), cases.Length);
        foreach (var line in cases)
        {
            using var json = JsonDocument.Parse(line);
            Check(tokenizer, json.RootElement);
        }
    }

    private static void Check(Tokenizer tokenizer, JsonElement root)
    {
        var text = Bytes(root.GetProperty("text"));
        Assert.Equal(text, tokenizer.Decode(Encode(tokenizer, text, false)));
        Assert.Equal(text, tokenizer.Decode(Encode(tokenizer, text, true)));

        // llama.cpp puts U+FFFD where we keep the byte, and reads a spelling that is too long as the short one.
        if (root.GetProperty("text").ValueKind != JsonValueKind.String)
            text = AsLlamaReads(text);
        var plain = Encode(tokenizer, text, false);
        Assert.Equal(Ids(root, "plain"), plain);
        Assert.Equal(Ids(root, "parse"), Encode(tokenizer, text, true));

        var decoded = Latin(tokenizer.Decode(plain));
        var detok = Latin(Bytes(root.GetProperty("detok")));
        Assert.Equal(detok, tokenizer.Pre == "qwen2" ? decoded : CleanUp(decoded));
        if (root.TryGetProperty("pieces", out var pieces))
        {
            var expected = pieces.EnumerateArray().Select(piece => Latin(Bytes(piece)));
            Assert.Equal(expected, plain.Select(id => Latin(tokenizer.BytesOf(id))));
        }
    }

    // The spaces that llama.cpp leaves out of its text, though the tokens hold them; Wisp gives every byte back.
    private static string CleanUp(string text)
    {
        text = Regex.Replace(text, " ([?!.,])", "$1");
        text = text.Replace(" ' ", "'");
        return Regex.Replace(text, " ('m|'s|'ve|'re)", "$1");
    }

    private static byte[] AsLlamaReads(byte[] text) => Convert.ToHexString(text) switch
    {
        "C0AF" => "/"u8.ToArray(),
        "EDA080" => text,
        _ => Encoding.UTF8.GetBytes(string.Concat(Runes(text).Select(r => r ?? "\ufffd"))),
    };

    // One null for every byte that begins no character.
    private static IEnumerable<string?> Runes(byte[] text)
    {
        for (var at = 0; at < text.Length;)
        {
            var whole = Rune.DecodeFromUtf8(text.AsSpan(at), out var rune, out var width) == OperationStatus.Done;
            yield return whole ? rune.ToString() : null;
            at += whole ? width : 1;
        }
    }

    private static int[] Encode(Tokenizer tokenizer, byte[] text, bool parseSpecial)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids, parseSpecial);
        return [.. ids];
    }

    private static int[] Ids(JsonElement root, string name) =>
        [.. root.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];

    private static byte[] Bytes(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? Encoding.UTF8.GetBytes(value.GetString()!)
        : Convert.FromHexString(value.GetProperty("hex").GetString()!);

    private static string Latin(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    // Only what a vocabulary needs, and no check at all: the files are ours.
    private static Tokenizer Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var at = 16;
        var values = new Dictionary<string, object>();
        for (var count = Long(); count > 0; count--)
        {
            var key = Text();
            values[key] = Value(Int());
        }

        return Tokenizer.FromVocabulary((string)values["tokenizer.ggml.pre"],
            List<string>("tokens"), List<string>("merges"), List<int>("token_type"));

        T[] List<T>(string name) => [.. ((List<object>)values["tokenizer.ggml." + name]).Cast<T>()];

        object Value(int type)
        {
            switch (type)
            {
                case 8:
                    return Text();
                case 9:
                    var element = Int();
                    var list = new List<object>();
                    for (var n = Long(); n > 0; n--)
                        list.Add(Value(element));
                    return list;
                case 4 or 5:
                    return Int();
                default:
                    at += type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 6 => 4, _ => 8 };
                    return 0;
            }
        }

        int Int() => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan((at += 4) - 4));
        long Long() => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan((at += 8) - 8));

        string Text()
        {
            var length = (int)Long();
            return Encoding.UTF8.GetString(bytes.AsSpan((at += length) - length, length));
        }
    }
}
