namespace Wisp.Model;

public abstract partial class Tokenizer
{
    public const int MinVocabularySize = 512, MaxVocabularySize = 65_536;

    // Real vocabularies have no more than some 260 thousand tokens.
    internal const int MaxTokens = 1 << 21;
    private const int MaxCharacters = 1 << 27;

    /// <summary>The special tokens of our own vocabularies, in the order in which they end it.</summary>
    public static IReadOnlyList<string> SpecialTokens { get; } =
    [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>",
        "<tool_response>", "</tool_response>", .. Enumerable.Range(0, 16).Select(i => $"<|reserved_{i}|>"),
    ];

    /// <summary>The tokenizer of a file, or null where the file has none.</summary>
    /// <exception cref="InvalidDataException">It does not fit together or is of an unknown kind.</exception>
    public static Tokenizer? Read(Gguf gguf)
    {
        var vocabulary = Vocabulary.Read(gguf);
        try
        {
            return vocabulary is null ? null : Of(vocabulary);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException(JsonPart.OneLine($"{gguf.Path}: {e.Message}"), e);
        }
    }

    /// <summary>Adds the tokenizer's metadata to a file.</summary>
    public GgufWriter Write(GgufWriter writer) => Vocabulary.Write(writer);

    /// <exception cref="InvalidDataException">It does not fit together or is of an unknown kind.</exception>
    public static Tokenizer Of(Vocabulary vocabulary) => vocabulary.Kind switch
    {
        "gpt2" => new ByteLevelBpe(vocabulary),
        "llama" => new SentencePieceBpe(vocabulary),
        "bert" => new WordPiece(vocabulary),
        "t5" => new Unigram(vocabulary),
        _ => throw new InvalidDataException(
            $"tokenizer.ggml.model is '{vocabulary.Kind}', a tokenizer that is not known here. Known are gpt2 " +
            "(byte-level BPE), llama (SentencePiece BPE), bert (WordPiece) and t5 (unigram)."),
    };

    /// <summary>
    /// A byte-level tokenizer from tokenizer.ggml.pre, .tokens, .merges and .token_type (empty = all normal). A
    /// document begins and ends with the end-of-text token.
    /// </summary>
    /// <exception cref="InvalidDataException">They do not fit together.</exception>
    public static ByteLevelBpe FromVocabulary(
        string pre, IReadOnlyList<string> tokens, IReadOnlyList<string> merges, IReadOnlyList<int> types)
    {
        string[] all = [.. tokens];
        var end = Array.IndexOf(all, "<|endoftext|>") is >= 0 and var found
            ? found : Array.IndexOf(all, "<|end_of_text|>");
        return new ByteLevelBpe(new Vocabulary
        {
            Kind = "gpt2",
            Pre = pre,
            Tokens = all,
            Types = types.Count == 0 ? [.. all.Select(_ => (int)TokenType.Normal)] : types,
            Merges = merges,
            Numbers = end < 0 ? new Dictionary<string, uint>() : new Dictionary<string, uint>
            {
                ["bos_token_id"] = (uint)end,
                ["eos_token_id"] = (uint)end,
                ["padding_token_id"] = (uint)end,
            },
            Switches = new Dictionary<string, bool> { ["add_bos_token"] = end >= 0 },
        });
    }

    /// <summary>A new vocabulary: 256 bytes, what merges make, in order, then our special tokens.</summary>
    /// <param name="spelling">The bytes of all tokens but the special ones.</param>
    public static ByteLevelBpe FromMerges(
        string pre, ByteStrings spelling, IReadOnlyList<(int Left, int Right)> merges)
    {
        var made = Enumerable.Range(0, spelling.Count).Select(id => ByteText.Encode(spelling[id])).ToArray();
        return FromVocabulary(pre, [.. made, .. SpecialTokens],
            [.. merges.Select(merge => $"{made[merge.Left]} {made[merge.Right]}")],
            [.. made.Select(_ => (int)TokenType.Normal), .. SpecialTokens.Select(_ => (int)TokenType.Control)]);
    }

    /// <summary>Writes what a token of these traits stands for and returns its bytes.</summary>
    private protected delegate int Spelling(Span<byte> bytes, string token, TokenTraits traits);

