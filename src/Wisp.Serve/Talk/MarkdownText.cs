using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Wisp.Serve.Talk;

/// <summary>
/// What a model writes, parsed as Markdown: CommonMark with tables, task lists and bare links, without HTML.
/// </summary>
public static class MarkdownText
{
    // Longer texts are shown as they are: while an answer is written it is parsed again and again.
    private const int MaxCharacters = 200_000;

    // A line break that a model writes is meant: verses and lists without marks would run together.
    private static readonly MarkdownPipeline s_pipeline = new MarkdownPipelineBuilder()
        .DisableHtml().UsePipeTables().UseTaskLists().UseAutoLinks().UseSoftlineBreakAsHardlineBreak()
        .UseEmphasisExtras(Markdig.Extensions.EmphasisExtras.EmphasisExtraOptions.Strikethrough).Build();

    /// <summary>The document; a text that is nested deeper than anybody means is one paragraph.</summary>
    public static MarkdownDocument Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length <= MaxCharacters)
            try
            {
                return Markdown.Parse(text, s_pipeline);
            }
            catch (ArgumentException)
            {
                // The parser's own limit of depth.
            }

        var inline = new ContainerInline();
        inline.AppendChild(new LiteralInline(text));
        return [new ParagraphBlock { Inline = inline }];
    }

    /// <summary>Whether an address may stand behind a link: of a web page or of mail, and nothing that runs.</summary>
    public static bool IsSafe(string? url) => Uri.TryCreate(url, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp
            || address.Scheme == Uri.UriSchemeMailto);
}
