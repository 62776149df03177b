using System.Text;

namespace Wisp.Model;

/// <summary>
/// Text to token ids and back, by any of the four ways models have: immutable and safe for any number of threads. Ids
/// and texts are those of llama.cpp.
/// </summary>
public abstract partial class Tokenizer
{
    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly int[] _types;
    private readonly TokenTraits[] _traits;
    private readonly Dictionary<string, int> _idOfText;
    private readonly int _first;
    private readonly int _last;
    private readonly bool _stripsSpace;
    private readonly bool _cleansSpaces;

    /// <summary>What the file said.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The value of tokenizer.ggml.model.</summary>
    public string Kind => Vocabulary.Kind;

    /// <summary>The value of tokenizer.ggml.pre.</summary>
    public string Pre => Vocabulary.Pre ?? "default";

    /// <summary>All tokens as a GGUF file spells them: normal ones in the writing of their kind, special ones as
    /// text.</summary>
    public IReadOnlyList<string> Tokens => Vocabulary.Tokens;

    /// <summary>All merges in order of rank, each two tokens with a space between; empty where the kind has
    /// none.</summary>
    public IReadOnlyList<string> Merges => Vocabulary.Merges ?? [];

    /// <summary>A <see cref="TokenType"/> for each token.</summary>
    public IReadOnlyList<int> Types => _types;

    public int VocabularySize => Tokens.Count;

    /// <summary>The token that begins a text, or -1.</summary>
    public int Bos { get; }

    /// <summary>The token that ends a text, or -1.</summary>
    public int Eos { get; }

    /// <summary>The token for what the vocabulary cannot spell, or -1.</summary>
    public int Unknown { get; }

    /// <summary>Whether <see cref="Bos"/> is added where special tokens are.</summary>
    public bool AddBos { get; }

    /// <summary>Whether <see cref="Eos"/> is added where special tokens are.</summary>
    public bool AddEos { get; }

    /// <summary>All tokens that end a generation.</summary>
    public IReadOnlySet<int> EndOfGeneration { get; }

    /// <summary>The token between documents, &lt;|endoftext|&gt; or &lt;|end_of_text|&gt;, else -1.</summary>
    public int EndOfText { get; }

    /// <summary>Tokens that are cut out of a text before it is split, longest first.</summary>
    internal List<int> Special { get; }

    /// <summary>Those of them that are cut out of every text: the user-defined ones.</summary>
    internal List<int> AlwaysSpecial { get; }

    /// <summary>The id of a token by its spelling in <see cref="Tokens"/>, or -1.</summary>
    public int IdOf(string token) => _idOfText.GetValueOrDefault(token, -1);

    /// <summary>The bytes that a token stands for; of a special token its text.</summary>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        Check(id);
        return _bytes.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);
    }

    /// <summary>Whether it is a control token, which no plain text becomes and no reader sees.</summary>
    public bool IsSpecial(int id)
    {
        Check(id);
        return (_traits[id] & TokenTraits.Special) != 0;
    }

    /// <summary>The tokens of a text. Half of a surrogate pair becomes U+FFFD, for it has no bytes.</summary>
    /// <param name="addSpecial">Whether the tokens that begin and end a text are added, as the vocabulary says.</param>
    /// <param name="parseSpecial">
    /// Whether the spelling of a control token, such as &lt;|im_end|&gt;, becomes that token. False for every text that
    /// comes from outside. User-defined tokens are recognised either way, as in llama.cpp.
    /// </param>
    public int[] Encode(string text, bool addSpecial = false, bool parseSpecial = false) =>
        Encode(Encoding.UTF8.GetBytes(text), addSpecial, parseSpecial);

    /// <summary>The tokens of a text in UTF-8. Bytes that are none become U+FFFD where llama.cpp reads them
    /// so.</summary>
    public int[] Encode(ReadOnlySpan<byte> utf8, bool addSpecial = false, bool parseSpecial = false)
    {
        var ids = new List<int>(utf8.Length / 3 + 2);
        if (addSpecial && _first >= 0)
            ids.Add(_first);
        Encode(utf8, ids, parseSpecial);
        if (addSpecial && _last >= 0)
            ids.Add(_last);
        return [.. ids];
    }

    /// <summary>Appends the tokens of a text.</summary>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool parseSpecial = false)
    {
        var begins = true;
        foreach (var (start, length, id) in new SpecialSplit(this).Split(utf8, parseSpecial))
        {
            if (id >= 0)
                ids.Add(id);
            else
                EncodeText(utf8.Slice(start, length), begins, ids);
            begins = id >= 0;
        }
    }

    /// <summary>Appends the tokens of a text without special ones.</summary>
    /// <param name="begins">Whether the text is the first or follows a special token.</param>
    private protected abstract void EncodeText(ReadOnlySpan<byte> text, bool begins, List<int> ids);

    /// <summary>The bytes of all tokens in a row; control tokens give their text or nothing.</summary>
    public byte[] Decode(ReadOnlySpan<int> ids, bool withSpecial = true)
    {
        var length = 0;
        foreach (var id in ids)
            length = checked(length + Shown(id, withSpecial).Length);

        var bytes = new byte[length];
        var at = 0;
        foreach (var id in ids)
        {
            var part = Shown(id, withSpecial);
            part.CopyTo(bytes.AsSpan(at));
            at += part.Length;
        }

        return bytes;
    }

    /// <summary>The same as text, with U+FFFD for bytes that are no character.</summary>
    public string DecodeText(ReadOnlySpan<int> ids, bool withSpecial = true) =>
        Encoding.UTF8.GetString(Decode(ids, withSpecial));

    /// <summary>
    /// The text of tokens that are a whole: without the space that encoding puts before the first word, and, for the
    /// vocabularies for which llama.cpp does so, without blanks before full stops and contractions.
    /// </summary>
    /// <param name="removeSpecial">Whether the tokens that begin and end a text are left out.</param>
    /// <param name="withSpecial">Whether control tokens show their text.</param>
    public byte[] Detokenize(ReadOnlySpan<int> ids, bool removeSpecial = false, bool withSpecial = true)
    {
        var stripsSpace = _stripsSpace;
        if (removeSpecial && AddBos && ids.Length > 0 && ids[0] == Bos)
        {
            ids = ids[1..];
            stripsSpace = false;
        }

        if (removeSpecial && AddEos && ids.Length > 0 && ids[^1] == Eos)
            ids = ids[..^1];
        var bytes = Decode(ids, withSpecial).AsSpan();
        // Only of the first token, and one that shows nothing has no space either.
        if (stripsSpace && ids.Length > 0 && Shown(ids[0], withSpecial) is [(byte)' ', ..])
            bytes = bytes[1..];
        return _cleansSpaces ? SpaceCleaning.Clean(bytes) : bytes.ToArray();
    }

    internal TokenTraits Traits(int id) => _traits[id];

    internal (bool Left, bool Right) Strips(int id) =>
        (Vocabulary.StripLeft.Contains(id), Vocabulary.StripRight.Contains(id));

    private ReadOnlySpan<byte> Shown(int id, bool withSpecial) => withSpecial || !IsSpecial(id) ? BytesOf(id) : [];

    private void Check(int id)
    {
        if ((uint)id >= (uint)_types.Length)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary has {_types.Length} tokens.");
    }
}
