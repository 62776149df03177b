using System.Buffers;
using System.Text;

namespace Wisp.Model;

/// <summary>
/// A byte-level BPE vocabulary, immutable and safe for any number of threads. Every byte is a token, so every byte
/// string can be encoded, and decoding the ids gives it back bit for bit.
/// </summary>
public sealed partial class Tokenizer
{
    public const int MinVocabularySize = 512, MaxVocabularySize = 65_536;

    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly int[] _idOfByte;
    private readonly ByteStrings _pieces;
    private readonly int[] _idOfPiece;
    private readonly Dictionary<string, int> _idOfText;
    private BpeEncoder? _spare;

    /// <summary>The special tokens of our own vocabularies, in the order in which they end it.</summary>
    public static IReadOnlyList<string> SpecialTokens { get; } =
    [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>",
        "<tool_response>", "</tool_response>", .. Enumerable.Range(0, 16).Select(i => $"<|reserved_{i}|>"),
    ];

    /// <summary>The value of tokenizer.ggml.pre.</summary>
    public string Pre => Split.Name;

    /// <summary>
    /// All tokens as a GGUF file spells them: bytes as characters for normal tokens, the text of special ones.
    /// </summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>All merges in order of rank, each two tokens with a space between.</summary>
    public IReadOnlyList<string> Merges { get; }

    /// <summary>A <see cref="TokenType"/> for each token.</summary>
    public IReadOnlyList<int> Types { get; }

    public int VocabularySize => Tokens.Count;

    /// <summary>
    /// The token between documents, &lt;|endoftext|&gt; or &lt;|end_of_text|&gt;; -1 where there is neither.
    /// </summary>
    public int EndOfText { get; }

    internal PreTokenizer Split { get; }

    internal MergeTable MergeTable { get; }

    /// <summary>
    /// Tokens that are cut out of a text before it is split, longest first: all, and those of every text.
    /// </summary>
    internal List<int> Special { get; }

    internal List<int> AlwaysSpecial { get; }

    /// <summary>The id of a token by its spelling in <see cref="Tokens"/>, or -1.</summary>
    public int IdOf(string token) => _idOfText.GetValueOrDefault(token, -1);

    /// <summary>The bytes that a token stands for; of a special token its text.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) => _bytes.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);

    /// <summary>
    /// Whether a token is control: it never comes out of plain text, and is no part of what a reader sees.
    /// </summary>
    public bool IsSpecial(int id) => Types[id] is (int)TokenType.Control or (int)TokenType.Unknown;

    internal int IdOfByte(byte value) => _idOfByte[value];

    internal int WholePiece(ReadOnlySpan<byte> piece) =>
        _pieces.Find(piece) is >= 0 and var number ? _idOfPiece[number] : -1;

    /// <summary>An encoder for one thread. It pays to keep it: it remembers the words it has met.</summary>
    public BpeEncoder CreateEncoder() => new(this);

    /// <summary>Appends the tokens of a text; see <see cref="BpeEncoder.Encode"/>.</summary>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool parseSpecial = false)
    {
        // One encoder waits here for whoever comes; a second thread at the same moment makes its own.
        var encoder = Interlocked.Exchange(ref _spare, null) ?? CreateEncoder();
        encoder.Encode(utf8, ids, parseSpecial);
        _spare = encoder;
    }

    /// <summary>The tokens of a text. Half of a surrogate pair becomes U+FFFD, for it has no bytes.</summary>
    public int[] Encode(string text, bool parseSpecial = false)
    {
        var ids = new List<int>(text.Length / 3 + 1);
        Encode(Encoding.UTF8.GetBytes(text), ids, parseSpecial);
        return [.. ids];
    }

    /// <summary>The bytes of all tokens in a row; control tokens give their text or nothing.</summary>
    public byte[] Decode(ReadOnlySpan<int> ids, bool withSpecial = true)
    {
        var bytes = new ArrayBufferWriter<byte>(Math.Max(16, 4 * ids.Length));
        foreach (var id in ids)
        {
            if (withSpecial || !IsSpecial(id))
                bytes.Write(BytesOf(id));
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>The same as text, with U+FFFD for bytes that are no character.</summary>
    public string DecodeText(ReadOnlySpan<int> ids, bool withSpecial = true) =>
        Encoding.UTF8.GetString(Decode(ids, withSpecial));
}
