using System.Text;

namespace Wisp.Model;

/// <summary>
/// A byte-level BPE vocabulary (tokenizer.ggml.model gpt2): a pre-tokenizer cuts the text, and byte pairs merge inside
/// the pieces. Where every byte is a token, every byte string can be encoded; a byte that is none is left out.
/// </summary>
public sealed class ByteLevelBpe : Tokenizer
{
    // Some vocabularies lack bytes that UTF-8 never has, or control characters; none lacks half of them.
    private const int MinBytes = 128;

    private readonly int[] _idOfByte;
    private readonly ByteStrings _pieces = new();
    private readonly int[] _idOfPiece;
    private BpeEncoder? _spare;

    internal ByteLevelBpe(Vocabulary vocabulary)
        : this(vocabulary, PreTokenizer.Of(vocabulary.Pre ?? "default"))
    {
    }

    private ByteLevelBpe(Vocabulary vocabulary, PreTokenizer split)
        : base(vocabulary, Defaults(split), Spell)
    {
        Split = split;
        var idOfPiece = new List<int>();
        for (var id = 0; id < VocabularySize; id++)
        {
            // A token of no bytes cannot occur. A control token is never taken for a piece of text that looks like it.
            if (Traits(id) != TokenTraits.Normal || BytesOf(id).IsEmpty)
                continue;
            _pieces.FindOrAdd(BytesOf(id), out var added);
            if (added)
                idOfPiece.Add(id);
        }

        _idOfPiece = [.. idOfPiece];
        _idOfByte = IndexBytes();
        // Kimi K2 has tokens for all that its merges would make, and its files come without them.
        if (vocabulary.Merges is null && split.Name != "kimi-k2")
            throw new InvalidDataException("tokenizer.ggml.merges is missing; a gpt2 vocabulary needs them.");
        MergeTable = new MergeTable(Resolve());
    }

    /// <summary>Cuts a text into the pieces inside which bytes merge.</summary>
    public PreTokenizer Split { get; }

    internal MergeTable MergeTable { get; }

    /// <summary>The token of one byte, or -1.</summary>
    internal int IdOfByte(byte value) => _idOfByte[value];

    /// <summary>The normal token that a piece is as a whole, or -1.</summary>
    internal int WholePiece(ReadOnlySpan<byte> piece) =>
        _pieces.Find(piece) is >= 0 and var number ? _idOfPiece[number] : -1;

    /// <summary>
    /// An encoder for one thread, which keeps bytes that are no UTF-8 as they are. It pays to keep it: it remembers the
    /// words it has met.
    /// </summary>
    public BpeEncoder CreateEncoder() => new(this);

    private protected override void EncodeText(ReadOnlySpan<byte> text, bool begins, List<int> ids)
    {
        // One encoder waits here for whoever comes; a second thread at the same moment makes its own.
        var encoder = Interlocked.Exchange(ref _spare, null) ?? CreateEncoder();
        encoder.EncodeText(Utf8Scan.AsRead(text), ids);
        _spare = encoder;
    }

    // llama.cpp takes id 11 for both where the file names none, Falcon's end of text.
    private static TokenizerDefaults Defaults(PreTokenizer split) => new()
    {
        Bos = split.HasBos ? 11 : -1,
        Eos = 11,
        AddBos = split.AddBos,
        CleansSpaces = split.CleansSpaces,
    };

    // Special tokens are stored as they are. So is a normal token with a character that spells no byte: llama.cpp takes
    // such files too.
    private static int Spell(Span<byte> bytes, string token, TokenTraits traits)
    {
        if ((traits & (TokenTraits.Special | TokenTraits.UserDefined)) == 0)
        {
            if ((traits & TokenTraits.Unused) != 0)
                return 0; // it stands for nothing
            if (ByteText.TryDecode(bytes, token))
                return token.Length;
        }

        return Encoding.UTF8.GetBytes(token, bytes);
    }

    private int[] IndexBytes()
    {
        int[] ids = [.. Enumerable.Range(0, 256).Select(value => IdOf(ByteText.Encode([(byte)value])))];
        var known = ids.Count(id => id >= 0);
        if (known < MinBytes)
        {
            throw new InvalidDataException(
                $"tokenizer.ggml.tokens has tokens for {known} of the 256 bytes; a byte-level vocabulary has nearly " +
                "all. Its tokenizer.ggml.model may not be gpt2.");
        }

        return ids;
    }

    private (int Left, int Right, int Product)[] Resolve()
    {
        var resolved = new (int, int, int)[Merges.Count];
        for (var rank = 0; rank < resolved.Length; rank++)
        {
            var merge = Merges[rank];
            var space = merge.Length < 3 ? -1 : merge.IndexOf(' ', 1);
            if (space < 0 || space == merge.Length - 1)
            {
                throw new InvalidDataException(
                    $"tokenizer.ggml.merges[{rank}] is '{merge}', not two tokens with a space between.");
            }

            resolved[rank] = (Find(merge[..space]), Find(merge[(space + 1)..]), Find(merge.Remove(space, 1)));

            int Find(string token) => IdOf(token) is >= 0 and var id
                ? id
                : throw new InvalidDataException(
                    $"tokenizer.ggml.merges[{rank}] is '{merge}', but '{token}' is not among the tokens.");
        }

        return resolved;
    }
}
