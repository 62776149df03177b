using System.CommandLine;
using System.Text;

namespace Wisp.Cli;

/// <summary>Texts that a command is given as words of its line, as lines of a file, or both.</summary>
internal static class Texts
{
    public static Argument<string[]> Argument(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ZeroOrMore };

    public static Option<string?> FileOption(string description) =>
        new("--file") { Description = description, HelpName = "FILE" };

    public static Option<bool> TruncateOption() =>
        new("--truncate") { Description = "Cut the end off a text that is too long; otherwise it is refused" };

    /// <summary>The words, then the lines; a blank line is no text.</summary>
    /// <exception cref="UserException">There is no text at all, or no such file.</exception>
    public static string[] Read(string[]? words, string? file)
    {
        string[] lines = file is null ? [] : Encoding.UTF8.GetString(TextInput.Read(file))
            .Split('\n').Select(line => line.TrimEnd('\r')).Where(line => !string.IsNullOrWhiteSpace(line)).ToArray();
        string[] all = [.. words ?? [], .. lines];
        return all.Length > 0 ? all : throw new UserException(
            file is null ? "Give at least one text, or --file FILE with a text a line." : $"{file}: holds no text.");
    }
}
