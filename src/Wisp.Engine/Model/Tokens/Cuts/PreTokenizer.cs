namespace Wisp.Model;

/// <summary>
/// Cuts a text into the pieces inside which byte pairs merge, over UTF-8 bytes: scanners by hand for the regular
/// expressions that llama.cpp knows under the names in <see cref="Known"/>. Their time is linear in the text, whatever
/// it is.
/// </summary>
public sealed class PreTokenizer
{
    private readonly Cut[] _cuts;

    private PreTokenizer(string name, Split split) =>
        (Name, _cuts, IgnoreMerges, AddBos, CleansSpaces, HasBos) =
        (name, split.Cuts, split.Has(Trait.WholePieces), split.Has(Trait.AddBos), !split.Has(Trait.KeepSpaces),
            !split.Has(Trait.NoBos));

    /// <summary>Names that <see cref="Of"/> takes.</summary>
    public static IReadOnlyList<string> Known { get; } = [.. Splits().SelectMany(split => split.Names)];

    /// <summary>The value of tokenizer.ggml.pre.</summary>
    public string Name { get; }

    /// <summary>A piece that is itself a token is taken as that token, whether or not merges lead to it.</summary>
    public bool IgnoreMerges { get; }

    /// <summary>Whether vocabularies of this kind want a BOS token where their file does not say.</summary>
    internal bool AddBos { get; }

    /// <summary>Whether llama.cpp takes blanks before full stops and the like out of their text.</summary>
    internal bool CleansSpaces { get; }

    /// <summary>Whether there is a BOS token where the file does not name one.</summary>
    internal bool HasBos { get; }

    public static PreTokenizer Of(string name) =>
        Splits().FirstOrDefault(split => split.Names.Contains(name)) is { } split
            ? new(name, split)
            : throw new InvalidDataException(
                $"tokenizer.ggml.pre is '{OneLine.Of(name)}', a way to split text that is not known here. Known are " +
                $"{string.Join(", ", Known)}.");

    /// <summary>All names of the split that has this one.</summary>
    internal static string[] SameAs(string name) =>
        Splits().FirstOrDefault(split => split.Names.Contains(name))?.Names ?? [];

    /// <summary>The pieces of a text.</summary>
    public Pieces Cut(ReadOnlySpan<byte> text) => new(text, _cuts);

    [Flags]
    private enum Trait
    {
        None = 0,
        WholePieces = 1,
        AddBos = 2,
        KeepSpaces = 4,
        NoBos = 8,
    }

    private sealed record Split(string[] Names, Trait Traits, params Cut[] Cuts)
    {
        public bool Has(Trait trait) => (Traits & trait) != 0;
    }

    private static WordCut Words(int digits, SignTail tail = SignTail.Newlines,
        Contractions contractions = Contractions.Alone, WordLetters letters = WordLetters.Letters) =>
        new(letters, digits, tail, contractions);

    private static RunCut Run(string ranges, CharacterSet? before = null) => new(new(default, ranges), before: before);

