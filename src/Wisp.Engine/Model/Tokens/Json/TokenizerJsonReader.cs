namespace Wisp.Model;

/// <summary>
/// What a tokenizer.json and the files beside it say, as the pairs of a GGUF file: the kind is recognised by the
/// structure of the file, and what that structure has and no kind knows is refused by name.
/// </summary>
internal sealed class TokenizerJsonReader
{
    // Ids that no token has, and rows of the embedding beyond the last token, become unused tokens. More of them than
    // this beyond the number of tokens, and the file is damaged or hostile.
    private const int MaxHoles = 1 << 12;

    /// <summary>Regular expressions by which a normalizer merges blanks and drops those around a text.</summary>
    internal const string ManyBlanks = " {2,}", OuterBlanks = "^ +| +$";

    private readonly JsonPart _file;
    private readonly JsonPart _config;
    private readonly TokenizerJsonSides _sides;
    private readonly JsonPart _model;
    private readonly Dictionary<string, int> _ids = [];
    private readonly Dictionary<string, uint> _numbers = [];
    private readonly Dictionary<string, bool> _switches = [];
    private readonly HashSet<int> _stripLeft = [], _stripRight = [];
    private string[] _tokens = [];
    private int[] _types = [];

    public TokenizerJsonReader(JsonPart file, JsonPart config, TokenizerJsonSides sides)
    {
        (_file, _config, _sides) = (file, config, sides);
        _model = file["model"];
    }

    public Vocabulary Read()
    {
        if (!_model.IsObject)
            throw _model.Fault("the object that describes the model");
        var type = _model["type"].Exists ? _model.Type : _model["merges"].Exists ? "BPE"
            : _model["vocab"].IsArray ? "Unigram" : "WordPiece";
        return type switch
        {
            "BPE" when HasBlanks() => ReadSentencePiece(),
            "BPE" => ReadByteLevel(),
            "WordPiece" => ReadWordPiece(),
            "Unigram" => ReadUnigram(),
            _ => throw _model["type"].Refusal($"the model '{type}' is not supported; BPE, WordPiece and Unigram are."),
        };
    }

    // SentencePiece's way to write blanks, or its bytes.
    private bool HasBlanks() => _model.Bool("byte_fallback", false)
        || TokenizerSteps.Of(_file["normalizer"], "normalizers").Any(step => step.Type is "Replace" or "Prepend")
        || TokenizerSteps.Of(_file["pre_tokenizer"], "pretokenizers").Any(step => step.Type == "Metaspace");

    private Vocabulary ReadByteLevel()
    {
        foreach (var step in TokenizerSteps.Of(_file["normalizer"], "normalizers"))
            if (step.Type != "NFC")
                throw step.Refusal($"the normalizer {step.Type} is not supported for byte-level BPE.");
        Refuse("continuing_subword_prefix", "end_of_word_suffix");
        var steps = TokenizerSteps.Splits(_file["pre_tokenizer"]);
        var wholePieces = _model.Bool("ignore_merges", false);
        var pre = SplitForms.NameOf(steps, wholePieces, _config.Bool("clean_up_tokenization_spaces", false))
            ?? throw _file["pre_tokenizer"].Refusal(
                $"splits text by {string.Join(" then ", steps.Select(step => $"'{step}'"))}, which is not known here.");
        ReadVocab();
        ReadSpecial(unknown: TokenType.Unknown);
        return Vocabulary("gpt2", pre, merges: ReadMerges().Select(pair => $"{pair.Left} {pair.Right}"));
    }

    private Vocabulary ReadSentencePiece()
    {
        var prefixed = false;
        foreach (var step in TokenizerSteps.Of(_file["normalizer"], "normalizers"))
        {
            var blanks = step.Type == "Replace" && step["pattern"]["String"] is { IsString: true } pattern
                && pattern.Text() == " " && step["content"].Text() == "▁";
            var prepends = step.Type == "Prepend" && step["prepend"].Text() == "▁";
            if (!blanks && !prepends && step.Type is not "NFC")
                throw step.Refusal($"the normalizer {step.Raw} is not supported for SentencePiece BPE.");
            prefixed |= prepends;
        }

        foreach (var step in TokenizerSteps.Of(_file["pre_tokenizer"], "pretokenizers"))
        {
            // Blanks are ▁ by now, so splitting at blanks does nothing.
            var nothing = step.Type == "Split" && step["pattern"]["String"] is { IsString: true } at
                && at.Text() == " ";
            if (step.Type != "Metaspace" && !nothing)
                throw step.Refusal($"the pre_tokenizer {step.Raw} is not supported for SentencePiece BPE.");
            prefixed |= step.Type == "Metaspace" && TokenizerSteps.Prepends(step);
        }

        ReadVocab();
        ReadSpecial(unknown: TokenType.Unknown);
        for (var id = 0; id < _types.Length; id++)
            if (_types[id] == (int)TokenType.Normal && PieceText.ValueOf(_tokens[id]) is not null)
                _types[id] = (int)TokenType.Byte;
        _switches["add_space_prefix"] = prefixed;
        // SentencePiece numbers its pieces in the order in which they were made, and that is the score.
        var scores = new float[_tokens.Length];
        var made = new HashSet<int>();
        foreach (var (left, right) in ReadMerges())
            if (_ids.TryGetValue(left + right, out var id) && made.Add(id))
                scores[id] = 1 - made.Count;
        return Vocabulary("llama", "default", scores: scores);
    }

