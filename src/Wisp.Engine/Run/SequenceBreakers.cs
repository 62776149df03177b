using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// The strings that end a repetition, as tokens: which token holds one, or holds its beginning, with the tokens that
/// must follow for the rest of it.
/// </summary>
public sealed class SequenceBreakers
{
    // Bounds against breakers by which one would search for paragraphs: in bytes, and in tokens after the first.
    private const int MaxBytes = 40, MaxTail = 20;

    private readonly Dictionary<int, int[][]> _tails = []; // by head, the longest tail first

    private SequenceBreakers()
    {
    }

    public static SequenceBreakers None { get; } = new();

    public static SequenceBreakers Of(Tokenizer tokenizer, IEnumerable<string> breakers) =>
        Of(breakers, tokenizer.VocabularySize, id => tokenizer.BytesOf(id).ToArray(), text => Encode(tokenizer, text));

    /// <param name="bytesOf">What a token stands for.</param>
    /// <param name="encode">The tokens of a text, none of them special.</param>
    public static SequenceBreakers Of(
        IEnumerable<string> breakers, int vocabularySize, Func<int, byte[]> bytesOf, Func<byte[], int[]> encode)
    {
        var found = new Dictionary<int, List<int[]>>();
        var texts = breakers.Where(text => text.Length > 0).Select(text => System.Text.Encoding.UTF8.GetBytes(text))
            .Select(bytes => bytes.Length > MaxBytes ? bytes[..MaxBytes] : bytes).ToList();
        for (var id = 0; texts.Count > 0 && id < vocabularySize; id++)
        {
            var word = bytesOf(id);
            foreach (var text in texts)
                foreach (var tail in TailsOf(word, text))
                {
                    if (!found.TryGetValue(id, out var tails))
                        found[id] = tails = [];
                    var ids = tail.Length == 0 ? [] : encode(tail).Take(MaxTail).ToArray();
                    if (!tails.Any(known => known.AsSpan().SequenceEqual(ids)))
                        tails.Add(ids);
                }
        }

        var result = new SequenceBreakers();
        foreach (var (id, tails) in found)
            result._tails[id] = [.. tails.OrderByDescending(tail => tail.Length)];
        return result;
    }

    /// <summary>What must follow a word to complete a breaker; empty where the word holds it all.</summary>
    private static IEnumerable<byte[]> TailsOf(byte[] word, byte[] text)
    {
        if (word.AsSpan().IndexOf(text) >= 0)
        {
            yield return [];
            yield break;
        }

        for (var length = Math.Min(word.Length, text.Length - 1); length > 0; length--)
            if (word.AsSpan().EndsWith(text.AsSpan(0, length)))
                yield return text[length..];
    }

    private static int[] Encode(Tokenizer tokenizer, byte[] text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return [.. ids];
    }

    /// <summary>How many tokens stand after the newest breaker; all of them where there is none.</summary>
    internal int TokensSince(ReadOnlySpan<int> window)
    {
        for (var age = 0; age < window.Length; age++)
            if (_tails.TryGetValue(window[^(age + 1)], out var tails))
                foreach (var tail in tails)
                    if (tail.Length <= age && window.Slice(window.Length - age, tail.Length).SequenceEqual(tail))
                        return age - tail.Length;
        return window.Length;
    }
}
