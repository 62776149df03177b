using System.Globalization;

namespace Wisp.Guard;

/// <summary>
/// Labels as they are stored: "0;4:notes.txt;2:web:bing|*" is the user, a file and a tool, for everyone; after the bar
/// stand the readers, "-" for nobody. Kinds are their numbers; all but letters, digits and -._~/ are escaped as in
/// a URI.
/// </summary>
internal static class LabelText
{
    public static string Of(Label label)
    {
        var sources = label.Sources.Items.Select(source => source.Inner.Length > 0
            ? $"{(int)source.Kind}:{Escape(source.Name)}:{Escape(source.Inner)}"
            : source.Name.Length > 0 ? $"{(int)source.Kind}:{Escape(source.Name)}" : $"{(int)source.Kind}");
        // A name may be "-" too; it is escaped, and the mark is not.
        var readers = label.Readers.IsEveryone ? "*" : label.Readers.Names.Count == 0 ? "-"
            : string.Join(';', label.Readers.Names.Select(name => "=" + Escape(name)));
        return $"{string.Join(';', sources)}|{readers}";
    }

    public static Label Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var halves = text.Split('|');
        if (halves.Length != 2)
            throw Wrong(text);
        Source[] sources = halves[0].Length == 0 ? [] : [.. halves[0].Split(';').Select(part => SourceOf(part, text))];
        var readers = halves[1] switch
        {
            "*" => ReaderSet.Everyone,
            "-" => ReaderSet.Nobody,
            var names => ReaderSet.Of([.. names.Split(';').Select(name =>
                name.StartsWith('=') ? Uri.UnescapeDataString(name[1..]) : throw Wrong(text))]),
        };
        return new Label(SourceSet.Of(sources), readers);
    }

    private static Source SourceOf(string part, string text)
    {
        var fields = part.Split(':');
        if (fields.Length > 3 || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out var kind)
            || !Enum.IsDefined((SourceKind)kind))
            throw Wrong(text);
        return new Source((SourceKind)kind, fields.Length > 1 ? Uri.UnescapeDataString(fields[1]) : "",
            fields.Length > 2 ? Uri.UnescapeDataString(fields[2]) : "");
    }

    private static string Escape(string text) =>
        string.Join('/', text.Split('/').Select(Uri.EscapeDataString));

    private static FormatException Wrong(string text) =>
        new($"'{(text.Length > 80 ? text[..80] + "..." : text)}' is no label.");
}
