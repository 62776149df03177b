using System.CommandLine;

namespace Wisp.Cli;

/// <summary>A command with a place on the front page of the help, and examples on its own.</summary>
/// <param name="group">The heading it stands under; headings appear in the order of their first verb.</param>
internal sealed class Verb(string name, string description, string group, params string[] examples)
    : Command(name, description)
{
    public string Group { get; } = group;

    /// <summary>Command lines ready to paste; the first one also stands on the front page.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}