    private protected Tokenizer(Vocabulary vocabulary, TokenizerDefaults defaults, Spelling spelling)
    {
        CheckCounts(vocabulary);
        Vocabulary = vocabulary;
        _types = vocabulary.Types is null
            ? [.. vocabulary.Tokens.Select(_ => (int)TokenType.Normal)]
            : [.. vocabulary.Types.Take(vocabulary.Tokens.Count)];
        _idOfText = Index(vocabulary.Tokens);

        Bos = vocabulary.Id("bos_token_id", defaults.Bos);
        Eos = vocabulary.Id("eos_token_id", defaults.Eos);
        Unknown = vocabulary.Id("unknown_token_id", defaults.Unknown);
        AddBos = vocabulary.Switch("add_bos_token", defaults.AddBos);
        AddEos = vocabulary.Switch("add_eos_token", defaults.AddEos);
        var separator = defaults.Separates ? vocabulary.Id("seperator_token_id", defaults.Separator) : -1;
        _first = AddBos || defaults.Separates ? Bos : -1;
        _last = defaults.Separates ? separator : AddEos ? Eos : -1;
        _stripsSpace = vocabulary.Switch("add_space_prefix", defaults.SpacePrefix);
        _cleansSpaces = defaults.CleansSpaces;

        var roles = new TokenRoles(vocabulary, _idOfText, Eos);
        _traits = roles.Traits;
        EndOfGeneration = roles.Ends;
        EndOfText = IdOf("<|endoftext|>") is >= 0 and var end ? end : IdOf("<|end_of_text|>");

        _starts = new int[_types.Length + 1];
        // A character has at most three bytes in UTF-8 for each char of UTF-16.
        _bytes = new byte[vocabulary.Tokens.Sum(token => 3L * token.Length)];
        for (var id = 0; id < _types.Length; id++)
            _starts[id + 1] = _starts[id] + spelling(_bytes.AsSpan(_starts[id]), Tokens[id], _traits[id]);
        Array.Resize(ref _bytes, _starts[^1]);

        AlwaysSpecial = LongestFirst(TokenTraits.UserDefined, without: TokenTraits.Special);
        Special = LongestFirst(TokenTraits.UserDefined | TokenTraits.Special, without: TokenTraits.None);
    }

    private static void CheckCounts(Vocabulary vocabulary)
    {
        var tokens = vocabulary.Tokens;
        var merges = vocabulary.Merges?.Count ?? 0;
        if (tokens.Count is < 1 or > MaxTokens || merges > MaxTokens)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.tokens has {tokens.Count} entries and tokenizer.ggml.merges {merges}; a vocabulary " +
                $"has 1 to {MaxTokens} tokens and at most as many merges.");
        }

        if (tokens.Sum(token => (long)token.Length) > MaxCharacters)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.tokens: the tokens are over {MaxCharacters} characters together. " +
                "The file is damaged or hostile.");
        }

        CheckLength("token_type", vocabulary.Types?.Count);
        CheckLength("scores", vocabulary.Scores?.Count);
        for (var id = 0; id < vocabulary.Types?.Count; id++)
        {
            if (vocabulary.Types[id] is < (int)TokenType.Normal or > (int)TokenType.Byte)
                throw new InvalidDataException(
                    $"tokenizer.ggml.token_type[{id}] is {vocabulary.Types[id]}; known are 1 to 6.");
        }

        void CheckLength(string name, int? count)
        {
            if (count is not null && count != tokens.Count)
                throw new InvalidDataException(
                    $"tokenizer.ggml.{name} has {count} entries for {tokens.Count} tokens; it needs one for each.");
        }
    }

    private static Dictionary<string, int> Index(IReadOnlyList<string> tokens)
    {
        var index = new Dictionary<string, int>(tokens.Count);
        for (var id = 0; id < tokens.Count; id++)
        {
            if (!index.TryAdd(tokens[id], id))
            {
                throw new InvalidDataException(
                    $"tokenizer.ggml.tokens: {id} and {index[tokens[id]]} are both '{tokens[id]}'.");
            }
        }

        return index;
    }

    private List<int> LongestFirst(TokenTraits wanted, TokenTraits without) =>
    [
        .. Enumerable.Range(0, _types.Length)
            .Where(id => (_traits[id] & wanted) != 0 && (_traits[id] & without) == 0 && !BytesOf(id).IsEmpty)
            .OrderByDescending(id => BytesOf(id).Length),
    ];
}

/// <summary>What holds of a kind of tokenizer where its file does not say. Ids are -1 where there is none.</summary>
internal readonly record struct TokenizerDefaults
{
    public TokenizerDefaults()
    {
    }

    public int Bos { get; init; } = -1;

    public int Eos { get; init; } = -1;

    public int Unknown { get; init; } = -1;

    public int Separator { get; init; } = -1;

    public bool AddBos { get; init; }

    public bool AddEos { get; init; }

    /// <summary>A text always stands between BOS and the separator.</summary>
    public bool Separates { get; init; }

    /// <summary>A blank is put before a text.</summary>
    public bool SpacePrefix { get; init; }

    /// <summary>Whether <see cref="SpaceCleaning"/> applies.</summary>
    public bool CleansSpaces { get; init; }
}
