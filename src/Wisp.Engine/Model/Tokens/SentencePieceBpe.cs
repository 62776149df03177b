using System.Text;
using System.Text.Unicode;

namespace Wisp.Model;

/// <summary>
/// SentencePiece's BPE (Kudo and Richardson 2018, arXiv:1808.06226; tokenizer.ggml.model llama): no pre-tokenizer,
/// blanks are ▁, and of all neighbours that are a token together the one of highest score merges first, the leftmost
/// of equals. A character that is no token becomes its bytes.
/// </summary>
/// <remarks>
/// O(n log n) in the length of the text. Bytes that are no UTF-8 stay what they are, as in llama.cpp.
/// </remarks>
public sealed class SentencePieceBpe : Tokenizer
{
    private readonly ByteStrings _spellings = new(); // numbered as the tokens are
    private readonly int[] _idOfByte;
    private readonly bool _spacePrefix;

    // Whether no token has ▁ after another character. Then nothing merges across that place, and each word can be read,
    // and remembered, by itself.
    private readonly bool _wordsStandAlone;
    private PieceMemory? _spare; // waits here for whoever comes; a second thread at the same moment makes its own

    internal SentencePieceBpe(Vocabulary vocabulary)
        : base(vocabulary, s_defaults, PieceText.Spell)
    {
        if (vocabulary.Scores?.Any(float.IsNaN) == true)
            throw new InvalidDataException("tokenizer.ggml.scores: one is not a number, so merges have no order.");
        _spacePrefix = vocabulary.Switch("add_space_prefix", otherwise: true);
        for (var id = 0; id < VocabularySize; id++)
        {
            _spellings.FindOrAdd(Encoding.UTF8.GetBytes(Tokens[id]), out var added);
            if (!added)
                throw new InvalidDataException($"tokenizer.ggml.tokens: {id} is spelled like another in UTF-8.");
        }

        _wordsStandAlone = !Tokens.Any(token => token.TrimStart(PieceText.Blank).Contains(PieceText.Blank));
        _idOfByte = [.. Enumerable.Range(0, 256).Select(value =>
            IdOf(PieceText.OfByte(value)) is >= 0 and var id ? id : value < 0x80 ? IdOf($"{(char)value}") : -1)];
    }

    private static readonly TokenizerDefaults s_defaults =
        new() { Bos = 1, Eos = 2, Unknown = 0, AddBos = true, SpacePrefix = true };

    private protected override void EncodeText(ReadOnlySpan<byte> text, bool begins, List<int> ids)
    {
        var escaped = PieceText.Escape(text, blankFirst: begins && _spacePrefix);
        // A letter cut short takes the bytes after it for its own, and those may be of ▁.
        if (!_wordsStandAlone || !Utf8.IsValid(text))
        {
            Merge(escaped, ids);
            return;
        }

        var memory = Interlocked.Exchange(ref _spare, null) ?? new PieceMemory(Merge);
        for (var at = 0; at < escaped.Length;)
        {
            var end = EndOfWord(escaped, at);
            memory.Encode(escaped.AsSpan(at, end - at), ids);
            at = end;
        }

        _spare = memory;
    }

    private void Merge(ReadOnlySpan<byte> text, List<int> ids) => new Merging(this, text.ToArray()).Run(ids);

    // The next ▁ that follows something else.
    private static int EndOfWord(ReadOnlySpan<byte> text, int at)
    {
        while (text[at..].StartsWith(PieceText.BlankBytes))
            at += PieceText.BlankBytes.Length;
        var length = text[at..].IndexOf(PieceText.BlankBytes);
        return length < 0 ? text.Length : at + length;
    }

    private float Score(int id) => Vocabulary.Scores is null ? 0 : Vocabulary.Scores[id];

    // The text as a linked list of symbols, each named by the place of its first byte.
    private sealed class Merging
    {
        private readonly SentencePieceBpe _tokenizer;
        private readonly byte[] _text;
        private readonly int[] _length; // 0 = merged into the symbol to its left
        private readonly int[] _previous; // -1 = none
        private readonly PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)> _pairs;

        public Merging(SentencePieceBpe tokenizer, byte[] text)
        {
            (_tokenizer, _text) = (tokenizer, text);
            _length = new int[text.Length];
            _previous = new int[text.Length];
            _pairs = new(s_best);
            var previous = -1;
            for (var at = 0; at < text.Length; at += _length[at])
            {
                _length[at] = Math.Min(Utf8Scan.Length(text[at]), text.Length - at);
                _previous[at] = previous;
                Offer(previous, at);
                previous = at;
            }
        }

        private static readonly Comparer<(float Score, int Left)> s_best = Comparer<(float Score, int Left)>.Create(
            (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left));

        public void Run(List<int> ids)
        {
            while (_pairs.TryDequeue(out var pair, out _))
            {
                var (left, right, length) = pair;
                // One of the two may have grown, or be gone, since the pair was offered.
                if (_length[left] == 0 || _length[right] == 0 || _length[left] + _length[right] != length)
                    continue;
                _length[left] = length;
                _length[right] = 0;
                var next = left + length;
                if (next < _text.Length)
                    _previous[next] = left;
                Offer(_previous[left], left);
                if (next < _text.Length)
                    Offer(left, next);
            }

            for (var at = 0; at < _text.Length; at += _length[at])
                Add(_text.AsSpan(at, _length[at]), ids);
        }

        private void Offer(int left, int right)
        {
            if (left < 0)
                return;
            var length = _length[left] + _length[right];
            var id = _tokenizer._spellings.Find(_text.AsSpan(left, length));
            if (id >= 0)
                _pairs.Enqueue((left, right, length), (_tokenizer.Score(id), left));
        }

        private void Add(ReadOnlySpan<byte> symbol, List<int> ids)
        {
            var id = _tokenizer._spellings.Find(symbol);
            if (id >= 0)
            {
                ids.Add(id);
                return;
            }

            foreach (var value in symbol)
                if (_tokenizer._idOfByte[value] is var ofByte && (ofByte >= 0 || _tokenizer.Unknown >= 0))
                    ids.Add(ofByte >= 0 ? ofByte : _tokenizer.Unknown);
        }
    }
}
