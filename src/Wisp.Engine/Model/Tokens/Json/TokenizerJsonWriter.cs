using System.Text.Json;

namespace Wisp.Model;

/// <summary>
/// Writes a vocabulary as the tokenizer.json that Hugging Face's tokenizers read, as far as that format can say it.
/// </summary>
internal static class TokenizerJsonWriter
{
    // Ways to make a longer token from two grow with its length, and no real one is longer.
    private const int MaxMergedLength = 256;

    // How tokenizer_config.json calls what the pairs of a GGUF file name by id.
    private static readonly (string Key, string Name)[] s_special =
    [
        ("bos_token_id", "bos_token"), ("eos_token_id", "eos_token"), ("unknown_token_id", "unk_token"),
        ("seperator_token_id", "sep_token"), ("padding_token_id", "pad_token"), ("mask_token_id", "mask_token"),
    ];

    public static void WriteConfig(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        foreach (var (key, name) in s_special)
            if (vocabulary.Numbers.ContainsKey(key) && vocabulary.Id(key, -1) is >= 0 and var id)
                json.WriteString(name, vocabulary.Tokens[id]);
        if (vocabulary.Kind == "bert" && vocabulary.Id("bos_token_id", -1) is >= 0 and var first)
            json.WriteString("cls_token", vocabulary.Tokens[first]);
        json.WriteBoolean("clean_up_tokenization_spaces",
            vocabulary.Kind == "gpt2" && PreTokenizer.Of(vocabulary.Pre ?? "default").CleansSpaces);
        foreach (var name in (string[])["add_bos_token", "add_eos_token"])
            if (vocabulary.Switches.TryGetValue(name, out var value))
                json.WriteBoolean(name, value);
    }

    public static void Write(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        WriteAdded(json, vocabulary);
        switch (vocabulary.Kind)
        {
            case "gpt2":
                WriteByteLevel(json, vocabulary);
                break;
            case "llama":
                WriteSentencePiece(json, vocabulary);
                break;
            case "bert":
                WriteWordPiece(json, vocabulary);
                break;
            default:
                WriteUnigram(json, vocabulary);
                break;
        }

        json.WriteEndObject();
    }

    private static TokenType TypeOf(Vocabulary vocabulary, int id) =>
        vocabulary.Types is null ? TokenType.Normal : (TokenType)vocabulary.Types[id];

