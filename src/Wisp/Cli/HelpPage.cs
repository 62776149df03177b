using System.CommandLine;
using System.CommandLine.Help;
using Spectre.Console;

namespace Wisp.Cli;

/// <summary>The help of every command, made from the commands themselves, readable from 40 columns up.</summary>
internal static class HelpPage
{
    // A very long option has a line of its own rather than pushing all descriptions to the edge.
    private const int MaxNames = 30;

    private static readonly Style Heading = new(decoration: Decoration.Bold);

    public static int Write(IAnsiConsole console, Command command, bool withRare = false)
    {
        var about = command.Description ?? command.Name;
        if (command is RootCommand)
            about = $"wisp: {char.ToLowerInvariant(about[0])}{about[1..]}";
        foreach (var line in Entry.Wrap(about, console.Profile.Width))
            console.WriteLine(line);
        console.WriteLine();
        console.Write(new Paragraph("Usage: ", Heading).Append(Usage(command))); // one text, so that it wraps as one
        console.WriteLine();

        var commands = command.Subcommands.Where(c => !c.Hidden).ToList();
        foreach (var group in commands.GroupBy(c => c is Verb verb ? verb.Group : "Commands"))
            Section(console, group.Key, group.Select(c => (c.Name, c.Description ?? "")));
        Section(console, "Arguments", command.Arguments.Where(a => !a.Hidden).Select(
            a => (Label(a), Described(a.Description, a.HasDefaultValue ? a.GetDefaultValue() : null))));
        var options = Options(command, withRare).ToList();
        var columns = Math.Min(MaxNames, options.Select(o => o.Left.Length).DefaultIfEmpty().Max());
        foreach (var section in options.GroupBy(o => o.Section))
            Section(console, section.Key, section.Select(o => (o.Left, o.Right)), columns);

        var examples = command is Verb self
            ? self.Examples
            : [.. commands.OfType<Verb>().SelectMany(verb => verb.Examples.Take(1))];
        if (examples.Count > 0)
        {
            Title(console, "Examples");
            foreach (var example in examples)
                console.WriteLine("  " + example);
        }

        if (commands.Count > 0)
        {
            console.WriteLine();
            console.WriteLine($"{Path(command)} COMMAND --help says more.");
        }

        return 0;
    }

    /// <summary>The words that lead to a command: "wisp train pretrain".</summary>
    public static string Path(Command command) => command is RootCommand
        ? "wisp"
        : string.Join(' ', Ancestors(command).Reverse().Append(command)
            .Select(c => c is RootCommand ? "wisp" : c.Name));

    /// <summary>The commands above, nearest first.</summary>
    public static IEnumerable<Command> Ancestors(Command command)
    {
        while (command.Parents.OfType<Command>().FirstOrDefault() is { } parent)
            yield return command = parent;
    }

    private static string Usage(Command command)
    {
        var words = new List<string> { Path(command) };
        if (command.Subcommands.Any(c => !c.Hidden))
            words.Add("COMMAND");
        words.AddRange(command.Arguments.Where(a => !a.Hidden)
            .Select(a => a.Arity.MinimumNumberOfValues > 0 ? Label(a) : $"[{Label(a)}]"));
        words.Add("[OPTIONS]");
        return string.Join(' ', words);
    }

    private static IEnumerable<(string Section, string Left, string Right)> Options(Command command, bool withRare)
    {
        // --help works everywhere; to say so once, on the front page, is enough.
        var options = command.Options.Where(o => !o.Hidden && (command is RootCommand || o is not HelpOption));
        foreach (var option in options.Where(o => withRare || command is not Verb verb || !verb.IsRare(o)))
        {
            var names = option.Aliases.Append(option.Name).Where(n => !n.StartsWith('/')).Distinct()
                .OrderBy(n => n.Length).ThenBy(n => n, StringComparer.Ordinal).Where(n => n != "-?");
            var isSwitch = option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool);
            var value = isSwitch ? "" : " " + (option.HelpName ?? option.Name.TrimStart('-')).ToUpperInvariant();
            var fallback = option.HasDefaultValue && !isSwitch ? option.GetDefaultValue() : null;
            var about = Described(option.Description, fallback) + (option.Required ? " (required)" : "");
            var section = command is Verb verb ? verb.SectionOf(option) : "Options";
            yield return (section, string.Join(", ", names) + value, about);
        }
    }

    private static string Described(string? description, object? fallback) => fallback switch
    {
        null or "" => description ?? "",
        _ => $"{description} [default: {fallback}]",
    };

    private static string Label(Argument argument) => (argument.HelpName ?? argument.Name).ToUpperInvariant();

    private static void Section(
        IAnsiConsole console, string title, IEnumerable<(string Left, string Right)> lines, int? columns = null)
    {
        var rows = lines.ToList();
        if (rows.Count == 0)
            return;
        Title(console, title);
        var width = columns ?? Math.Min(MaxNames, rows.Max(row => row.Left.Length));
        foreach (var (left, right) in rows)
            Entry.Write(console, left, right, width);
    }

    private static void Title(IAnsiConsole console, string title)
    {
        console.WriteLine();
        console.Write(new Text(title, Heading));
        console.WriteLine();
    }
}
