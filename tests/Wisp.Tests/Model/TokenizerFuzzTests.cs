using System.Text;
using System.Text.Json.Nodes;
using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>
/// Damaged and hostile tokenizers, as GGUF metadata and as tokenizer.json: one is read, and then encodes and decodes,
/// or is refused with InvalidDataException; and it takes memory in proportion to its size.
/// </summary>
public sealed class TokenizerFuzzTests : IDisposable
{
    private const int Quick = 2_500, Slow = 300_000; // inputs of each of the two tests

    private const string Text = "Hello world 123, it's  ▁é中\n<s></s><|im_end|>\0\ud83d\ude42";

    private const string HalfPair = "half a pair"; // JsonNode would not take one

    private static readonly string?[] s_values =
    [
        null, "true", "-1", "0", "3", "65536", "2097151", "2147483647", "4294967295", "1e999", "-0.5", "\"\"", "\"a\"",
        "\"▁\"", $"\"{HalfPair}\"", "\"<0x0A>\"", "[]", "{}", "[[]]", "[\"a\",\"b\",\"c\"]", "{\"type\":\"Sequence\"}",
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "{\"type\":\"Metaspace\"}",
        "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Isolated\"}",
        "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAAAA\"}",
        "\"AAAA\"", "\"BPE\"", "\"Unigram\"", "\"WordPiece\"", "\"gpt-4o\"", "\"llama\"", "\"t5\"",
    ];

    private static readonly string[] s_numbers = ["bos_token_id", "unknown_token_id", "eot_token_id"],
        s_switches = ["add_bos_token", "add_space_prefix", "remove_extra_whitespaces"];

    private static readonly float[] s_scores = [float.NaN, float.PositiveInfinity, -1e38f, 1e38f];

    private readonly string _path = Path.GetTempFileName();
    private readonly Vocabulary[] _seeds = [ByteLevel(), SentencePiece(), Words(), Pieces()];

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_damaged_tokenizer_json_is_read_or_refused() => FuzzJson(Quick, seed: 1);

    [Fact]
    public void Damaged_metadata_is_read_or_refused() => FuzzGguf(Quick, seed: 2);

    [Fact]
    [Trait("cost", "slow")]
    public void A_great_many_damaged_tokenizer_json_are_read_or_refused() => FuzzJson(Slow, seed: 3);

    [Fact]
    [Trait("cost", "slow")]
    public void A_great_deal_of_damaged_metadata_is_read_or_refused() => FuzzGguf(Slow, seed: 4);

    [Fact]
    public void Undamaged_seeds_are_read()
    {
        foreach (var seed in _seeds)
        {
            var (json, config) = TokenizerJson.Bytes(seed, null);
            Assert.True(ReadJson(json, config));
            Assert.True(ReadGguf(Gguf(seed)));
        }
    }

    private void FuzzJson(int inputs, int seed)
    {
        var random = new Random(seed);
        var files = _seeds.Select(vocabulary => TokenizerJson.Bytes(vocabulary, null)).ToArray();
        var good = 0;
        for (var i = 0; i < inputs; i++)
        {
            var (json, config) = files[random.Next(files.Length)];
            if (random.Next(3) == 0)
                config = random.Next(2) == 0 ? Damage(random, config) : Restructure(random, config);
            else
                json = random.Next(3) == 0 ? Damage(random, json) : Restructure(random, json);
            good += ReadJson(json, config) ? 1 : 0;
        }

        Report(inputs, good);
    }

    private void FuzzGguf(int inputs, int seed)
    {
        var random = new Random(seed);
        var files = _seeds.Select(Gguf).ToArray();
        var good = 0;
        for (var i = 0; i < inputs; i++)
            good += ReadGguf(random.Next(2) == 0 ? Damage(random, files[random.Next(files.Length)])
                : Gguf(Twisted(random, _seeds[random.Next(_seeds.Length)]))) ? 1 : 0;
        Report(inputs, good);
    }

