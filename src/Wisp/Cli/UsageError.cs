using System.CommandLine;
using System.Text.RegularExpressions;

namespace Wisp.Cli;

/// <summary>A command line that was not understood, as one line that says what would be.</summary>
internal static partial class UsageError
{
    public static string Describe(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        var help = $"See {HelpPage.Path(command)} --help.";
        if (parse.UnmatchedTokens is [var word, ..])
        {
            var kind = word.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
            if (kind == "argument" && command.Options.FirstOrDefault(o => o.Name == "--prompt") is not null)
                return $"'{Terminal.Clean(word)}' stands alone. Text goes after -p, in quotes. {help}";
            var known = Names(command, options: kind == "option");
            return Closest(word, known) is { } near
                ? $"unknown {kind} '{Terminal.Clean(word)}'. Did you mean '{near}'? {help}"
                : $"unknown {kind} '{Terminal.Clean(word)}'. {help}";
        }

        if (command.Action is null && command.Subcommands.Count > 0)
            return $"'{HelpPage.Path(command)}' needs one of: {string.Join(", ", Names(command, false))}. {help}";
        var message = Terminal.Clean(parse.Errors[0].Message.ReplaceLineEndings(" ").Trim());
        if (BadValue().Match(message) is { Success: true } bad)
            message = $"{bad.Groups[2].Value} takes {(bad.Groups[3].Value.Contains("Int", StringComparison.Ordinal)
                ? "a whole number" : "a number")}, not '{bad.Groups[1].Value}'";
        if (NotAmong().Match(message) is { Success: true } other)
            message = $"'{other.Groups[1].Value}' is not among: {string.Join(", ",
                other.Groups[2].Value.Split('\'',
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))}";
        return $"{message}{(message.EndsWith('.') ? "" : ".")} {help}";
    }

    // What System.CommandLine says of a value that it cannot convert; types mean nothing to a person.
    [GeneratedRegex("^Cannot parse argument '(.*)' for option '(.*)' as expected type '(.*)'")]
    private static partial Regex BadValue();

    [GeneratedRegex("^Argument '(.*)' not recognized. Must be one of:(.*)$")]
    private static partial Regex NotAmong();

    /// <summary>The candidate that the word was most likely meant to be, or null where none is near.</summary>
    internal static string? Closest(string word, IEnumerable<string> candidates) => candidates
        .Select(name => (Name: name, Distance: Distance(word, name)))
        .Where(c => c.Distance <= Math.Max(1, c.Name.TrimStart('-').Length / 3))
        .OrderBy(c => c.Distance).ThenBy(c => c.Name, StringComparer.Ordinal)
        .Select(c => c.Name).FirstOrDefault();

    private static IEnumerable<string> Names(Command command, bool options)
    {
        if (!options)
            return command.Subcommands.Where(c => !c.Hidden).SelectMany(c => c.Aliases.Append(c.Name));
        var inherited = HelpPage.Ancestors(command).SelectMany(c => c.Options.Where(o => o.Recursive));
        return command.Options.Concat(inherited).Where(o => !o.Hidden).SelectMany(o => o.Aliases.Append(o.Name))
            .Where(name => name.StartsWith("--", StringComparison.Ordinal));
    }

    // Optimal string alignment: a swap of neighbours, the commonest slip of all, counts as one.
    private static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                var change = a[i - 1] == b[j - 1] ? 0 : 1;
                cost[i, j] = Math.Min(Math.Min(cost[i - 1, j] + 1, cost[i, j - 1] + 1), cost[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }

        return cost[a.Length, b.Length];
    }
}
