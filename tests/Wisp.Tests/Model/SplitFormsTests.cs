using System.Text;
using System.Text.RegularExpressions;
using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>The scanners against the regular expressions by which Hugging Face states the same splits.</summary>
public class SplitFormsTests
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    // In these llama.cpp is simpler than the expression: case by ASCII alone, no marks among letters, Han by blocks,
    // what stands before digits kept with them, or a blank before them. They are held to llama.cpp itself: the most
    // used by golden ids, and all of them by `./wisp bench peer-splits`.
    private static readonly string[] s_simpler =
        ["falcon", "tekken", "gpt-4o", "granite-embed-multi-97m", "tiny_aya", "youtu", "kimi-k2", "afmoe"];

    public static TheoryData<string> Known => [.. PreTokenizer.Known];

    public static TheoryData<string> Literal =>
        [.. PreTokenizer.Known.Where(name => !PreTokenizer.SameAs(name).Intersect(s_simpler).Any())];

    [Theory]
    [MemberData(nameof(Known))]
    public void A_split_is_recognised_by_its_steps(string name)
    {
        var split = PreTokenizer.Of(name);
        var found = SplitForms.NameOf(SplitForms.StepsOf(name), split.IgnoreMerges, split.CleansSpaces);
        Assert.NotNull(found);
        Assert.Equal(split.IgnoreMerges, PreTokenizer.Of(found).IgnoreMerges);
        Assert.Equal(Pieces(split, Sample(new Random(1), 2_000)),
            Pieces(PreTokenizer.Of(found), Sample(new Random(1), 2_000)));
    }

    [Theory]
    [MemberData(nameof(Literal))]
    public void A_scanner_cuts_where_the_expressions_do(string name)
    {
        var steps = SplitForms.StepsOf(name);
        var regexes = steps.Select(step => new Regex(step switch
        {
            SplitForms.Gpt2 => Gpt2,
            SplitForms.Digits => @"\p{N}",
            SplitForms.Numbers => @"\p{N}+",
            SplitForms.Punctuation => @"[\p{P}$+<=>^~|`]+",
            // Beyond the 16 bits of a char of .NET; and there \d and $ mean more.
            _ => Regex.Replace(step, @"\p{Cs}{2}(-\p{Cs}{2})?", "").Replace(@"\d", "[0-9]").Replace(@"\s+$", @"\s+\z")
                .Replace(@"|[.,!?…。，、।۔،])]", @"|.,!?…。，、।۔،)]"), // a set in a set
        })).ToList();
        var random = new Random(2);
        for (var i = 0; i < 200; i++)
        {
            var text = Sample(random, random.Next(1, 40));
            List<string> expected = [text];
            foreach (var regex in regexes)
                expected = [.. expected.SelectMany(piece => Cut(regex, piece))];
            Assert.Equal(expected, Pieces(PreTokenizer.Of(name), text));
        }
    }

    [Fact]
    public void An_unknown_list_of_steps_has_no_name() =>
        Assert.Null(SplitForms.NameOf([@"\w+"], wholePieces: false, cleansSpaces: false));

    private static IEnumerable<string> Cut(Regex regex, string text)
    {
        var at = 0;
        foreach (var match in regex.Matches(text).Cast<Match>())
        {
            if (match.Index > at)
                yield return text[at..match.Index];
            if (match.Length > 0)
                yield return match.Value;
            at = match.Index + match.Length;
        }

        if (at < text.Length)
            yield return text[at..];
    }

    private static List<string> Pieces(PreTokenizer split, string text)
    {
        var pieces = new List<string>();
        foreach (var piece in split.Cut(Encoding.UTF8.GetBytes(text)))
            pieces.Add(Encoding.UTF8.GetString(piece));
        return pieces;
    }

    // Characters of old scripts, in which the runtime's Unicode is ours too. No wide blanks: llama.cpp takes them out
    // of ranges such as U+0800 to U+4E00.
    private static string Sample(Random random, int length) => string.Concat(Enumerable.Range(0, length).Select(_ =>
        s_parts[random.Next(s_parts.Length)]));

    private static readonly string[] s_parts =
    [
        "a", "b", "Z", "é", "É", "ж", "中", "か", "カ", "한", "ก", "\u0301", "1", "2", "3", "4", "٣", "½", " ", " ", "  ",
        "\n", "\r\n", "\t", "\u00a0", "'s", "'LL", "'", "!", "?", ".", "...", ",", "/", "$", "+", "~", "_", "`",
        "、", "。", "…", "(", "|", ")", "€", "\0", "\u200b", "<sentinel:1>", "IMGIMGAZ", "    ",
    ];
}
