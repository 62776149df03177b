using System.Globalization;
using System.Text;
using System.Text.Json;
using Markdig.Extensions.Tables;
using Markdig.Extensions.TaskLists;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Wisp.Serve.Talk;

namespace Wisp.Serve.Page;

/// <summary>
/// Markdown as a tree that the page builds elements from: a text is a JSON string, an element
/// ["tag", {attributes} or null, children...]. There is no HTML on the way, so none can slip through; the page, too,
/// knows a short list of tags and attributes and makes nothing else.
/// </summary>
internal static class MarkdownTree
{
    /// <summary>The blocks of a text, each as its JSON.</summary>
    public static List<byte[]> Blocks(string text)
    {
        var blocks = new List<byte[]>();
        foreach (var block in MarkdownText.Parse(text).Where(IsShown))
        {
            using var memory = new MemoryStream();
            using (var json = new Utf8JsonWriter(memory, Http.JsonReply.Writing))
                Write(json, block);
            blocks.Add(memory.ToArray());
        }

        return blocks;
    }

    /// <summary>The blocks of a text as one JSON array.</summary>
    public static void WriteAll(Utf8JsonWriter json, string text)
    {
        json.WriteStartArray();
        foreach (var block in MarkdownText.Parse(text).Where(IsShown))
            Write(json, block);
        json.WriteEndArray();
    }

    private static bool IsShown(Block block) => block is not (LinkReferenceDefinitionGroup or LinkReferenceDefinition);

    private static void Write(Utf8JsonWriter json, Block block)
    {
        switch (block)
        {
            case HeadingBlock heading:
                Open(json, $"h{Math.Clamp(heading.Level, 1, 6)}");
                Inlines(json, heading.Inline);
                break;
            case CodeBlock code:
                Open(json, "pre", ("lang", (code as FencedCodeBlock)?.Info));
                json.WriteStringValue(code.Lines.ToString());
                break;
            case ListBlock list:
                Open(json, list.IsOrdered ? "ol" : "ul", ("start", list.IsOrdered ? Start(list) : null));
                foreach (var item in list.OfType<ListItemBlock>())
                    Item(json, item, list.IsLoose);
                break;
            case QuoteBlock quote:
                Open(json, "blockquote");
                Children(json, quote);
                break;
            case ThematicBreakBlock:
                Open(json, "hr");
                break;
            case Table table:
                Rows(json, table);
                break;
            case LeafBlock leaf:
                Open(json, "p");
                Inlines(json, leaf.Inline);
                break;
            case ContainerBlock container:
                Open(json, "div");
                Children(json, container);
                break;
        }

        json.WriteEndArray();
    }

    private static void Children(Utf8JsonWriter json, ContainerBlock parent)
    {
        foreach (var block in parent.Where(IsShown))
            Write(json, block);
    }

    // In a tight list the words stand in the item itself.
    private static void Item(Utf8JsonWriter json, ListItemBlock item, bool loose)
    {
        Open(json, "li");
        foreach (var block in item.Where(IsShown))
            if (!loose && block is ParagraphBlock paragraph)
                Inlines(json, paragraph.Inline);
            else
                Write(json, block);
        json.WriteEndArray();
    }

    private static void Rows(Utf8JsonWriter json, Table table)
    {
        Open(json, "table");
        foreach (var row in table.OfType<TableRow>())
        {
            Open(json, "tr");
            for (var i = 0; i < row.Count; i++)
            {
                var align = i < table.ColumnDefinitions.Count ? table.ColumnDefinitions[i].Alignment : null;
                Open(json, row.IsHeader ? "th" : "td", ("align", align switch
                {
                    TableColumnAlign.Center => "center",
                    TableColumnAlign.Right => "right",
                    _ => null,
                }));
                if (row[i] is ContainerBlock { Count: > 0 } cell && cell[0] is LeafBlock leaf)
                    Inlines(json, leaf.Inline);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }
    }

    private static void Inlines(Utf8JsonWriter json, ContainerInline? parent)
    {
        var text = new StringBuilder(); // the parser cuts a text where it looked for marks
        foreach (var inline in parent ?? Enumerable.Empty<Inline>())
        {
            if (inline is LiteralInline literal)
                text.Append(literal.Content.ToString());
            else if (inline is HtmlEntityInline entity)
                text.Append(entity.Transcoded.ToString());
            else
            {
                Say(json, text);
                Element(json, inline);
            }
        }

        Say(json, text);
    }

    private static void Say(Utf8JsonWriter json, StringBuilder text)
    {
        if (text.Length > 0)
            json.WriteStringValue(text.ToString());
        text.Clear();
    }

    private static void Element(Utf8JsonWriter json, Inline inline)
    {
        switch (inline)
        {
            case CodeInline code:
                Open(json, "code");
                json.WriteStringValue(code.Content);
                break;
            case EmphasisInline emphasis:
                Open(json, emphasis.DelimiterChar == '~' ? "del" : emphasis.DelimiterCount > 1 ? "strong" : "em");
                Inlines(json, emphasis);
                break;
            case LinkInline link:
                Link(json, link);
                break;
            case AutolinkInline link:
                Anchor(json, link.IsEmail ? "mailto:" + link.Url : link.Url);
                json.WriteStringValue(link.Url);
                break;
            case TaskList task:
                Open(json, "check", ("checked", task.Checked ? "true" : null));
                break;
            case LineBreakInline:
                Open(json, "br");
                break;
            case ContainerInline container:
                Inlines(json, container);
                return; // no element of its own
            default:
                return;
        }

        json.WriteEndArray();
    }

    // An image would be fetched from elsewhere, so its words stand for it. The address of a link is shown beside it
    // where the words are others: what a link says proves nothing.
    private static void Link(Utf8JsonWriter json, LinkInline link)
    {
        if (link.IsImage)
        {
            Open(json, "image", ("url", link.Url));
            Inlines(json, link);
        }
        else if (MarkdownText.IsSafe(link.Url))
        {
            Anchor(json, link.Url!);
            Inlines(json, link);
        }
        else
        {
            Open(json, "span", ("url", link.Url));
            Inlines(json, link);
        }
    }

    private static void Anchor(Utf8JsonWriter json, string url)
    {
        if (MarkdownText.IsSafe(url))
            Open(json, "a", ("href", url));
        else
            Open(json, "span");
    }

    private static string? Start(ListBlock list) =>
        int.TryParse(list.OrderedStart, NumberStyles.None, CultureInfo.InvariantCulture, out var start) && start != 1
            ? start.ToString(CultureInfo.InvariantCulture) : null;

    private static void Open(
        Utf8JsonWriter json, string tag, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        json.WriteStartArray();
        json.WriteStringValue(tag);
        var any = false;
        foreach (var (name, value) in attributes)
        {
            if (value is null)
                continue;
            if (!any)
                json.WriteStartObject();
            any = true;
            json.WriteString(name, value);
        }

        if (any)
            json.WriteEndObject();
        else
            json.WriteNullValue();
    }
}