    private Vocabulary ReadWordPiece()
    {
        var normalizers = TokenizerSteps.Of(_file["normalizer"], "normalizers").ToList();
        var lowercase = false;
        var stripAccents = false;
        foreach (var step in normalizers)
        {
            if (step.Type != "BertNormalizer" || normalizers.Count > 1)
                throw step.Refusal($"the normalizer {step.Type} is not supported for WordPiece; BertNormalizer is.");
            lowercase = step.Bool("lowercase", true);
            stripAccents = step.Bool("strip_accents", lowercase);
        }

        foreach (var step in TokenizerSteps.Of(_file["pre_tokenizer"], "pretokenizers"))
            if (step.Type != "BertPreTokenizer")
                throw step.Refusal(
                    $"the pre_tokenizer {step.Type} is not supported for WordPiece; BertPreTokenizer is.");
        var joint = _model["continuing_subword_prefix"] is { Exists: true } prefix ? prefix.Text() : "##";
        if (joint.Length == 0)
            throw _model["continuing_subword_prefix"].Refusal("is empty, so no token could continue a word.");
        if (!lowercase)
            _switches["normalizer.lowercase"] = false;
        if (stripAccents != lowercase)
            _switches["normalizer.strip_accents"] = stripAccents;
        ReadVocab();
        ReadSpecial(unknown: TokenType.Control);
        for (var id = 0; id < _tokens.Length; id++)
        {
            if (_types[id] != (int)TokenType.Normal)
                continue;
            _tokens[id] = _tokens[id].StartsWith(joint, StringComparison.Ordinal) && _tokens[id].Length > joint.Length
                ? _tokens[id][joint.Length..] : PieceText.Blank + _tokens[id];
        }

        // BERT's text stands between these two always, and llama.cpp calls the first BOS.
        if (_numbers.Remove("cls_token_id", out var first))
            _numbers["bos_token_id"] = first;
        _switches.Remove("add_bos_token");
        _switches.Remove("add_eos_token");
        return Vocabulary("bert", null);
    }

    private Vocabulary ReadUnigram()
    {
        byte[]? map = null;
        var merged = false;
        var prefixed = false;
        foreach (var step in TokenizerSteps.Of(_file["normalizer"], "normalizers"))
        {
            if (step.Type == "Precompiled")
                map = step["precompiled_charsmap"] is { Exists: true } text ? Base64(text) : null;
            else if (step.Type == "Replace" && step["pattern"]["Regex"] is { IsString: true } pattern
                && pattern.Text() is ManyBlanks or OuterBlanks)
                merged = true;
            else if (step.Type is not ("NFC" or "NFKC" or "Nmt" or "Strip"))
                throw step.Refusal($"the normalizer {step.Raw} is not supported for Unigram.");
        }

        foreach (var step in TokenizerSteps.Of(_file["pre_tokenizer"], "pretokenizers"))
        {
            merged |= step.Type == "WhitespaceSplit";
            if (step.Type == "Metaspace")
                prefixed = TokenizerSteps.Prepends(step);
            else if (step.Type != "WhitespaceSplit")
                throw step.Refusal($"the pre_tokenizer {step.Raw} is not supported for Unigram.");
        }

        var vocab = _model["vocab"];
        var scored = new List<float>();
        foreach (var item in vocab.Items())
        {
            JsonPart[] pair = [.. item.Items().Take(3)];
            if (pair.Length != 2)
                throw item.Fault("a token and its score");
            Add(pair[0], pair[0].Text(), scored.Count);
            scored.Add(pair[1].Float());
        }

        Settle();
        ReadSpecial(unknown: TokenType.Unknown);
        if (_model["unk_id"] is { Exists: true } unknown)
        {
            var id = unknown.Int(0, _tokens.Length - 1);
            _numbers["unknown_token_id"] = (uint)id;
            _types[id] = (int)TokenType.Unknown;
        }

        var scores = new float[_tokens.Length];
        scored.CopyTo(scores);
        _switches["add_space_prefix"] = prefixed;
        _switches["remove_extra_whitespaces"] = merged;
        return Vocabulary("t5", null, scores: scores, map: map);
    }

