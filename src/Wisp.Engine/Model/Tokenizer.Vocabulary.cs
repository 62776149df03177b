using System.Text;

namespace Wisp.Model;

/// <summary>Building a tokenizer from the arrays of a model file.</summary>
public sealed partial class Tokenizer
{
    // No vocabulary in use has more than some 260 thousand tokens.
    private const int MaxTokens = 1 << 21;
    private const int MaxCharacters = 1 << 27;

    /// <summary>
    /// A tokenizer from tokenizer.ggml.pre, .tokens, .merges and .token_type (empty = all normal). Anything that does
    /// not fit together is an <see cref="InvalidDataException"/>.
    /// </summary>
    public static Tokenizer FromVocabulary(
        string pre, IReadOnlyList<string> tokens, IReadOnlyList<string> merges, IReadOnlyList<int> types) =>
        new(PreTokenizer.Of(pre), [.. tokens], [.. merges], types.Count == 0 ? [.. tokens.Select(_ => 1)] : [.. types]);

    /// <summary>
    /// A new vocabulary: 256 bytes, the tokens that merges make, in order, and then our special tokens.
    /// </summary>
    /// <param name="spelling">The bytes of all tokens but the special ones.</param>
    public static Tokenizer FromMerges(string pre, ByteStrings spelling, IReadOnlyList<(int Left, int Right)> merges)
    {
        var made = Enumerable.Range(0, spelling.Count).Select(id => ByteText.Encode(spelling[id])).ToArray();
        return FromVocabulary(pre, [.. made, .. SpecialTokens],
            [.. merges.Select(merge => $"{made[merge.Left]} {made[merge.Right]}")],
            [.. made.Select(_ => (int)TokenType.Normal), .. SpecialTokens.Select(_ => (int)TokenType.Control)]);
    }

    private Tokenizer(PreTokenizer split, string[] tokens, string[] merges, int[] types)
    {
        CheckCounts(tokens, merges, types);
        Split = split;
        Tokens = tokens.AsReadOnly();
        Merges = merges.AsReadOnly();
        Types = types.AsReadOnly();

        _starts = new int[tokens.Length + 1];
        _bytes = Spell(tokens, types, _starts);
        _idOfText = Index(tokens);
        _pieces = new ByteStrings();
        var idOfPiece = new List<int>();
        for (var id = 0; id < tokens.Length; id++)
        {
            // A token of no bytes cannot occur. A control token is never taken for a piece of text that looks like it.
            if (types[id] is not (int)TokenType.Normal || BytesOf(id).IsEmpty)
                continue;
            _pieces.FindOrAdd(BytesOf(id), out var added);
            if (added)
                idOfPiece.Add(id);
        }

        _idOfPiece = [.. idOfPiece];
        _idOfByte = IndexBytes(_idOfText);
        MergeTable = new MergeTable(Resolve(merges, _idOfText));
        AlwaysSpecial = LongestFirst(id => types[id] is (int)TokenType.UserDefined);
        Special = LongestFirst(id => types[id] is (int)TokenType.UserDefined || IsSpecial(id));
        EndOfText = IdOf("<|endoftext|>") is >= 0 and var end ? end : IdOf("<|end_of_text|>");
    }

    private static void CheckCounts(string[] tokens, string[] merges, int[] types)
    {
        if (tokens.Length is < 256 or > MaxTokens || merges.Length > MaxTokens)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.tokens has {tokens.Length} entries and tokenizer.ggml.merges {merges.Length}; a " +
                "byte-level " +
                $"vocabulary has 256 to {MaxTokens} tokens and at most as many merges.");
        }

        if (tokens.Sum(token => (long)token.Length) > MaxCharacters)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.tokens: the tokens are over {MaxCharacters} characters together. The file is " +
                "damaged or hostile.");
        }

        if (types.Length != tokens.Length)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.token_type has {types.Length} entries for {tokens.Length} tokens; it needs one for " +
                "each.");
        }

        for (var id = 0; id < types.Length; id++)
        {
            if (types[id] is < (int)TokenType.Normal or > (int)TokenType.Byte)
                throw new InvalidDataException($"tokenizer.ggml.token_type[{id}] is {types[id]}; known are 1 to 6.");
        }
    }

    // Special tokens are stored as they are. So is a normal token with a character that spells no byte: llama.cpp takes
    // such files too, and no text ever becomes that token.
    private static byte[] Spell(string[] tokens, int[] types, int[] starts)
    {
        var bytes = new byte[tokens.Sum(token => 3L * token.Length)];
        for (var id = 0; id < tokens.Length; id++)
        {
            var token = tokens[id];
            var room = bytes.AsSpan(starts[id]);
            starts[id + 1] = starts[id]
                + (types[id] is (int)TokenType.Normal or (int)TokenType.Unused or (int)TokenType.Byte
                    && ByteText.TryDecode(room, token)
                    ? token.Length
                    : Encoding.UTF8.GetBytes(token, room));
        }

        return bytes[..starts[^1]];
    }

    private static Dictionary<string, int> Index(string[] tokens)
    {
        var index = new Dictionary<string, int>(tokens.Length);
        for (var id = 0; id < tokens.Length; id++)
        {
            if (!index.TryAdd(tokens[id], id))
                throw new InvalidDataException($"tokenizer.ggml.tokens: {id} and {index[tokens[id]]} are both " +
                    $"'{tokens[id]}'.");
        }

        return index;
    }

    private static int[] IndexBytes(Dictionary<string, int> idOfText)
    {
        var ids = new int[256];
        for (var value = 0; value < 256; value++)
        {
            if (!idOfText.TryGetValue(ByteText.Encode([(byte)value]), out ids[value]))
            {
                throw new InvalidDataException(
                    $"tokenizer.ggml.tokens has no token for the byte 0x{value:X2} " +
                    $"('{ByteText.Encode([(byte)value])}'); " +
                    "a byte-level vocabulary has all 256. Its tokenizer.ggml.model may not be gpt2.");
            }
        }

        return ids;
    }

    private static (int Left, int Right, int Product)[] Resolve(string[] merges, Dictionary<string, int> idOfText)
    {
        var resolved = new (int, int, int)[merges.Length];
        for (var rank = 0; rank < merges.Length; rank++)
        {
            var merge = merges[rank];
            var space = merge.Length < 3 ? -1 : merge.IndexOf(' ', 1);
            if (space < 0 || space == merge.Length - 1)
                throw new InvalidDataException($"tokenizer.ggml.merges[{rank}] is '{merge}', not two tokens with a " +
                    "space between.");
            resolved[rank] = (Find(merge[..space]), Find(merge[(space + 1)..]), Find(merge.Remove(space, 1)));

            int Find(string token) => idOfText.TryGetValue(token, out var id)
                ? id
                : throw new InvalidDataException(
                    $"tokenizer.ggml.merges[{rank}] is '{merge}', but '{token}' is not among the tokens.");
        }

        return resolved;
    }

    private List<int> LongestFirst(Func<int, bool> wanted) =>
        [.. Enumerable.Range(0, Types.Count)
            .Where(id => wanted(id) && !BytesOf(id).IsEmpty).OrderByDescending(id => BytesOf(id).Length)];
}
