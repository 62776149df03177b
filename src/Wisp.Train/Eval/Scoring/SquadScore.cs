using System.Text;

namespace Wisp.Train.Eval.Scoring;

/// <summary>
/// Exact match and F1 over words, as SQuAD defines them: lower case, without punctuation and articles; the best of all
/// answers that count. Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1, and its evaluation script v1.1.
/// </summary>
public static class SquadScore
{
    // string.punctuation of Python, which the script removes.
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    public static bool ExactMatch(string answer, IEnumerable<string> wanted) =>
        wanted.Any(one => Normalised(one) == Normalised(answer));

    public static double F1(string answer, IEnumerable<string> wanted) => wanted.Max(one => F1(answer, one));

    /// <summary>As the script normalises: `a an the` are dropped as words, blanks become one.</summary>
    internal static string Normalised(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text)
            if (!Punctuation.Contains(c))
                plain.Append(char.ToLowerInvariant(c));
        return string.Join(' ', plain.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Where(word => word is not ("a" or "an" or "the")));
    }

    private static double F1(string answer, string wanted)
    {
        string[] said = Words(answer), right = Words(wanted);
        // The script divides by the words; with none on either side the two are equal or they are not.
        if (said.Length == 0 || right.Length == 0)
            return said.Length == right.Length ? 1 : 0;
        var left = right.CountBy(word => word).ToDictionary();
        var common = 0;
        foreach (var word in said)
            if (left.GetValueOrDefault(word) > 0)
            {
                left[word]--;
                common++;
            }

        if (common == 0)
            return 0;
        double precision = (double)common / said.Length, recall = (double)common / right.Length;
        return 2 * precision * recall / (precision + recall);
    }

    private static string[] Words(string text) => Normalised(text).Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