    private Vocabulary Vocabulary(string kind, string? pre, IReadOnlyList<float>? scores = null,
        IEnumerable<string>? merges = null, byte[]? map = null) => new()
        {
            Kind = kind,
            Pre = pre,
            Tokens = _tokens,
            Types = _types,
            Scores = scores,
            Merges = merges?.ToArray(),
            CharacterMap = map,
            Numbers = _numbers,
            Switches = _switches,
            StripLeft = _stripLeft,
            StripRight = _stripRight,
        };

    private void Refuse(params string[] members)
    {
        foreach (var name in members)
            if (_model[name] is { Exists: true } found && found.Text().Length > 0)
                throw found.Refusal($"is '{found.Text()}', which is not supported here.");
    }

    private IEnumerable<(string Left, string Right)> ReadMerges()
    {
        foreach (var merge in _model["merges"].Items())
        {
            if (merge.IsArray)
            {
                JsonPart[] pair = [.. merge.Items().Take(3)];
                if (pair.Length != 2)
                    throw merge.Fault("two tokens");
                yield return (pair[0].Text(), pair[1].Text());
                continue;
            }

            var text = merge.Text();
            var space = text.Length < 3 ? -1 : text.IndexOf(' ', 1);
            if (space < 0)
                throw merge.Fault("two tokens with a blank between");
            yield return (text[..space], text[(space + 1)..]);
        }
    }

    private void ReadVocab()
    {
        foreach (var (token, id) in _model["vocab"].Members())
            Add(id, token, id.Int(0, Tokenizer.MaxTokens - 1));
        Settle();
    }

    private void Add(JsonPart place, string token, int id)
    {
        if (!_ids.TryAdd(token, id) && _ids[token] != id)
            throw place.Refusal($"gives '{token}' the id {id}, but it has {_ids[token]} already.");
    }

    // From ids by token to tokens by id, added ones and unused ones too.
    private void Settle()
    {
        if (_file["added_tokens"] is { Exists: true } added)
            foreach (var item in added.Items())
                Add(item, item["content"].Text(), item["id"].Int(0, Tokenizer.MaxTokens - 1));
        var count = _ids.Count == 0 ? 0 : _ids.Values.Max() + 1;
        var model = _sides.Model["text_config"]["vocab_size"] is { Exists: true } inner
            ? inner : _sides.Model["vocab_size"];
        if (model.Exists)
            count = Math.Max(count, model.Int(0, Tokenizer.MaxTokens));
        if (count > 2L * _ids.Count + MaxHoles)
            throw _model["vocab"].Refusal(
                $"has {_ids.Count} tokens, but ids or rows up to {count - 1}. The file is damaged or hostile.");
        _tokens = new string[count];
        _types = new int[count];
        foreach (var (token, id) in _ids)
        {
            if (_tokens[id] is { } other)
                throw _model["vocab"].Refusal($"gives the id {id} to both '{other}' and '{token}'.");
            _tokens[id] = token;
            _types[id] = (int)TokenType.Normal;
        }

        for (var id = 0; id < count; id++)
        {
            if (_tokens[id] is not null)
                continue;
            _tokens[id] = $"[PAD{id}]"; // as llama.cpp's converter names them
            _types[id] = (int)TokenType.Unused;
        }
    }

    private void ReadSpecial(TokenType unknown)
    {
        if (_file["added_tokens"] is { Exists: true } added)
            foreach (var item in added.Items())
            {
                var content = item["content"].Text();
                var id = item["id"].Int(0, _tokens.Length - 1);
                _types[id] = (int)(item.Bool("special", false) || LooksSpecial(content)
                    ? TokenType.Control : TokenType.UserDefined);
                if (item.Bool("lstrip", false))
                    _stripLeft.Add(id);
                if (item.Bool("rstrip", false))
                    _stripRight.Add(id);
            }

        new SpecialIds(_file, _config, _sides, _ids, _tokens).Read(_numbers, _switches);
        var name = _model["unk_token"] is { Exists: true } text ? text.Text() : "";
        if (_ids.TryGetValue(name, out var ofUnknown))
        {
            _types[ofUnknown] = (int)unknown;
            _numbers["unknown_token_id"] = (uint)ofUnknown;
        }
    }

    // Marks of a turn are control tokens, whether or not their file calls them special.
    private static bool LooksSpecial(string token) =>
        token is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || (token.StartsWith("<|", StringComparison.Ordinal) && token.EndsWith("|>", StringComparison.Ordinal))
        || (token.StartsWith("<｜", StringComparison.Ordinal) && token.EndsWith("｜>", StringComparison.Ordinal));

    internal static byte[] Base64(JsonPart text)
    {
        var bytes = new byte[text.Text().Length];
        return Convert.TryFromBase64String(text.Text(), bytes, out var length)
            ? bytes[..length] : throw text.Refusal("is not base64.");
    }
}
