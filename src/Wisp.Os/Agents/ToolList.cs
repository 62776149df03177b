using System.Text.Json;

namespace Wisp.Agents;

/// <summary>
/// What an agent is told of the calls it can make: JSON Schemas between tags, in the words that our own models learned.
/// The list stands in the instructions, the stable beginning of every prompt, so agents with the same list share its
/// keys and values.
/// </summary>
public static class ToolList
{
    /// <summary>The file verbs of the kernel's tree.</summary>
    public static IReadOnlyList<string> Files { get; } =
    [
        Function("fs.list", "Lists a folder.", ("path", "string")),
        Function("fs.stat", "Tells what a path is.", ("path", "string")),
        Function("fs.read", "Reads a file, or its bytes from one on and before another.", ("path", "string"),
            ("from", "integer?"), ("to", "integer?")),
        Function("fs.write", "Writes a file.", ("path", "string"), ("text", "string")),
        Function("fs.search", "Searches below a path.", ("path", "string"), ("query", "string")),
    ];

    /// <summary>Calls to have others work.</summary>
    public static IReadOnlyList<string> Processes { get; } =
    [
        Function("proc.spawn", "Starts a helper and gives its number.", ("name", "string"), ("message", "string")),
        Function("proc.wait", "Waits for a helper and gives what it said.", ("pid", "integer")),
        Function("user.ask", "Asks the user.", ("question", "string")),
    ];

    public static IReadOnlyList<string> Calculator { get; } = [Wisp.Tools.Calculator.Description];

    /// <summary>Instructions with the list after them.</summary>
    /// <param name="more">Lines of tools whose descriptions are files to be read.</param>
    public static string With(string instructions, IEnumerable<string> functions, IEnumerable<string>? more = null)
    {
        var list = string.Join('\n', functions);
        var lines = string.Join('\n', more ?? []);
        return string.Join("\n\n", ((string[])[
            list.Length + lines.Length > 0 ? instructions.TrimEnd() : instructions,
            list.Length > 0 ? $"You may call these functions:\n<tools>\n{list}\n</tools>" : "",
            lines.Length > 0 ? $"Read one of these files to see how it is called:\n{lines}" : "",
        ]).Where(part => part.Length > 0));
    }

    // Spaces after colons and commas, as templates write JSON. A type with a question mark may be left out.
    private static string Function(string name, string description,
        params ReadOnlySpan<(string Name, string Type)> members)
    {
        var properties = new List<string>();
        var required = new List<string>();
        foreach (var (member, type) in members)
        {
            properties.Add($$"""
                "{{member}}": {"type": "{{type.TrimEnd('?')}}"}
                """);
            if (!type.EndsWith('?'))
                required.Add($"\"{member}\"");
        }

        return "{\"type\": \"function\", \"function\": {\"name\": \"" + name + "\", \"description\": \"" + description
            + "\", \"parameters\": {\"type\": \"object\", \"properties\": {" + string.Join(", ", properties)
            + "}, \"required\": [" + string.Join(", ", required) + "]}}}";
    }

    /// <summary>The names of the functions of a list.</summary>
    public static IEnumerable<string> Names(IEnumerable<string> functions) => functions.Select(text =>
    {
        using var function = JsonDocument.Parse(text);
        return function.RootElement.GetProperty("function").GetProperty("name").GetString()!;
    });
}