    private static void WriteAdded(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteStartArray("added_tokens");
        for (var id = 0; id < vocabulary.Tokens.Count; id++)
        {
            var type = TypeOf(vocabulary, id);
            if (type is not (TokenType.Control or TokenType.Unknown or TokenType.UserDefined))
                continue;
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", vocabulary.Tokens[id]);
            json.WriteBoolean("single_word", false);
            json.WriteBoolean("lstrip", vocabulary.StripLeft.Contains(id));
            json.WriteBoolean("rstrip", vocabulary.StripRight.Contains(id));
            json.WriteBoolean("normalized", false);
            json.WriteBoolean("special", type != TokenType.UserDefined);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        var pre = vocabulary.Pre ?? "default";
        var steps = SplitForms.StepsOf(pre);
        json.WriteNull("normalizer");
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        foreach (var step in steps)
            WriteStep(json, step);
        if (!steps.Contains(SplitForms.Gpt2))
            WriteByteLevelStep(json, null, useRegex: false);
        json.WriteEndArray();
        json.WriteEndObject();
        WriteTemplate(json, vocabulary, PreTokenizer.Of(pre).AddBos, addEos: false);
        WriteByteLevelStep(json, "decoder", useRegex: true);

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", PreTokenizer.Of(pre).IgnoreMerges);
        WriteUnknown(json, vocabulary);
        WriteVocab(json, vocabulary, token => token);
        json.WriteStartArray("merges");
        foreach (var merge in vocabulary.Merges ?? [])
            json.WriteStringValue(merge);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteStep(Utf8JsonWriter json, string step)
    {
        if (step == SplitForms.Gpt2)
        {
            WriteByteLevelStep(json, null, useRegex: true);
            return;
        }

        json.WriteStartObject();
        switch (step)
        {
            case SplitForms.Digits or SplitForms.Numbers:
                json.WriteString("type", "Digits");
                json.WriteBoolean("individual_digits", step == SplitForms.Digits);
                break;
            case SplitForms.Punctuation:
                json.WriteString("type", "Punctuation");
                json.WriteString("behavior", "Contiguous");
                break;
            default:
                json.WriteString("type", "Split");
                json.WriteStartObject("pattern");
                json.WriteString("Regex", step);
                json.WriteEndObject();
                json.WriteString("behavior", "Isolated");
                json.WriteBoolean("invert", false);
                break;
        }

        json.WriteEndObject();
    }

    private static void WriteByteLevelStep(Utf8JsonWriter json, string? name, bool useRegex)
    {
        if (name is null)
            json.WriteStartObject();
        else
            json.WriteStartObject(name);
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", useRegex);
        json.WriteEndObject();
    }

    private static void WriteSentencePiece(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        var prefixed = vocabulary.Switch("add_space_prefix", otherwise: true);
        json.WriteStartObject("normalizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("normalizers");
        if (prefixed)
        {
            json.WriteStartObject();
            json.WriteString("type", "Prepend");
            json.WriteString("prepend", "▁");
            json.WriteEndObject();
        }

        WriteReplace(json, " ", "▁");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteNull("pre_tokenizer");
        WriteTemplate(json, vocabulary, addBos: true, addEos: false);
        json.WriteStartObject("decoder");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("decoders");
        WriteReplace(json, "▁", " ");
        foreach (var type in (string[])["ByteFallback", "Fuse"])
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteEndObject();
        }

        if (prefixed)
        {
            json.WriteStartObject();
            json.WriteString("type", "Strip");
            json.WriteString("content", " ");
            json.WriteNumber("start", 1);
            json.WriteNumber("stop", 0);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteBoolean("byte_fallback", true);
        json.WriteBoolean("fuse_unk", true);
        WriteUnknown(json, vocabulary);
        WriteVocab(json, vocabulary, token => token);
        json.WriteStartArray("merges");
        foreach (var (left, right) in MergesOf(vocabulary))
            json.WriteStringValue($"{left} {right}");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteReplace(Utf8JsonWriter json, string from, string to, string kind = "String")
    {
        json.WriteStartObject();
        json.WriteString("type", "Replace");
        json.WriteStartObject("pattern");
        json.WriteString(kind, from);
        json.WriteEndObject();
        json.WriteString("content", to);
        json.WriteEndObject();
    }

    // All ways to make a token of two, the best score first: what scores say of tokens, said of pairs.
    private static IEnumerable<(string Left, string Right)> MergesOf(Vocabulary vocabulary)
    {
        var ids = new Dictionary<string, int>();
        for (var id = 0; id < vocabulary.Tokens.Count; id++)
            if (TypeOf(vocabulary, id) is TokenType.Normal or TokenType.UserDefined
                && !vocabulary.Tokens[id].Contains(' '))
                ids.TryAdd(vocabulary.Tokens[id], id);
        foreach (var (token, _) in ids.OrderByDescending(pair => vocabulary.Scores?[pair.Value] ?? 0)
            .ThenBy(pair => pair.Value))
        {
            if (token.Length is < 2 or > MaxMergedLength)
                continue;
            var ways = new List<(int Left, int Right, string First, string Second)>();
            for (var at = 1; at < token.Length; at++)
                if (ids.TryGetValue(token[..at], out var left) && ids.TryGetValue(token[at..], out var right))
                    ways.Add((left, right, token[..at], token[at..]));
            foreach (var (_, _, first, second) in ways.OrderBy(way => way.Left).ThenBy(way => way.Right))
                yield return (first, second);
        }
    }

    private static void WriteWordPiece(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        var lowercase = vocabulary.Switch("normalizer.lowercase", otherwise: true);
        json.WriteStartObject("normalizer");
        json.WriteString("type", "BertNormalizer");
        json.WriteBoolean("clean_text", true);
        json.WriteBoolean("handle_chinese_chars", true);
        json.WriteBoolean("strip_accents", vocabulary.Switch("normalizer.strip_accents", otherwise: lowercase));
        json.WriteBoolean("lowercase", lowercase);
        json.WriteEndObject();
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "BertPreTokenizer");
        json.WriteEndObject();
        WriteTemplate(json, vocabulary, addBos: true, addEos: false);
        json.WriteStartObject("decoder");
        json.WriteString("type", "WordPiece");
        json.WriteString("prefix", "##");
        json.WriteBoolean("cleanup", true);
        json.WriteEndObject();

        json.WriteStartObject("model");
        json.WriteString("type", "WordPiece");
        WriteUnknown(json, vocabulary);
        json.WriteString("continuing_subword_prefix", "##");
        json.WriteNumber("max_input_chars_per_word", 100);
        WriteVocab(json, vocabulary, token => token.Length > 1 && token[0] == PieceText.Blank
            ? token[1..] : "##" + token);
        json.WriteEndObject();
    }

    private static void WriteUnigram(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        json.WriteStartObject("normalizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("normalizers");
        if (vocabulary.CharacterMap is { } map)
        {
            json.WriteStartObject();
            json.WriteString("type", "Precompiled");
            json.WriteBase64String("precompiled_charsmap", map);
            json.WriteEndObject();
        }

        if (vocabulary.Switch("remove_extra_whitespaces", otherwise: false))
        {
            WriteReplace(json, TokenizerJsonReader.OuterBlanks, "", "Regex");
            WriteReplace(json, TokenizerJsonReader.ManyBlanks, " ", "Regex");
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Metaspace");
        json.WriteString("replacement", "▁");
        // Where blanks are merged a word has one before it in any case.
        json.WriteString("prepend_scheme", vocabulary.Switch("add_space_prefix", otherwise: false)
            || vocabulary.Switch("remove_extra_whitespaces", otherwise: false) ? "always" : "never");
        json.WriteBoolean("split", true);
        json.WriteEndObject();
        WriteTemplate(json, vocabulary, addBos: false, addEos: true);
        json.WriteStartObject("decoder");
        json.WriteString("type", "Metaspace");
        json.WriteString("replacement", "▁");
        json.WriteString("prepend_scheme", "always");
        json.WriteBoolean("split", true);
        json.WriteEndObject();

        json.WriteStartObject("model");
        json.WriteString("type", "Unigram");
        if (vocabulary.Id("unknown_token_id", 2) is >= 0 and var unknown)
            json.WriteNumber("unk_id", unknown);
        json.WriteStartArray("vocab");
        for (var id = 0; id < vocabulary.Tokens.Count; id++)
        {
            json.WriteStartArray();
            json.WriteStringValue(vocabulary.Tokens[id]);
            json.WriteNumberValue(vocabulary.Scores![id]);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteUnknown(Utf8JsonWriter json, Vocabulary vocabulary)
    {
        if (vocabulary.Numbers.ContainsKey("unknown_token_id")
            && vocabulary.Id("unknown_token_id", -1) is >= 0 and var id)
            json.WriteString("unk_token", vocabulary.Tokens[id]);
        else if (Enumerable.Range(0, vocabulary.Tokens.Count)
            .FirstOrDefault(i => TypeOf(vocabulary, i) == TokenType.Unknown, -1) is >= 0 and var found)
            json.WriteString("unk_token", vocabulary.Tokens[found]);
        else
            json.WriteNull("unk_token");
    }

    // Unused tokens with the name that a hole gets when it is read are left out, and so is one whose written form
    // another has.
    private static void WriteVocab(Utf8JsonWriter json, Vocabulary vocabulary, Func<string, string> form)
    {
        json.WriteStartObject("vocab");
        var written = new HashSet<string>();
        for (var id = 0; id < vocabulary.Tokens.Count; id++)
        {
            var type = TypeOf(vocabulary, id);
            var token = vocabulary.Tokens[id];
            var added = type is TokenType.Control or TokenType.Unknown or TokenType.UserDefined;
            if (type == TokenType.Unused && token == $"[PAD{id}]")
                continue;
            var spelled = added ? token : form(token);
            if (written.Add(spelled))
                json.WriteNumber(spelled, id);
        }

        json.WriteEndObject();
    }

    // What a text is put between when special tokens are added.
    private static void WriteTemplate(Utf8JsonWriter json, Vocabulary vocabulary, bool addBos, bool addEos)
    {
        var separates = vocabulary.Kind == "bert";
        var first = separates || vocabulary.Switch("add_bos_token", addBos)
            ? vocabulary.Id("bos_token_id", Default("llama", 1, "bert", 101)) : -1;
        var last = separates ? vocabulary.Id("seperator_token_id", 102)
            : vocabulary.Switch("add_eos_token", addEos)
                ? vocabulary.Id("eos_token_id", Default("llama", 2, "t5", 1)) : -1;
        if (first < 0 && last < 0)
        {
            json.WriteNull("post_processor");
            return;
        }

        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        json.WriteStartArray("single");
        Special(first);
        Sequence("A", 0);
        Special(last);
        json.WriteEndArray();
        json.WriteStartArray("pair");
        Special(first);
        Sequence("A", 0);
        Special(last);
        Sequence("B", 1);
        Special(last);
        json.WriteEndArray();
        json.WriteStartObject("special_tokens");
        foreach (var id in new[] { first, last }.Where(id => id >= 0).Distinct())
        {
            var token = vocabulary.Tokens[id];
            json.WriteStartObject(token);
            json.WriteString("id", token);
            json.WriteStartArray("ids");
            json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(token);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();

        int Default(string kind, int id, string other, int otherId) =>
            vocabulary.Kind == kind ? id : vocabulary.Kind == other ? otherId : -1;

        void Special(int id)
        {
            if (id < 0)
                return;
            Item("SpecialToken", vocabulary.Tokens[id], 0);
        }

        void Sequence(string name, int type) => Item("Sequence", name, type);

        void Item(string kind, string id, int type)
        {
            json.WriteStartObject();
            json.WriteStartObject(kind);
            json.WriteString("id", id);
            json.WriteNumber("type_id", type);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
