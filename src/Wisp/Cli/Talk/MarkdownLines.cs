using Markdig.Extensions.Tables;
using Markdig.Extensions.TaskLists;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Spectre.Console;
using Spectre.Console.Rendering;
using Wisp.Serve.Talk;
using MarkdownTable = Markdig.Extensions.Tables.Table;
using TableRow = Markdig.Extensions.Tables.TableRow;

namespace Wisp.Cli.Talk;

/// <summary>Markdown as lines of a terminal, none wider than it is; from a few columns up.</summary>
internal sealed class MarkdownLines
{
    private const int MinWidth = 8;

    // Deeper than this, lists and quotes no longer step in: nobody could read what is left of the width.
    private const int MaxIndents = 8;

    private static readonly Style s_heading = new(Color.DarkCyan, decoration: Decoration.Bold);
    private static readonly Style s_code = new(Color.DarkOrange);
    private static readonly Style s_faint = new(Color.Grey);
    private static readonly Style s_link = new(Color.SteelBlue1, decoration: Decoration.Underline);

    private readonly RenderOptions _options;
    private readonly bool _unicode;

    public MarkdownLines(IAnsiConsole console)
    {
        _options = RenderOptions.Create(console, console.Profile.Capabilities);
        _unicode = console.Profile.Capabilities.Unicode;
    }

    /// <param name="sure">The lines at the beginning that more text at the end will not change.</param>
    public List<SegmentLine> Of(string markdown, int width, out int sure)
    {
        var document = MarkdownText.Parse(Terminal.Clean(markdown.Replace("\t", "    ", StringComparison.Ordinal)));
        var lines = new List<SegmentLine>();
        sure = 0;
        foreach (var block in document.Where(IsShown))
        {
            sure = lines.Count; // all blocks but the last are closed
            if (lines.Count > 0)
                lines.Add([]);
            lines.AddRange(Block(block, Math.Max(MinWidth, width), 0));
        }

        return lines;
    }

    /// <summary>Text in one style, wrapped.</summary>
    public List<SegmentLine> Plain(string text, Style style, int width) =>
        Lines(new Paragraph(Terminal.Clean(text), style), Math.Max(MinWidth, width));

    private static bool IsShown(Block block) => block is not LinkReferenceDefinitionGroup;

    private List<SegmentLine> Block(Block block, int width, int depth) => block switch
    {
        HeadingBlock heading => Text(heading.Inline, s_heading, width),
        CodeBlock code => Code(code, width),
        ListBlock list => List(list, width, depth),
        QuoteBlock quote => Quote(quote, width, depth),
        ThematicBreakBlock => [[new Segment(new string(_unicode ? '─' : '-', Math.Min(width, 40)), s_faint)]],
        MarkdownTable table => Table(table, width),
        LeafBlock leaf => Text(leaf.Inline, Style.Plain, width),
        ContainerBlock container => Blocks(container, width, depth, loose: true),
        _ => [],
    };

    private List<SegmentLine> Blocks(ContainerBlock parent, int width, int depth, bool loose)
    {
        var lines = new List<SegmentLine>();
        foreach (var block in parent.Where(IsShown))
        {
            if (loose && lines.Count > 0)
                lines.Add([]);
            lines.AddRange(Block(block, width, depth));
        }

        return lines;
    }

    private List<SegmentLine> Quote(QuoteBlock quote, int width, int depth)
    {
        var bar = new Segment(_unicode ? "▌ " : "| ", s_faint);
        var lines = Blocks(quote, Inner(width, 2, depth), depth + 1, loose: true);
        return Indented(lines, bar, bar, StepsIn(width, 2, depth));
    }

    private List<SegmentLine> List(ListBlock list, int width, int depth)
    {
        var lines = new List<SegmentLine>();
        var number = int.TryParse(list.OrderedStart ?? list.DefaultOrderedStart, out var start) ? start : 1;
        foreach (var item in list.OfType<ListItemBlock>())
        {
            var mark = list.IsOrdered ? $"{number++}. " : _unicode ? "• " : "* ";
            var inner = Blocks(item, Inner(width, mark.Length, depth), depth + 1, list.IsLoose);
            if (list.IsLoose && lines.Count > 0)
                lines.Add([]);
            if (inner.Count == 0)
                inner.Add([]);
            var space = new Segment(new string(' ', mark.Length));
            lines.AddRange(
                Indented(inner, new Segment(mark, s_heading), space, StepsIn(width, mark.Length, depth)));
        }

        return lines;
    }

    // Where nothing readable would be left, what is inside has the whole width.
    private static bool StepsIn(int width, int indent, int depth) => depth < MaxIndents && width - indent >= MinWidth;

    private static int Inner(int width, int indent, int depth) =>
        StepsIn(width, indent, depth) ? width - indent : width;

    private static List<SegmentLine> Indented(List<SegmentLine> lines, Segment first, Segment rest, bool stepsIn)
    {
        if (stepsIn)
            for (var i = 0; i < lines.Count; i++)
                lines[i].Insert(0, i == 0 ? first : rest);
        return lines;
    }