    // Names in one row differ in nothing that matters here.
    private static Split[] Splits()
    {
        const int any = int.MaxValue;
        const CharacterClass punctuation = CharacterClass.Punctuation;
        const string chineseAndKana = "一龥\u3040\u309f\u30a0\u30ff", eastAsian = "一龥ࠀ一가\ud7ff";
        var space = new CharacterSet(CharacterClass.Space);
        var gpt2 = new Gpt2Cut();
        var digit = RunCut.Numbers(1);
        var newline = new RunCut(new(default, "\r\r\n\n"), 1, 1);
        // Neither white space nor the signs that end a clause in Latin, Chinese, Devanagari, Urdu and Arabic.
        var bloom = new RunCut(new(CharacterClass.Space, "((||..,,!!??……。。，，、、।।۔۔،،))", negated: true),
            before: new(default, "  "));

        return
        [
            new(["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
                "jina-v5-nano"], Trait.WholePieces | Trait.AddBos, Words(3)),
            new(["dbrx", "smaug-bpe"], Trait.None, Words(3)),
            new(["chatglm-bpe", "glm4"], Trait.NoBos, Words(3)),
            new(["jais-2"], Trait.None, Words(3), new SpaceGroupCut()),
            new(["minicpm5"], Trait.WholePieces, RunCut.Numbers(3), Words(any)),
            new(["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "hunyuan", "solar-open", "grok-2"],
                Trait.KeepSpaces, Words(1)),
            new(["stablelm2", "megrez"], Trait.None, Words(1)),
            new(["laguna"], Trait.KeepSpaces, new LineCut(), Words(1)),
            new(["qwen35"], Trait.KeepSpaces, Words(1, letters: WordLetters.Marked)),
            new(["ufakzeka"], Trait.KeepSpaces, Words(1, contractions: Contractions.None)),
            new(["bailingmoe", "bailingmoe2", "llada-moe"], Trait.KeepSpaces, Words(1)),
            new(["seed-coder"], Trait.KeepSpaces, Words(1, SignTail.None)),
            new(["exaone-moe"], Trait.None, Words(1, SignTail.OneNewline, letters: WordLetters.Spaced)),
            new(["tekken"], Trait.WholePieces | Trait.AddBos | Trait.KeepSpaces,
                Words(1, SignTail.NewlinesAndSlashes, Contractions.None, WordLetters.Cased)),
            new(["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], Trait.KeepSpaces,
                Words(3, SignTail.NewlinesAndSlashes, Contractions.AtWord, WordLetters.Cased)),
            new(["granite-embed-multi-97m"], Trait.WholePieces | Trait.KeepSpaces,
                Words(3, SignTail.NewlinesAndSlashes, Contractions.AtWord, WordLetters.CasedMarked)),
            new(["tiny_aya", "cohere2moe"], Trait.KeepSpaces, new ThousandsCut(),
                Words(3, SignTail.NewlinesAndSlashes, Contractions.AtWord, WordLetters.Marked)),
            new(["youtu"], Trait.WholePieces | Trait.KeepSpaces,
                new FirstOf(Run("가힣ㄱㆎ"), Run("！！……““””‘‘’’——：：；；，，、〿︰﹏"),
                    Run("ㄅㄯ"), Run(chineseAndKana)),
                Words(1, SignTail.NewlinesAndSlashes, Contractions.AtWord, WordLetters.Marked)),
            new(["kimi-k2"], Trait.KeepSpaces,
                Words(3, contractions: Contractions.AtWord, letters: WordLetters.HanApart)),

            new(["gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
                "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4"],
                Trait.None, gpt2),
            new(["trillion", "granite-docling"], Trait.KeepSpaces, gpt2),
            new(["starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"], Trait.None, digit, gpt2),
            new(["command-r", "smollm"], Trait.KeepSpaces, digit, gpt2),
            new(["default"], Trait.None, new RunCut(new(punctuation, "$$++<>^^~~||")), gpt2, RunCut.Numbers(),
                RunCut.ThreeDigits),
            new(["falcon"], Trait.None, new RunCut(new(punctuation, "$$++<>^^~~||``")), gpt2, RunCut.ThreeDigits),
            new(["chameleon"], Trait.AddBos | Trait.KeepSpaces, new SentinelCut(), new ImageTokenCut(),
                new IndentCut(), digit, new RunCut(new(punctuation, "!/:@[`{~"), 1, 1), gpt2),

            new(["bloom", "gpt3-finnish"], Trait.None, bloom),
            new(["poro-chat"], Trait.KeepSpaces, bloom),
            new(["viking"], Trait.KeepSpaces, bloom, digit),
            new(["superbpe"], Trait.KeepSpaces, RunCut.Numbers(), new ThousandsBorderCut()),

            new(["deepseek-llm"], Trait.KeepSpaces, newline, Run(DeepSeekLetters, space),
                Run("!/:~！／：～‘‟\u3000。", space), new TrailingSpaceCut(), Run(eastAsian), RunCut.Numbers()),
            new(["deepseek-coder"], Trait.KeepSpaces, newline,
                new RunCut(new(CharacterClass.Letter), before: space), new RunCut(new(punctuation), before: space),
                Run(eastAsian), digit),
            new(["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], Trait.KeepSpaces, RunCut.Numbers(3),
                Run(chineseAndKana), new SignWordCut(newlines: true)),
            new(["spark2_5"], Trait.KeepSpaces, RunCut.Numbers(3), Run(chineseAndKana),
                new SignWordCut(newlines: false), digit),
            new(["afmoe"], Trait.KeepSpaces, new ThousandsCut(), Run(Scripts), new SignWordCut(newlines: true)),
        ];
    }

    // The letters of DeepSeek's first models: those with a case, as pairs of first and last.
    internal const string DeepSeekLetters =
        "AZaz\u00b5\u00b5\u00c0\u00d6\u00d8\u00f6\u00f8\u01ba\u01bc\u01bf\u01c4\u0293\u0295\u02af\u0370\u0373" +
        "\u0376\u0376\u0377\u0377\u037b\u037d\u037f\u037f\u0386\u0386\u0388\u038a\u038c\u038c\u038e\u03a1" +
        "\u03a3\u03f5\u03f7\u0481\u048a\u052f\u0531\u0556\u10a0\u10c5\u13a0\u13f5\u13f8\u13fd\u1c90\u1cba" +
        "\u1cbd\u1cbf\u1d00\u1d2b\u1d6b\u1d77\u1d79\u1d9a\u1e00\u1f15\u1f18\u1f1d\u1f20\u1f45\u1f48\u1f4d" +
        "\u1f50\u1f57\u1f59\u1f59\u1f5b\u1f5b\u1f5d\u1f5d\u1f5f\u1f7d\u1f80\u1fb4\u1fb6\u1fbc\u1fbe\u1fbe" +
        "\u1fc2\u1fc4\u1fc6\u1fcc\u1fd0\u1fd3\u1fd6\u1fdb\u1fe0\u1fec\u1ff2\u1ff4\u1ff6\u1ffc\u2102\u2102" +
        "\u2107\u2107\u210a\u2113\u2115\u2115\u2119\u211d\u2124\u2124\u2126\u2126\u2128\u2128\u212a\u212d" +
        "\u212f\u2134\u2139\u2139\u213c\u213f\u2145\u2149\u214e\u214e\u2183\u2183\u2184\u2184\u2c00\u2c7b" +
        "\u2c7e\u2ce4\u2ceb\u2cee\u2cf2\u2cf2\u2cf3\u2cf3\ua640\ua66d\ua680\ua69b\ua722\ua76f\ua771\ua787" +
        "\ua78b\ua78e\uab70\uabbf\ufb00\ufb06\ufb13\ufb17\uff21\uff3a\uff41\uff5a\U00010400\U0001044f" +
        "\U000104b0\U000104d3\U000104d8\U000104fb\U00010c80\U00010cb2\U00010cc0\U00010cf2\U000118a0\U000118df" +
        "\U0001e900\U0001e943";

    // Blocks of Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese that AFMoE keeps apart.
    internal const string Scripts =
        "\u4e00\u9fff\u3400\u4dbf\u8c48\ufaff\u3040\u309f\u30a0\u30ff\uff65\uff9f\u2f00\u2fdf\u0e40\u0e7f" +
        "\u0e80\u0eff\u1780\u17ff\u1000\u109f\uaa60\uaa7f\ua9e0\ua9ff\uac00\ud7af\u1100\u11ff";
}
