using System.Text;

namespace Wisp.Model;

/// <summary>
/// The unigram model of SentencePiece (Kudo 2018, arXiv:1804.10959; tokenizer.ggml.model t5): of all ways to read a
/// text as tokens the one with the greatest sum of scores, by Viterbi's algorithm:
/// <code>best(j) = max over tokens t that end at j of best(j - |t|) + score(t)</code>
/// A character that no token begins with costs ten more than the worst token; such characters in a row are one unknown.
/// </summary>
/// <remarks>
/// Sums are float64 and of equal ways the one found first wins, as in llama.cpp. O(n) steps, each up to the longest
/// token.
/// </remarks>
public sealed class Unigram : Tokenizer
{
    private const float UnknownPenalty = 10;

    private readonly ByteTrie _tokens = new();
    private readonly ByteTrie _userDefined = new();
    private readonly CharacterMap? _map;
    private readonly double _unknownScore;
    private readonly bool _spacePrefix;
    private readonly bool _mergeSpaces;

    private static readonly TokenizerDefaults s_defaults = new() { Eos = 1, Unknown = 2, AddEos = true };

    internal Unigram(Vocabulary vocabulary)
        : base(vocabulary, s_defaults, PieceText.Spell)
    {
        if (vocabulary.Scores is null || vocabulary.Scores.Any(score => !float.IsFinite(score)))
            throw new InvalidDataException(
                "tokenizer.ggml.scores is missing or not finite; a t5 vocabulary needs one for each token.");
        if (Unknown < 0)
            throw new InvalidDataException("tokenizer.ggml.unknown_token_id is beyond the vocabulary.");
        _spacePrefix = vocabulary.Switch("add_space_prefix", otherwise: false);
        _mergeSpaces = vocabulary.Switch("remove_extra_whitespaces", otherwise: false);
        _map = vocabulary.CharacterMap is { Length: > 0 } map ? new CharacterMap(map) : null;
        var worst = float.MaxValue;
        for (var id = 0; id < VocabularySize; id++)
        {
            var traits = Traits(id);
            if ((traits & TokenTraits.Normal) != 0)
                worst = Math.Min(worst, vocabulary.Scores[id]);
            if ((traits & (TokenTraits.Normal | TokenTraits.UserDefined | TokenTraits.Unused)) == 0)
                continue;
            var spelling = Encoding.UTF8.GetBytes(Tokens[id]);
            _tokens.Add(spelling, id);
            if ((traits & TokenTraits.UserDefined) != 0)
                _userDefined.Add(spelling, id);
        }

        _unknownScore = worst - UnknownPenalty;
    }

    private protected override void EncodeText(ReadOnlySpan<byte> text, bool begins, List<int> ids)
    {
        var plain = Normalise(text);
        if (plain.Length == 0)
            return;
        var best = new double[plain.Length + 1];
        var lastToken = new int[plain.Length + 1];
        var lastStart = new int[plain.Length + 1];
        Array.Fill(best, double.MinValue);
        Array.Fill(lastToken, Unknown);
        best[0] = 0;
        for (var at = 0; at < plain.Length;)
        {
            var width = Math.Min(Utf8Scan.Length(plain[at]), plain.Length - at);
            var whole = false; // whether a token is just this character
            var node = ByteTrie.Root;
            for (var end = at; end < plain.Length && (node = _tokens.Next(node, plain[end])) != ByteTrie.Nowhere;)
            {
                end++;
                var id = _tokens.ValueAt(node);
                if (id < 0)
                    continue;
                whole |= end - at == width;
                Offer(at, end, id, (Traits(id) & TokenTraits.UserDefined) != 0 ? 0 : Vocabulary.Scores![id]);
            }

            if (!whole)
                Offer(at, at + width, Unknown, _unknownScore);
            at += width;
        }

        var first = ids.Count;
        for (var end = plain.Length; end > 0; end = lastStart[end])
            if (lastToken[end] != Unknown || ids.Count == first || ids[^1] != Unknown)
                ids.Add(lastToken[end]);
        ids.Reverse(first, ids.Count - first);

        void Offer(int at, int end, int id, double score)
        {
            if (best[at] + score <= best[end])
                return;
            best[end] = best[at] + score;
            lastToken[end] = id;
            lastStart[end] = at;
        }
    }

    // Characters are mapped; blanks become ▁, in a row one where the vocabulary asks for it, and one comes first.
    private byte[] Normalise(ReadOnlySpan<byte> text)
    {
        var plain = new List<byte>(text.Length + text.Length / 2);
        var inWord = false;
        var prefixed = false;
        for (var at = 0; at < text.Length;)
        {
            var part = NormalisePrefix(text[at..], out var width);
            at += width;
            foreach (var value in part)
            {
                if (value == ' ')
                {
                    inWord = false;
                    if (!_mergeSpaces)
                        plain.AddRange(PieceText.BlankBytes);
                    continue;
                }

                if (!inWord && (_mergeSpaces || (_spacePrefix && !prefixed)))
                {
                    plain.AddRange(PieceText.BlankBytes);
                    prefixed = true;
                }

                inWord = true;
                plain.Add(value);
            }
        }

        return [.. plain];
    }

    // What the text begins with, made plain. What begins like a user-defined token stays as it is, as far as it does.
    private ReadOnlySpan<byte> NormalisePrefix(ReadOnlySpan<byte> text, out int width)
    {
        width = 0;
        for (var node = ByteTrie.Root; width < text.Length; width++)
            if ((node = _userDefined.Next(node, text[width])) == ByteTrie.Nowhere)
                break;
        if (width > 0)
            return text[..width];
        if (_map is not null && _map.TryMap(text, out var mapped, out width))
            return mapped;
        var codePoint = Utf8Scan.Lenient(text, out width);
        return width == 1 && codePoint == Utf8Scan.Replacement ? "\ufffd"u8 : text[..width];
    }
}