    // Without a right edge, so that what is copied from the terminal is code and little else.
    private List<SegmentLine> Code(CodeBlock code, int width)
    {
        var (corner, bar, end, line) = _unicode ? ("╭─", "│ ", "╰", '─') : ("+-", "| ", "+", '-');
        var name = code is FencedCodeBlock { Info.Length: > 0 } fenced ? $" {fenced.Info} " : "";
        name = name.Length > width - 3 ? "" : name;
        List<SegmentLine> lines =
            [[new Segment(corner + name + new string(line, Math.Max(0, width - 2 - name.Length)), s_faint)]];
        var text = code.Lines.ToString().TrimEnd();
        foreach (var row in text.Split('\n'))
            foreach (var piece in Cells.Fold(row, width - 2))
                lines.Add([new Segment(bar, s_faint), new Segment(piece, s_code)]);
        lines.Add([new Segment(end + new string(line, width - 1), s_faint)]);
        return lines;
    }

    private List<SegmentLine> Table(MarkdownTable table, int width)
    {
        var rows = table.OfType<TableRow>().ToList();
        var columns = rows.Select(row => row.Count).DefaultIfEmpty().Max();
        var header = rows.Find(row => row.IsHeader);
        if (columns == 0)
            return [];
        if (width < columns * 8)
            return Records(rows, header, width);
        var grid = new Spectre.Console.Table
        {
            Border = _unicode ? TableBorder.Rounded : TableBorder.Ascii, BorderStyle = s_faint,
            ShowHeaders = header is not null,
        };
        for (var i = 0; i < columns; i++)
        {
            var column = new TableColumn(Cell(header, i, s_heading));
            grid.AddColumn(i < table.ColumnDefinitions.Count ? table.ColumnDefinitions[i].Alignment switch
            {
                TableColumnAlign.Right => column.RightAligned(),
                TableColumnAlign.Center => column.Centered(),
                _ => column,
            } : column);
        }

        foreach (var row in rows.Where(row => !row.IsHeader))
            grid.AddRow(Enumerable.Range(0, columns).Select(i => Cell(row, i, Style.Plain)));
        return Lines(grid, width);
    }

    // Where the columns would be slivers, each row is a short list instead.
    private List<SegmentLine> Records(List<TableRow> rows, TableRow? header, int width)
    {
        var lines = new List<SegmentLine>();
        foreach (var row in rows.Where(row => !row.IsHeader))
        {
            if (lines.Count > 0)
                lines.Add([]);
            for (var i = 0; i < row.Count; i++)
            {
                var entry = new Paragraph();
                if (header is not null && i < header.Count)
                    entry = Add(entry, InlineOf(header[i]), s_heading).Append(": ", s_heading);
                lines.AddRange(Lines(Add(entry, InlineOf(row[i]), Style.Plain), width));
            }
        }

        return lines;
    }

    private static Paragraph Cell(TableRow? row, int column, Style style) =>
        Add(new Paragraph(), row is not null && column < row.Count ? InlineOf(row[column]) : null, style);

    private static ContainerInline? InlineOf(Block cell) =>
        cell is ContainerBlock { Count: > 0 } container && container[0] is LeafBlock leaf ? leaf.Inline : null;

    private List<SegmentLine> Text(ContainerInline? inline, Style style, int width) =>
        Lines(Add(new Paragraph(), inline, style), width);

    private List<SegmentLine> Lines(IRenderable what, int width) =>
        [.. Segment.SplitLines(what.Render(_options with { ConsoleSize = new Size(width, 25) }, width))];

    private static Paragraph Add(Paragraph text, ContainerInline? parent, Style style)
    {
        foreach (var inline in parent ?? Enumerable.Empty<Inline>())
            switch (inline)
            {
                case CodeInline code:
                    text.Append(code.Content, style.Combine(s_code));
                    break;
                case EmphasisInline emphasis:
                    Add(text, emphasis, style.Combine(new Style(decoration:
                        emphasis.DelimiterChar == '~' ? Decoration.Strikethrough
                        : emphasis.DelimiterCount > 1 ? Decoration.Bold : Decoration.Italic)));
                    break;
                case LinkInline link:
                    AddLink(text, link, style);
                    break;
                case AutolinkInline link:
                    text.Append(link.Url, style.Combine(s_link));
                    break;
                case TaskList task:
                    text.Append(task.Checked ? "[x]" : "[ ]", style);
                    break;
                case LineBreakInline:
                    text.Append("\n", style);
                    break;
                case HtmlEntityInline entity:
                    text.Append(entity.Transcoded.ToString(), style);
                    break;
                case LiteralInline literal:
                    text.Append(literal.Content.ToString(), style);
                    break;
                case ContainerInline container:
                    Add(text, container, style);
                    break;
            }

        return text;
    }

    // The address is always in sight: what a link says proves nothing.
    private static void AddLink(Paragraph text, LinkInline link, Style style)
    {
        if (link.IsImage)
            text.Append("[image: ", s_faint);
        Add(text, link, link.IsImage ? s_faint : style.Combine(s_link));
        if (link.IsImage)
            text.Append("]", s_faint);
        if (!link.IsAutoLink && link.Url is { Length: > 0 } url)
            text.Append($" ({Terminal.Clean(url)})", s_faint);
    }
}
