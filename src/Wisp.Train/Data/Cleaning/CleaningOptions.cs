namespace Wisp.Train.Data;

/// <summary>
/// What is done to a text before it is learnt from. All of it is off in <see cref="Plain"/>, where only line ends and
/// blanks at line ends are touched: a program or a poem must stay as it is.
/// </summary>
public sealed record CleaningOptions
{
    /// <summary>Text as it is.</summary>
    public static CleaningOptions Plain { get; } = new();

    /// <summary>For printed books as plain text, such as those of Project Gutenberg.</summary>
    public static CleaningOptions Books { get; } =
        new() { AsBooks = true, Ascii = true, CollapseBlanks = true, DropSlurs = true };

    /// <summary>
    /// Drop what the printer and the transcriber put around the text (title pages, contents, advertisements, notes,
    /// marks for pictures, pages and italics), unwrap paragraphs into one line each, and cut at chapter headings.
    /// </summary>
    public bool AsBooks { get; init; }

    /// <summary>
    /// Typographic quotes, dashes, dots and blanks become their ASCII forms. Letters with accents stay.
    /// </summary>
    public bool Ascii { get; init; }

    /// <summary>Several blanks in a row become one.</summary>
    public bool CollapseBlanks { get; init; }

    /// <summary>
    /// Drop paragraphs with a word of <see cref="Slurs"/>, and whole documents that are dense with them.
    /// </summary>
    public bool DropSlurs { get; init; }

    /// <summary>
    /// Chapters shorter than this are joined with what follows. Bytes; only with <see cref="AsBooks"/>.
    /// </summary>
    public int MinChapterBytes { get; init; } = 1 << 10;

    /// <summary>Chapters longer than this are cut between paragraphs into parts of about equal size.</summary>
    public int MaxChapterBytes { get; init; } = 40 << 10;
}
