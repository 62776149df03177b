using System.Text;
using System.Text.RegularExpressions;

namespace Wisp.Train.Data;

/// <summary>
/// Turns what a corpus holds into what should be learnt: one document in, none or several out (the chapters of a book).
/// What it left out is counted in a tally of its own, so that documents can be cleaned on several threads.
/// </summary>
public static partial class TextCleaner
{
    // A document with fewer letters and blanks among its characters is a table, an index or a list of symbols.
    // Measured on 494 books: dialogue has 0.93, prose 0.96, a textbook of symbolic logic 0.80.
    private const double LeastText = 0.88;

    public static List<Document> Clean(Document document, CleaningOptions options, Tally dropped)
    {
        var text = WithoutTrailingBlanks(Encoding.UTF8.GetString(document.Text.Span));
        if (options.Ascii)
            text = BookMarks.ToAscii(text);
        var chapters = options.AsBooks ? CleanBook(document, text, options, dropped) : [text];

        var documents = new List<Document>();
        for (var i = 0; i < chapters.Count; i++)
        {
            var source = chapters.Count == 1 ? document.Source : $"{document.Source}#{i + 1}";
            var chapter = options.CollapseBlanks ? Blanks().Replace(chapters[i], " ") : chapters[i];
            if (options.DropSlurs)
                chapter = WithoutSlurs(chapter, source, dropped);
            if (chapter.Length == 0)
                continue;
            if (options.AsBooks && !IsMostlyText(chapter))
                dropped.Add("hardly any running text", source, chapter.Length);
            else
                documents.Add(document with
                {
                    Source = source,
                    Text = Encoding.UTF8.GetBytes(chapter),
                    Origin = document.Origin
                });
        }

        return documents;
    }

    private static List<string> CleanBook(Document document, string text, CleaningOptions options, Tally dropped)
    {
        text = BookMarks.Remove(text.Replace('\t', ' '), out var marks);
        dropped.AddMany("marks of transcribers", marks, 0);
        var blocks = BookBlock.Parse(text);
        var matter = BookMatter.Trim(blocks);
        if (matter > 0)
            dropped.Add("front and back matter", document.Source, matter);
        return Chapters.Cut(blocks, options.MinChapterBytes, options.MaxChapterBytes);
    }

    private static string WithoutSlurs(string text, string source, Tally dropped)
    {
        if (!Slurs.In(text))
            return text;
        var paragraphs = text.Split("\n\n");
        var clean = Array.FindAll(paragraphs, paragraph => !Slurs.In(paragraph));
        var found = paragraphs.Length - clean.Length;
        if (found >= Slurs.DenseCount && found >= Slurs.DenseShare * paragraphs.Length)
        {
            dropped.Add("dense with slurs", source, text.Length);
            return "";
        }

        var kept = string.Join("\n\n", clean).TrimEnd();
        dropped.AddMany("paragraphs with slurs", found, text.Length - kept.Length);
        return kept.Length == 0 ? "" : kept + "\n";
    }

    private static string WithoutTrailingBlanks(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var range in text.AsSpan().Split('\n'))
        {
            if (kept.Length > 0 || range.Start.Value > 0)
                kept.Append('\n');
            kept.Append(text.AsSpan(range).TrimEnd(" \t"));
        }

        return kept.ToString();
    }

    private static bool IsMostlyText(string text)
    {
        var count = 0;
        foreach (var c in text)
            count += char.IsLetter(c) || c is ' ' or '\n' ? 1 : 0;
        return count >= LeastText * text.Length;
    }

    [GeneratedRegex(@"(?<=\S)[ \t]{2,}")]
    private static partial Regex Blanks();
}
