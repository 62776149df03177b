using System.Text.RegularExpressions;

namespace Wisp.Train.Data;

/// <summary>
/// Finds the book proper among what printer, publisher and transcriber put before and behind it. The rules look at the
/// shape of blocks; a book where they find nothing stays whole.
/// </summary>
internal static partial class BookMatter
{
    // Advertisements and notes behind a text reach back this far at most. Measured on 494 books: the longest list of
    // other volumes takes 17 % of its (short) book.
    private const double BackShare = 0.2;

    // Blocks between two advertisements, or behind the last. Further apart, the word was part of the story.
    private const int NextAdvertisement = 30;

    /// <summary>Removes front and back matter in place; returns how many characters went.</summary>
    public static long Trim(List<BookBlock> blocks)
    {
        var before = Length(blocks);
        TrimBack(blocks);
        DropSections(blocks);
        TrimFront(blocks);
        blocks.RemoveAll(block => Closing().IsMatch(block.Head) || block.Text.Length == 0);
        while (blocks.Count > 0 && blocks[^1].Kind is BlockKind.Break or BlockKind.Title or BlockKind.Numbered)
            blocks.RemoveAt(blocks.Count - 1);
        return before - Length(blocks);
    }

    private static long Length(List<BookBlock> blocks) => blocks.Sum(block => (long)block.Text.Length);

    private static void TrimBack(List<BookBlock> blocks)
    {
        var tail = (long)(Length(blocks) * BackShare);
        var cut = blocks.Count;
        var behind = 0L;
        for (var i = blocks.Count - 1; i >= 0 && behind <= tail; i--)
        {
            behind += blocks[i].Text.Length;
            if (Ending().IsMatch(blocks[i].Head) || Transcriber().IsMatch(blocks[i].Head))
                cut = i;
            else if (cut - i <= NextAdvertisement && Advertisement().IsMatch(blocks[i].Head) &&
                !IsSpeech(blocks[i].Text))
                cut = Math.Min(cut, BeginningOfMatter(blocks, i));
        }

        blocks.RemoveRange(cut, blocks.Count - cut);
    }

    /// <summary>From a block of an advertisement back to the rule or the title that opens it.</summary>
    private static int BeginningOfMatter(List<BookBlock> blocks, int at)
    {
        const int Reach = 12;
        for (var i = at; i > Math.Max(0, at - Reach); i--)
        {
            if (blocks[i - 1].IsSolidProse || IsSpeech(blocks[i - 1].Text))
                return i;
        }

        return at;
    }

    /// <summary>Drops contents, lists of pictures, prefaces and notes up to the next part of the text proper.</summary>
    private static void DropSections(List<BookBlock> blocks)
    {
        for (var i = 0; i < blocks.Count; i++)
        {
            var isList = ListHeading().IsMatch(blocks[i].Head) && blocks[i].Text.Length < 60;
            var isPreface = PrefaceHeading().IsMatch(blocks[i].Head) && blocks[i].Text.Length < 60;
            var isNote = Transcriber().IsMatch(blocks[i].Head) || FootnoteText().IsMatch(blocks[i].Head);
            if (!isList && !isPreface)
            {
                if (isNote)
                    blocks.RemoveAt(i--);
                continue;
            }

            // A list ends where long prose begins, a preface at the next heading with long prose behind it.
            var end = i + 1;
            if (isPreface)
            {
                while (end < blocks.Count && blocks[end].Kind != BlockKind.Numbered &&
                    !ListHeading().IsMatch(blocks[end].Head))
                    end++;
                if (end == blocks.Count)
                    continue;
            }
            else
            {
                while (end < blocks.Count && !blocks[end].IsSolidProse)
                    end++;
                if (end < blocks.Count)
                    end = Math.Max(i + 1, BeginningOfChapter(blocks, end));
            }

            blocks.RemoveRange(i, end - i);
            i--;
        }
    }

    private static void TrimFront(List<BookBlock> blocks)
    {
        var first = blocks.FindIndex(block => block.IsSolidProse && !IsImprint(block));
        if (first > 0)
            blocks.RemoveRange(0, BeginningOfChapter(blocks, first));
    }

    /// <summary>
    /// From the first long paragraph back over the short ones before it to the heading of the chapter.
    /// </summary>
    private static int BeginningOfChapter(List<BookBlock> blocks, int prose)
    {
        const int Reach = 80; // a chapter may open with much short talk
        var start = prose;
        while (start > 0 && prose - start < Reach && !blocks[start - 1].IsHeadingLike &&
            blocks[start - 1].Kind == BlockKind.Prose &&
            !IsImprint(blocks[start - 1]))
            start--;
        // Titles may follow the number of a chapter, so a number is looked for a little further back.
        for (var i = start - 1; i >= Math.Max(0, start - 3) && blocks[i].IsHeadingLike; i--)
        {
            if (blocks[i].Kind == BlockKind.Numbered)
                return i;
        }

        return start > 0 && blocks[start - 1].Kind == BlockKind.Title && !IsImprint(blocks[start - 1])
            ? start - 1
            : start;
    }

