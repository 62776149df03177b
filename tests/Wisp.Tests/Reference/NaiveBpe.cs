using System.Text.RegularExpressions;

namespace Wisp.Tests.Reference;

/// <summary>Byte pair encoding as the textbook has it: strings, dictionaries, all counted anew at every step.</summary>
internal static class NaiveBpe
{
    /// <summary>The split of llama-bpe as a regular expression. Right for UTF-16 text without surrogates.</summary>
    public static readonly Regex LlamaSplit = new(
        @"'[sStTmMdD]|'[rR][eE]|'[vV][eE]|'[lL][lL]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" +
        @"\s*[\r\n]+|\s+(?!\S)|\s+");

    public static readonly Regex Qwen2Split = new(LlamaSplit.ToString().Replace("{1,3}", ""));

    public static readonly Regex Gpt2Split =
        new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");

    /// <summary>Tokens of one piece, all spelled one character a byte.</summary>
    public static List<string> Encode(string piece, IReadOnlyDictionary<(string, string), int> ranks)
    {
        var symbols = Symbols(piece);
        while (true)
        {
            var best = -1;
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (ranks.TryGetValue((symbols[i], symbols[i + 1]), out var rank)
                    && (best < 0 || rank < ranks[(symbols[best], symbols[best + 1])]))
                    best = i;
            }

            if (best < 0)
                return symbols;
            symbols[best] += symbols[best + 1];
            symbols.RemoveAt(best + 1);
        }
    }

    /// <summary>The merges, in order, that give <paramref name="tokens"/> tokens beside the bytes, or fewer.</summary>
    public static List<(string Left, string Right)> Train(IReadOnlyDictionary<string, long> words, int tokens)
    {
        var rows = words.Select(word => (Symbols: Symbols(word.Key), Times: word.Value)).ToList();
        var ids = Enumerable.Range(0, 256).ToDictionary(b => ((char)b).ToString(), b => b);
        var merges = new List<(string Left, string Right)>();
        while (merges.Count < tokens)
        {
            var counts = new Dictionary<(string Left, string Right), long>();
            foreach (var (symbols, times) in rows)
            {
                foreach (var pair in symbols.Zip(symbols.Skip(1)))
                    counts[pair] = counts.GetValueOrDefault(pair) + times;
            }

            var best = counts.Where(pair => pair.Value >= 2)
                .OrderByDescending(pair => pair.Value)
                .ThenBy(pair => ids[pair.Key.Left]).ThenBy(pair => ids[pair.Key.Right])
                .Select(pair => pair.Key).FirstOrDefault();
            if (best.Left is null)
                break;
            ids.Add(best.Left + best.Right, ids.Count);
            merges.Add(best);
            foreach (var (symbols, _) in rows)
            {
                for (var i = 0; i + 1 < symbols.Count; i++)
                {
                    if ((symbols[i], symbols[i + 1]) != best)
                        continue;
                    symbols[i] += symbols[i + 1];
                    symbols.RemoveAt(i + 1);
                }
            }
        }

        return merges;
    }

    private static List<string> Symbols(string word) => [.. word.Select(c => c.ToString())];
}
