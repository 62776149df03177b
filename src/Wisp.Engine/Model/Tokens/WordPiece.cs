using System.Text;

namespace Wisp.Model;

/// <summary>
/// WordPiece (Schuster and Nakajima 2012; Devlin et al. 2019, BERT, arXiv:1810.04805; tokenizer.ggml.model bert):
/// text is made plain and cut at white space, signs and ideographs, and each word is read as the longest token, again
/// and again. A word that cannot be read to its end is the unknown token.
/// </summary>
/// <remarks>A token that begins a word is stored with ▁ before it, one that continues a word as it is.</remarks>
public sealed class WordPiece : Tokenizer
{
    private readonly ByteStrings _spellings = new(); // numbered as the tokens are
    private readonly int _longest;
    private readonly bool _lowercase;
    private readonly bool _stripAccents;

    private static readonly TokenizerDefaults s_defaults = new()
    {
        Bos = 101, Unknown = 100, Separator = 102, AddBos = true, Separates = true, CleansSpaces = true,
    };

    internal WordPiece(Vocabulary vocabulary)
        : base(vocabulary, s_defaults, PieceText.Spell)
    {
        _lowercase = vocabulary.Switch("normalizer.lowercase", otherwise: true);
        _stripAccents = vocabulary.Switch("normalizer.strip_accents", otherwise: _lowercase);
        for (var id = 0; id < VocabularySize; id++)
        {
            var spelling = Encoding.UTF8.GetBytes(Tokens[id]);
            _longest = Math.Max(_longest, spelling.Length);
            _spellings.FindOrAdd(spelling, out var added);
            if (!added)
                throw new InvalidDataException($"tokenizer.ggml.tokens: {id} is spelled like another in UTF-8.");
        }
    }

    private protected override void EncodeText(ReadOnlySpan<byte> text, bool begins, List<int> ids)
    {
        var word = new List<byte>();
        Span<byte> spelled = stackalloc byte[4];
        for (var at = 0; at < text.Length;)
        {
            var codePoint = Utf8Scan.Lenient(text[at..], out var width);
            at += width;
            if (_stripAccents)
                codePoint = Decompositions.FirstOf(codePoint);
            var kind = UnicodeClasses.Of(codePoint);
            if (kind == CharacterClass.Space)
            {
                EncodeWord(word, ids);
                continue;
            }

            if (codePoint is 0 or Utf8Scan.Replacement || kind == CharacterClass.Control
                || (_stripAccents && kind == CharacterClass.Mark))
                continue;
            var alone = kind == CharacterClass.Punctuation || (kind == CharacterClass.Symbol && codePoint < 0x7F)
                || IsIdeograph(codePoint);
            if (alone)
                EncodeWord(word, ids);
            word.AddRange(spelled[..Utf8Scan.Spell(spelled, _lowercase ? Lower(codePoint, kind) : codePoint)]);
            if (alone)
                EncodeWord(word, ids);
        }

        EncodeWord(word, ids);
    }

    // Encodes what has been gathered and begins anew.
    private void EncodeWord(List<byte> gathered, List<int> ids)
    {
        if (gathered.Count == 0)
            return;
        byte[] word = [.. PieceText.BlankBytes, .. gathered];
        gathered.Clear();
        var before = ids.Count;
        for (var at = 0; at < word.Length;)
        {
            var length = Math.Min(_longest, word.Length - at);
            int id;
            while ((id = _spellings.Find(word.AsSpan(at, length))) < 0 && length > 1)
                length--;
            if (id < 0)
            {
                ids.RemoveRange(before, ids.Count - before);
                break;
            }

            ids.Add(id);
            at += length;
        }

        if (ids.Count == before && Unknown >= 0)
            ids.Add(Unknown);
    }

    // Lower case mappings of characters once assigned never change, so the runtime's are used for those that the
    // classes know; İ alone has two characters there, of which llama.cpp keeps the first.
    private static int Lower(int codePoint, CharacterClass kind) => codePoint == 'İ' ? 'i'
        : kind is CharacterClass.Other or CharacterClass.Control ? codePoint
        : Rune.ToLowerInvariant(new Rune(codePoint)).Value;

    // The blocks that BERT sets apart, with the gap that the reference has from U+2B820 to U+2B91F.
    private static bool IsIdeograph(int codePoint) => codePoint is (>= 0x4E00 and <= 0x9FFF)
        or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B81F)
        or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