    private static bool IsImprint(BookBlock block) =>
        Imprint().IsMatch(block.Head) || (block.Kind != BlockKind.Prose && TitlePage().IsMatch(block.Head));

    private static bool IsSpeech(string text) => text[0] is '"' or '\'' && text[^1] is '"' or '\'';

    [GeneratedRegex(@"^\W*(?:THE END|The End|FINIS|Finis)\W*$")]
    private static partial Regex Ending();

    [GeneratedRegex(@"^\W*(?:(?:the )?end|finis|(?:the )?end of .{1,60}|the curtain falls|curtain|contents|page|" +
        @"chapter page)\W*$", RegexOptions.IgnoreCase)]
    private static partial Regex Closing();

    [GeneratedRegex(@"^\W*(?:transcriber(?:'?s|s')?'? *(?:'s)? *(?:end)? ?(?:note|comment|remark|correction)|" +
        @"transcribers? note|transcribed from|e-?text prepared|produced by .*proofread|note: images of the orig|" +
        @"project gutenberg|this e-?(?:text|book) )|\b(?:has|have) been (?:left|retained|corrected|changed|" +
        @"preserved) (?:as|without|from|in|to)\b.*\b(?:original|printed|text|spelling|edition)\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex Transcriber();

    [GeneratedRegex(@"^\W*(?:(?:table of )?contents|list of .{1,30}|(?:the |list of )?illustrations|" +
        @"list of chapters|footnotes?|notes|endnotes|index|glossary|bibliography|errata|books? by .*|" +
        @"by the same author.*|works by .*|other books .*|dramatis personae)\W*$", RegexOptions.IgnoreCase)]
    private static partial Regex ListHeading();

    [GeneratedRegex(@"^\W*(?:(?:the |author'?s |editor'?s |publisher(?:'s|s'|s)? |translator'?s )?(?:preface|" +
        @"foreword|introduction|introductory(?: note)?|dedication|note|advertisement|biograph.*|about the author.*|" +
        @"acknowledge?ments?)(?: to .*)?|to (?:the|my) readers?)\W*$", RegexOptions.IgnoreCase)]
    private static partial Regex PrefaceHeading();

    // "[3] He means ..." and "* He means ...", at the beginning of a paragraph.
    [GeneratedRegex(@"^(?:\[(?:\d{1,4}|[A-Z]|\*+|Footnote\b.*?)\]|\{\d{1,4}\}|\*{1,3} ?(?=[A-Z""])|" +
        @"\(\d{1,3}\) _?[A-Z])")]
    private static partial Regex FootnoteText();

    [GeneratedRegex(@"\b(?:postpaid|(?:12|16|18|24)mo|8vo|worth \$|printed by|(?:bound|handsome) .{0,20}cloth|" +
        @"cloth[,.:;]? (?:gilt|bound|illustrated|extra|\$)|grosset (?:&|and) dunlap|a\. ?l\. burt|hurst (?:&|" +
        @"and) co|saalfield|m\. ?a\. donohue|donohue (?:&|and)|porter (?:&|and) coates|henry t\. coates|winston co|" +
        @"barse (?:&|and) hopkins|cupples (?:&|and) leon|houghton,? mifflin|charles scribner|macmillan (?:and|&) co|" +
        @"little,? brown,? (?:and|&)|roberts brothers|longmans|l\. ?c\. page|per volume|price,? (?:only )?(?:\$|" +
        @"\d+ cents|one dollar|net)|\d+ cents (?:each|per)|by the (?:same author|author of)|other (?:books|" +
        @"volumes) (?:in|by|of)|for sale (?:by|at|wherever|everywhere)|printed in (?:the|great)|uniform (?:style|" +
        @"with|edition)|illustrated\. price|complete in .{1,12} vol|sent .{0,20}on receipt of)\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex Advertisement();

    [GeneratedRegex(@"\b(?:copyright|publish(?:ed by|ers|ing co)|printed (?:by|in)|illustrat(?:ed|ions) by|" +
        @"author of|all rights|translated (?:from|by)|edited\b.{0,20} by|reprinted|stereotyp|transcrib|" +
        @"images of the original|archive\.org|on-?line)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Imprint();

    // What a title page says and a paragraph may say, too.
    [GeneratedRegex(@"\b(?:edition|company|& co|and co\.|& sons?|limited|ltd|new york|boston|philadelphia|chicago|" +
        @"london:?)\b|^\W*by\b|^\W*(?:18|19)\d\d\W*$|\bto\b.{0,40}\bdedicat", RegexOptions.IgnoreCase)]
    private static partial Regex TitlePage();
}
