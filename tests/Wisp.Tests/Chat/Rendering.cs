using System.Text.Json.Nodes;
using Wisp.Chat;

namespace Wisp.Tests.Chat;

/// <summary>Small templates, rendered with the variables that the tables of the tests speak of.</summary>
internal static class Rendering
{
    private const string Variables = """
        {"s": "Hello World", "e": "", "u": "na\u00efve \ud83d\ude00 \u00df \u0130 \u01c6", "n": 7, "f": 2.5, "neg": -3,
         "big": 1180591620717411303424, "z": 0, "t": true, "nn": null, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"],
         "d": {"b": 1, "a": {"x": [1, 2, {"y": null}]}, "items": 5},
         "lo": [{"n": "x", "v": 1, "g": "B"}, {"n": "y", "v": 2, "g": "a"}, {"n": "z", "v": 1, "g": "b"}],
         "nest": [[1, [2]], [3]], "ml": "line1\n  line2\n\nline4\n",
         "tags": "<b>a &amp; b</b> <!-- c --> x", "pct": "%s-%d",
         "fl": [1.5, 2, true, null, "q'\"\n\t\\x\u0000\u00e9\u200b"],
         "long": "LONGLONG"}
        """;

    private const string Long =
        "the quick brown fox-trot jumps -- over the lazy dog's back; and so on and on, until the end";

    public static readonly DateTimeOffset Now = new(2026, 3, 14, 15, 9, 26, TimeSpan.Zero);

    public static string Of(string template, string? variables = null)
    {
        var given = JsonNode.Parse((variables ?? Variables).Replace("LONG", Long))!.AsObject();
        return new ChatTemplate(template, "<s>", "</s>").Render([], null, true, given, Now);
    }

    /// <summary>The message of the fault that the template has or meets.</summary>
    public static string FaultOf(string template) =>
        Assert.Throws<TemplateException>(() => Of(template)).Message;

    /// <summary>Lines of an expression and its text; all that differ are told at once.</summary>
    public static void Check(string table)
    {
        var faults = new List<string>();
        foreach (var line in table.Split('\n'))
        {
            var at = line.LastIndexOf(" =>", StringComparison.Ordinal);
            var (expression, expected) = (line[..at], line[(at + 3)..].TrimStart(' '));
            string shown;
            try
            {
                shown = Of("{{ " + expression + " }}");
            }
            catch (TemplateException e)
            {
                shown = e.Message;
            }

            if (shown != expected)
                faults.Add($"{expression}\n  expected {expected}\n  shown    {shown}");
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }
}
