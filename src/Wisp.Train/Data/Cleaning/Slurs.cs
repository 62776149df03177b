using System.Text.RegularExpressions;

namespace Wisp.Train.Data;

/// <summary>
/// A short list of words that old books use for people and that no model of ours should learn to use. Whole words, in
/// any case. Words that mostly mean something else in such books (a bundle of sticks, a gap in a wall) are not on it.
/// </summary>
internal static partial class Slurs
{
    // ROT13, so that nobody has to read the words to read the source, and no search for them finds this file.
    private const string Rot13 =
        "avttre avttref avttnu avttnuf avttru avttruf avttn avttnf avttreurnq avttreurnqf avttreqbz " +
        "pbba pbbaf qnexl qnexvr qnexvrf qnexrl qnexrlf puvanzna puvanzra wnc wncf vawha vawhaf erqfxva erqfxvaf " +
        "fdhnj fdhnjf qntb qntbf qntbrf furral furravrf xvxr xvxrf xnssve xnssvef pnssre pnssref pnsser pnsserf " +
        "cvpxnavaal cvpxnavaavrf cvpnavaal cvpnavaavrf fnzob pbbyvr pbbyvrf unys-oerrq unys-oerrqf unysoerrq " +
        "unysoerrqf " +
        "oynpxnzbbe oynpxnzbbef tbbx tbbxf jrgonpx jrgonpxf fcvp fcvpf jbc jbcf jbt jbtf";

    private static readonly HashSet<string> Words = [.. Decode(Rot13).Split(' ')];
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Lookup =
        Words.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>A document is dropped when at least this many of its paragraphs would be ...</summary>
    public const int DenseCount = 4;

    /// <summary>
    /// ... and they are at least this share: what is left of such a text has holes and the same spirit.
    /// </summary>
    public const double DenseShare = 0.04;

    public static bool In(ReadOnlySpan<char> text)
    {
        Span<char> lower = stackalloc char[16];
        foreach (var match in Word().EnumerateMatches(text))
        {
            var word = text.Slice(match.Index, match.Length);
            var hyphen = word.IndexOf('-');
            if (IsListed(word, lower) || (hyphen > 0 &&
                (IsListed(word[..hyphen], lower) || IsListed(word[(hyphen + 1)..], lower))))
                return true;
        }

        return false;
    }

    private static bool IsListed(ReadOnlySpan<char> word, Span<char> lower) =>
        word.Length <= lower.Length && Lookup.Contains(lower[..word.ToLowerInvariant(lower)]);

    private static string Decode(string text) => string.Concat(text.Select(c =>
        char.IsAsciiLetterLower(c) ? (char)('a' + (c - 'a' + 13) % 26) : c));

    [GeneratedRegex("[A-Za-z]+(?:-[A-Za-z]+)?")]
    private static partial Regex Word();
}
