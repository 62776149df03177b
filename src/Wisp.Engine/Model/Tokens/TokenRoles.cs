namespace Wisp.Model;

/// <summary>What a token is, beyond its type in the file. More than one may hold.</summary>
[Flags]
internal enum TokenTraits : byte
{
    None = 0,
    Normal = 1,
    Unknown = 2,
    Control = 4,
    UserDefined = 8,
    Unused = 16,
    Byte = 32,

    /// <summary>No plain text becomes it and no reader sees it.</summary>
    Special = Unknown | Control,
}

/// <summary>
/// What llama.cpp makes of the tokens of a vocabulary by their spelling: which end a generation, and which are control
/// tokens although their file calls them normal.
/// </summary>
internal sealed class TokenRoles
{
    private static readonly string[] s_ends =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
        "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
        "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
    ];

    // What fills in the middle of a text is held together by these. Generation ends at the ones that separate.
    private static readonly (string Key, bool Ends, string[] Spellings)[] s_infill =
    [
        ("fim_pre_token_id", false, ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>",
            "▁<PRE>", "<|code_prefix|>", "<|prefix|>"]),
        ("fim_suf_token_id", false, ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>",
            "▁<SUF>", "<|code_suffix|>", "<|suffix|>"]),
        ("fim_mid_token_id", false, ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>",
            "▁<MID>", "<|code_middle|>", "<|middle|>"]),
        ("fim_pad_token_id", true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
        ("fim_rep_token_id", true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
        ("fim_sep_token_id", true, ["<|file_sep|>"]),
    ];

    private static readonly string[] s_shown = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

    private readonly Dictionary<string, int> _ids;

    /// <summary>Whether a token of this spelling ends a generation, whatever its file says.</summary>
    public static bool IsEnd(string spelling) => s_ends.Contains(spelling);

    public TokenRoles(Vocabulary vocabulary, Dictionary<string, int> ids, int eos)
    {
        _ids = ids;
        Traits = new TokenTraits[vocabulary.Tokens.Count];
        for (var id = 0; id < Traits.Length; id++)
            Traits[id] = vocabulary.Types is null ? TokenTraits.Normal : (TokenType)vocabulary.Types[id] switch
            {
                TokenType.Normal => TokenTraits.Normal,
                TokenType.Unknown => TokenTraits.Unknown,
                TokenType.Control => TokenTraits.Control,
                TokenType.UserDefined => TokenTraits.UserDefined,
                TokenType.Unused => TokenTraits.Unused,
                _ => TokenTraits.Byte,
            };

        foreach (var (key, ends, spellings) in s_infill)
        {
            var id = vocabulary.Id(key, -1);
            if (id < 0)
                Become(id = spellings.Select(IdOf).Where(found => found >= 0).DefaultIfEmpty(-1).Min());
            if (ends)
                End(id);
        }

        foreach (var spelling in s_ends)
        {
            Become(IdOf(spelling));
            End(IdOf(spelling));
        }

        foreach (var id in s_shown.Select(IdOf).Where(id => id >= 0))
            Traits[id] = TokenTraits.UserDefined;
        End(eos);
        End(vocabulary.Id("eot_token_id", -1));
        End(vocabulary.Id("eom_token_id", -1));
        Except();
    }

    public TokenTraits[] Traits { get; }

    /// <summary>The tokens after which nothing more is generated.</summary>
    public HashSet<int> Ends { get; } = [];

    private int IdOf(string spelling) => _ids.GetValueOrDefault(spelling, -1);

    private bool Ending(string spelling) => Ends.Contains(IdOf(spelling));

    private void End(int id)
    {
        if (id >= 0)
            Ends.Add(id);
    }

    private void Become(int id)
    {
        if (id >= 0)
            Traits[id] |= TokenTraits.Control;
    }

    private void Except()
    {
        // Where a turn has ends of its own, <|end|> only ends a part of it.
        if (Ending("<|end|>") && (Ending("<|call|>") || Ending("<|calls|>"))
            && (Ending("<|return|>") || Ending("<|flush|>")))
        {
            Ends.Remove(IdOf("<|end|>"));
            Traits[IdOf("<|end|>")] = TokenTraits.UserDefined;
        }

        if (Ending("<|tool_response>") && Ending("</s>"))
        {
            Ends.Remove(IdOf("</s>"));
            Traits[IdOf("</s>")] = TokenTraits.Normal;
        }
    }
}
