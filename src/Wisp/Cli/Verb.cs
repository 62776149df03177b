using System.CommandLine;

namespace Wisp.Cli;

/// <summary>A command with a place on the front page of the help, and examples on its own.</summary>
/// <param name="group">The heading it stands under; headings appear in the order of their first verb.</param>
internal sealed class Verb(string name, string description, string group, params string[] examples)
    : Command(name, description)
{
    private readonly Dictionary<Option, string> _sections = [];
    private readonly HashSet<Option> _rare = [];

    public string Group { get; } = group;

    /// <summary>Command lines ready to paste; the first one also stands on the front page.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;

    /// <summary>
    /// Reads what the command would read and checks every number, without doing anything: for those who run it as part
    /// of something long. It throws what the command itself would throw.
    /// </summary>
    public Action<ParseResult>? Check { get; set; }

    /// <summary>Adds options under a heading of their own; headings come in the order of their options.</summary>
    public void Add(string section, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
        {
            Add(option);
            _sections[option] = section;
        }
    }

    /// <summary>Adds options that only a fuller help shows, such as <see cref="FullHelp"/> gives.</summary>
    public void AddRare(string section, params ReadOnlySpan<Option> options)
    {
        Add(section, options);
        foreach (var option in options)
            _rare.Add(option);
    }

    public bool IsRare(Option option) => _rare.Contains(option);

    public string SectionOf(Option option) => _sections.GetValueOrDefault(option, "Options");
}
