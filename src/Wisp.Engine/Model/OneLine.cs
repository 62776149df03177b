namespace Wisp.Model;

/// <summary>Text of a file inside a message: on one line and short, whatever the file holds.</summary>
internal static class OneLine
{
    private const int Most = 80;

    public static string Of(string text)
    {
        var line = string.Concat(text.Take(Most + 1).Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= Most ? line : line[..(Most - 3)] + "...";
    }
}