    // A fuzzer whose inputs are all refused at the door, or all accepted, tests little.
    private static void Report(int inputs, int good)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{inputs} inputs, {good} read, {inputs - good} refused");
        Assert.InRange(good, inputs / 50, inputs - inputs / 50);
    }

    private static bool ReadJson(byte[] json, byte[] config) => Reads(json.Length + config.Length, () =>
        TokenizerJson.Of(JsonPart.Parse(json, "a.json"), JsonPart.Parse(config, "b.json"), default));

    private bool ReadGguf(byte[] bytes)
    {
        File.WriteAllBytes(_path, bytes);
        return Reads(bytes.Length, () =>
        {
            using var gguf = Wisp.Model.Gguf.Open(_path);
            return Tokenizer.Read(gguf);
        });
    }

    private static bool Reads(int bytes, Func<Tokenizer?> read)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            if (read() is { } tokenizer)
            {
                var ids = tokenizer.Encode(Text, addSpecial: true, parseSpecial: true);
                Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
                tokenizer.Detokenize(ids, removeSpecial: true);
            }

            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.DoesNotContain('\n', e.Message);
            Assert.InRange(e.Message.Length, 10, 2_300);
            return false;
        }
        finally
        {
            // A token of a few bytes takes a string, its place in some tables and what grows by doubling; holes between
            // ids, of which 4,096 are allowed beyond the number of tokens, take the same without being in the file.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (8 << 20) + 600L * bytes);
        }
    }

    private static byte[] Damage(Random random, byte[] bytes)
    {
        var damaged = new List<byte>(bytes);
        for (var times = 1 << random.Next(4); times > 0 && damaged.Count > 0; times--)
        {
            var at = random.Next(damaged.Count);
            var length = Math.Min(random.Next(1, 20), damaged.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    damaged.RemoveRange(at, length);
                    break;
                case 3:
                    damaged.InsertRange(at, damaged.GetRange(at, length));
                    break;
                default:
                    if (random.Next(8) == 0)
                        damaged.RemoveRange(at, damaged.Count - at);
                    break;
            }
        }

        return [.. damaged];
    }

    // Well-formed JSON in which a value is replaced, taken out or put where another was.
    private static byte[] Restructure(Random random, byte[] json)
    {
        var root = JsonNode.Parse(json)!;
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = root;
            JsonNode? parent = null;
            while (at is JsonObject or JsonArray && (parent is null || random.Next(4) != 0))
            {
                var children = at is JsonObject o ? o.Select(pair => pair.Value).ToList() : [.. (JsonArray)at];
                if (children.Count == 0)
                    break;
                parent = at;
                at = children[random.Next(Math.Min(children.Count, random.Next(2) == 0 ? 4 : int.MaxValue))];
            }

            var value = s_values[random.Next(s_values.Length)];
            var put = value is null ? null : JsonNode.Parse(value);
            if (parent is JsonObject members)
            {
                var key = members.First(pair => ReferenceEquals(pair.Value, at)).Key;
                if (random.Next(3) == 0)
                    members.Remove(key);
                else
                    members[key] = put;
            }
            else if (parent is JsonArray items)
            {
                items[items.IndexOf(at)] = put;
            }
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString().Replace(HalfPair, "\\ud800"));
    }

    private static Vocabulary Twisted(Random random, Vocabulary seed)
    {
        var tokens = seed.Tokens.ToArray();
        var types = seed.Types!.ToArray();
        var scores = seed.Scores?.ToArray();
        var merges = seed.Merges?.ToArray();
        var numbers = seed.Numbers.ToDictionary();
        var switches = seed.Switches.ToDictionary();
        for (var times = random.Next(1, 5); times > 0; times--)
        {
            var id = random.Next(tokens.Length);
            switch (random.Next(7))
            {
                case 0 when id < types.Length:
                    types[id] = random.Next(0, 8);
                    break;
                case 1:
                    tokens[id] = random.Next(3) == 0 ? "<|end|>" : Text[random.Next(8)..random.Next(8, Text.Length)];
                    break;
                case 2 when scores is not null:
                    scores[id] = s_scores[random.Next(s_scores.Length)];
                    break;
                case 3 when merges?.Length > 0:
                    merges[random.Next(merges.Length)] = Text[random.Next(8)..random.Next(8, Text.Length)];
                    break;
                case 4:
                    numbers[s_numbers[random.Next(s_numbers.Length)]] = (uint)random.Next(-1, 400);
                    break;
                case 5:
                    switches[s_switches[random.Next(s_switches.Length)]] = random.Next(2) == 0;
                    break;
                default:
                    Array.Resize(ref types, random.Next(3) == 0 ? id : types.Length);
                    break;
            }
        }

        var map = new byte[random.Next(64)];
        random.NextBytes(map);
        if (map.Length > 8)
            (map[0], map[1], map[2], map[3], map[^1]) = ((byte)(map.Length / 2 & ~3), 0, 0, 0, 0);
        return new Vocabulary
        {
            Kind = seed.Kind, Pre = seed.Pre, Tokens = tokens, Types = types, Scores = scores, Merges = merges,
            Numbers = numbers, Switches = switches, CharacterMap = random.Next(2) == 0 ? map : null,
        };
    }

    private static byte[] Gguf(Vocabulary vocabulary)
    {
        var stream = new MemoryStream();
        vocabulary.Write(new GgufWriter()).Write(stream);
        return stream.ToArray();
    }

    private static Vocabulary ByteLevel()
    {
        var bytes = Enumerable.Range(0, 256).Select(value => ByteText.Encode([(byte)value])).ToArray();
        return Tokenizer.FromVocabulary("gpt-4o", [.. bytes, "He", "ll", "Hell", "<|endoftext|>", "<|im_end|>"],
            ["H e", "l l", "He ll"], [.. Enumerable.Repeat(1, 259), 3, 4]).Vocabulary;
    }

    private static Vocabulary SentencePiece() => new()
    {
        Kind = "llama",
        Pre = "default",
        Tokens = ["<unk>", "<s>", "</s>", "<0x0A>", "<0xC3>", "▁", "H", "e", "l", "o", "▁H", "el", "▁Hel", "[INST]"],
        Types = [2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1, 4],
        Scores = [0, 0, 0, 0, 0, -9, -8, -7, -6, -5, -1, -2, -3, 0],
        Numbers = new Dictionary<string, uint> { ["bos_token_id"] = 1, ["eos_token_id"] = 2 },
        Switches = new Dictionary<string, bool> { ["add_bos_token"] = true },
    };

    private static Vocabulary Words() => new()
    {
        Kind = "bert",
        Tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁hello", "▁wor", "ld", "▁,", "▁1", "2", "3", "▁e"],
        Types = [3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1],
        Numbers = new Dictionary<string, uint>
        {
            ["bos_token_id"] = 2, ["unknown_token_id"] = 1, ["seperator_token_id"] = 3, ["padding_token_id"] = 0,
        },
    };

    private static Vocabulary Pieces() => new()
    {
        Kind = "t5",
        Tokens = ["<pad>", "</s>", "<unk>", "▁", "▁Hel", "lo", "▁world", "1", "23", ",", "user"],
        Types = [3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 4],
        Scores = [0, 0, 0, -2, -3, -3.5f, -4, -5, -6, -7, 0],
        Numbers = new Dictionary<string, uint> { ["eos_token_id"] = 1, ["unknown_token_id"] = 2 },
        Switches = new Dictionary<string, bool>
        {
            ["add_space_prefix"] = true, ["remove_extra_whitespaces"] = true, ["add_eos_token"] = true,
        },
        CharacterMap = [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    };
}
