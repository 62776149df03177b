using Wisp.Model;

namespace Wisp.Train;

/// <summary>Where the training of a tokenizer stands.</summary>
/// <param name="BytesRead">Bytes of text counted so far.</param>
/// <param name="Tokens">Tokens found, of <paramref name="Wanted"/>; 0 while counting.</param>
public readonly record struct BpeProgress(long BytesRead, int Tokens, int Wanted);

/// <summary>
/// Learns a byte-level BPE vocabulary: Sennrich, Haddow, Birch 2016, arXiv:1508.07909, algorithm 1, on bytes. Starting
/// from single bytes, the pair of neighbours that occurs most often in the text becomes a token, again and again. Pairs
/// are counted inside the pieces of the pre-tokenizer, each piece as often as it occurs.
/// </summary>
/// <remarks>
/// Of pairs that occur equally often the one whose left token has the lower id wins, then the lower right id. The
/// result depends on nothing but the documents, their order (only where rare words had to be forgotten) and the size.
/// </remarks>
public static class BpeTrainer
{
    // A pair that occurs once says nothing about other text.
    private const long MinOccurrences = 2;

    private const string Pre = "llama-bpe";

    /// <summary>
    /// Trains a vocabulary of exactly <paramref name="vocabularySize"/> tokens: 256 bytes, merges, special tokens. The
    /// memory of a document must stay as it is until the enumeration ends.
    /// </summary>
    public static ByteLevelBpe Train(
        IEnumerable<ReadOnlyMemory<byte>> documents, int vocabularySize, int threads,
        Action<BpeProgress>? progress = null, CancellationToken cancel = default)
    {
        if (vocabularySize is < Tokenizer.MinVocabularySize or > Tokenizer.MaxVocabularySize)
        {
            throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize,
                $"A vocabulary has {Tokenizer.MinVocabularySize} to {Tokenizer.MaxVocabularySize} tokens.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        var words = new WordCounts();
        words.AddAll(documents, PreTokenizer.Of(Pre), threads,
            bytes => progress?.Invoke(new(bytes, 0, vocabularySize)), cancel);
        return Train(words, vocabularySize, progress, cancel);
    }

    internal static ByteLevelBpe Train(
        WordCounts words, int vocabularySize, Action<BpeProgress>? progress, CancellationToken cancel)
    {
        if (words.Count == 0)
            throw new InvalidDataException("The text to train a tokenizer from is empty: no document has a byte.");

        var wanted = vocabularySize - Tokenizer.SpecialTokens.Count;
        var pairs = new PairCounts(words);
        var merges = new List<(int Left, int Right)>(wanted);
        var spelling = new ByteStrings();
        for (var value = 0; value < 256; value++)
            spelling.FindOrAdd([(byte)value], out _);
        while (spelling.Count < wanted && pairs.TryTakeBest(MinOccurrences, out var left, out var right))
        {
            cancel.ThrowIfCancellationRequested();
            // No two merges spell the same bytes. What stands inside a token merged without looking beyond its borders,
            // so all places where its bytes stood uncrossed looked alike when it was made, and became it then.
            var made = spelling.FindOrAdd([.. spelling[left], .. spelling[right]], out _);
            pairs.Merge(left, right, made);
            merges.Add((left, right));
            if (spelling.Count % 256 == 0)
                progress?.Invoke(new(words.Bytes, spelling.Count, vocabularySize));
        }

        if (spelling.Count < wanted)
            throw TooSmall(words, vocabularySize, vocabularySize - wanted + spelling.Count);
        progress?.Invoke(new(words.Bytes, vocabularySize, vocabularySize));
        return Tokenizer.FromMerges(Pre, spelling, merges);
    }

    private static InvalidDataException TooSmall(WordCounts words, int asked, int possible)
    {
        var advice = possible >= Tokenizer.MinVocabularySize
            ? $"Ask for at most {possible}, or give more text."
            : $"The smallest vocabulary has {Tokenizer.MinVocabularySize}: give more text.";
        return new InvalidDataException(
            $"The text ({words.Bytes} bytes, {words.Count} different words) gives a vocabulary of {possible} tokens, " +
            $"not {asked}: after that no pair of tokens occurs {MinOccurrences} times. {advice}");
    }
}
