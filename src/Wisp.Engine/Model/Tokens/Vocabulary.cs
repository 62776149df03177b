namespace Wisp.Model;

/// <summary>
/// What a model file says of its tokenizer: the pairs <c>tokenizer.ggml.*</c> of a GGUF file, and nothing that follows
/// from them. A tokenizer is made of one, and gives it back when it is written.
/// </summary>
public sealed class Vocabulary
{
    private const string Prefix = "tokenizer.ggml.";

    /// <summary>model: llama, gpt2, bert or t5.</summary>
    public required string Kind { get; init; }

    /// <summary>pre: how a gpt2 vocabulary splits text; null where the file does not say.</summary>
    public string? Pre { get; init; }

    /// <summary>tokens, as the file spells them.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>scores, or null.</summary>
    public IReadOnlyList<float>? Scores { get; init; }

    /// <summary>token_type, or null where all are normal.</summary>
    public IReadOnlyList<int>? Types { get; init; }

    /// <summary>merges in order of rank, each two tokens with a space between; or null.</summary>
    public IReadOnlyList<string>? Merges { get; init; }

    /// <summary>precompiled_charsmap, or null.</summary>
    public byte[]? CharacterMap { get; init; }

    /// <summary>All whole numbers by the rest of their key, such as bos_token_id.</summary>
    public IReadOnlyDictionary<string, uint> Numbers { get; init; } = new Dictionary<string, uint>();

    /// <summary>All switches by the rest of their key, such as add_bos_token.</summary>
    public IReadOnlyDictionary<string, bool> Switches { get; init; } = new Dictionary<string, bool>();

    /// <summary>Special tokens that swallow the white space before them. No pair of a GGUF file says so.</summary>
    public IReadOnlySet<int> StripLeft { get; init; } = new HashSet<int>();

    /// <summary>Special tokens that swallow the white space after them.</summary>
    public IReadOnlySet<int> StripRight { get; init; } = new HashSet<int>();

    /// <summary>A token id of the file, or what holds where it names none or one beyond the vocabulary.</summary>
    internal int Id(string key, int otherwise) =>
        Numbers.TryGetValue(key, out var id) && id < Tokens.Count ? (int)id
            : otherwise < Tokens.Count ? otherwise : -1;

    internal bool Switch(string key, bool otherwise) => Switches.GetValueOrDefault(key, otherwise);

    /// <summary>What a file says, or null where it has no tokenizer.</summary>
    /// <exception cref="InvalidDataException">A pair is missing or of another type.</exception>
    public static Vocabulary? Read(Gguf gguf)
    {
        if (!gguf.TryGetString(Prefix + "model", out var kind) || kind is "none" or "no_vocab")
            return null;
        var tokens = gguf.GetStrings(Prefix + "tokens");
        for (var id = 0; id < tokens.Length; id++)
            if (tokens[id].Length == 0)
                tokens[id] = $"[EMPTY_{id}]"; // as llama.cpp names it: two of them are two tokens
        var types = gguf.TryGetInts(Prefix + "token_type", out var known) ? known : null;
        var numbers = new Dictionary<string, uint>();
        var switches = new Dictionary<string, bool>();
        foreach (var (key, value) in gguf.Metadata)
        {
            if (!key.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            if (value.Type == GgufType.Bool)
                switches[key[Prefix.Length..]] = gguf.GetBool(key);
            else if (value.Type is <= GgufType.I32 or GgufType.U64 or GgufType.I64)
                numbers[key[Prefix.Length..]] = gguf.GetUInt(key);
        }

        var (left, right) = Strips(gguf, tokens, types);
        return new Vocabulary
        {
            Kind = kind,
            Pre = gguf.TryGetString(Prefix + "pre", out var pre) ? pre : null,
            Tokens = tokens,
            Scores = gguf.TryGetFloats(Prefix + "scores", out var scores) ? scores : null,
            Types = types,
            Merges = gguf.TryGetStrings(Prefix + "merges", out var merges) ? merges : null,
            CharacterMap = gguf.TryGetInts(Prefix + "precompiled_charsmap", out var map)
                ? [.. map.Select(value => unchecked((byte)value))] : null,
            Numbers = numbers,
            Switches = switches,
            StripLeft = left,
            StripRight = right,
        };
    }

    /// <summary>Adds all pairs; what one file wrote so another reads the same.</summary>
    public GgufWriter Write(GgufWriter writer)
    {
        writer.AddString(Prefix + "model", Kind);
        if (Pre is not null)
            writer.AddString(Prefix + "pre", Pre);
        writer.AddStrings(Prefix + "tokens", Tokens);
        if (Scores is not null)
            writer.AddFloats(Prefix + "scores", Scores);
        if (Types is not null)
            writer.AddInts(Prefix + "token_type", Types);
        if (Merges is not null)
            writer.AddStrings(Prefix + "merges", Merges);
        if (CharacterMap is not null)
            writer.AddInts(Prefix + "precompiled_charsmap", [.. CharacterMap.Select(value => (int)value)]);
        foreach (var (key, number) in Numbers)
            writer.AddUInt(Prefix + key, number);
        foreach (var (key, value) in Switches)
            writer.AddBool(Prefix + key, value);
        return writer;
    }

    // A GGUF file cannot say which tokens swallow white space; llama.cpp knows it of a few models by their names.
    private static (HashSet<int> Left, HashSet<int> Right) Strips(Gguf gguf, string[] tokens, int[]? types)
    {
        HashSet<int> left = [], right = [];
        var name = gguf.TryGetString("general.name", out var named) ? named : "";
        var architecture = gguf.TryGetString("general.architecture", out var found) ? found : "";
        var pre = gguf.TryGetString(Prefix + "pre", out var split) ? split : "";
        if (pre is "jina-v2-de" or "jina-v2-es" or "jina-v2-code"
            || architecture.Contains("nomic-bert-moe") || architecture.Contains("jina-bert-v3"))
            left.Add(Array.IndexOf(tokens, "<mask>"));
        else if (Names("phi-3") || Names("phi3"))
            for (var id = 0; id < tokens.Length; id++)
            {
                var special = id < types?.Length && types[id] is (int)TokenType.Control or (int)TokenType.Unknown
                    or (int)TokenType.UserDefined;
                if ((special || tokens[id] == "</s>") && tokens[id] is not ("<unk>" or "<s>" or "<|endoftext|>"))
                    right.Add(id);
            }
        else if (Names("modern-bert"))
            left.Add(Array.IndexOf(tokens, "[MASK]"));
        left.Remove(-1);
        return (left, right);

        bool Names(string model) => name.Contains(model, StringComparison.OrdinalIgnoreCase);
    }
}
