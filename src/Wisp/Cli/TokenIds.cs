using System.Globalization;

namespace Wisp.Cli;

/// <summary>Token ids as a person types them: whole numbers with commas or blanks between.</summary>
internal static class TokenIds
{
    /// <param name="vocabulary">Tokens of the model; the ids must be below.</param>
    public static int[] Read(IEnumerable<string> words, int vocabulary)
    {
        int[] ids =
        [
            .. words.SelectMany(word => word.Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
                .Select(word => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                    ? id : throw new UserException(
                        $"'{Terminal.Clean(word)}' is no token id; ids are whole numbers from 0.")),
        ];
        return ids.FirstOrDefault(id => id >= vocabulary, -1) is >= 0 and var beyond
            ? throw new UserException($"There is no token {beyond}: the vocabulary has {vocabulary}, the first of " +
                "which is 0.")
            : ids;
    }
}
