using System.Text.RegularExpressions;
using Wisp.Train.Align;

namespace Wisp.Cli;

/// <summary>An exception as one line for a person: what, where, what to do.</summary>
internal static partial class Failure
{
    // POSIX error numbers, which .NET passes on as HResult.
    private const int NoSpaceLeft = 28;
    private const int FileTooLarge = 27;
    private const int QuotaExceeded = 122;
    private const int ReadOnly = 30;

    /// <summary>True for failures that come from the input or the machine, false for faults in the program.</summary>
    public static bool IsExpected(Exception e) => e is UserException or InvalidDataException or RunHaltedException
        or IOException
        or UnauthorizedAccessException or ArgumentException or OutOfMemoryException or OperationCanceledException;

    public static string Describe(Exception e) => OneLine(e switch
    {
        UserException or InvalidDataException or RunHaltedException => e.Message,
        FileNotFoundException { FileName: { Length: > 0 } name } => $"{name}: no such file. Check the name.",
        DirectoryNotFoundException when Quoted(e.Message) is { } path => $"{path}: no such folder. Check the name.",
        UnauthorizedAccessException when Quoted(e.Message) is { } path => Directory.Exists(path)
            ? $"{path}: is a folder and not a file, or may not be written to. Check the name and its permissions."
            : $"{path}: access is denied. Check its permissions (ls -l), or choose another place.",
        IOException when e.HResult is NoSpaceLeft or QuotaExceeded =>
            $"{Quoted(e.Message) ?? "the disk"}: no space left to write. " +
            "Free some space, then run the same command again.",
        IOException when e.HResult is FileTooLarge =>
            $"{Quoted(e.Message) ?? "the file"}: larger than is allowed here. " +
            "Raise the limit (ulimit -f) or choose another place.",
        IOException when e.HResult is ReadOnly =>
            $"{Quoted(e.Message) ?? "the place"}: may not be written to (read-only). Choose another place.",
        ArgumentException => ParameterSuffix().Replace(e.Message, ""),
        OutOfMemoryException => "not enough memory. Choose a smaller model, batch or context.",
        OperationCanceledException => "stopped before it was done.",
        IOException or UnauthorizedAccessException => e.Message,
        _ => $"{e.GetType().Name}: {e.Message}",
    });

    // Names of files can hold anything, and the line goes to a terminal.
    private static string OneLine(string message) =>
        Terminal.Clean(string.Join(' ', message.Split((char[])['\n', '\r'],
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));

    private static string? Quoted(string message) =>
        QuotedPart().Match(message) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex("'(.+)'", RegexOptions.Singleline)]
    private static partial Regex QuotedPart();

    // What ArgumentException adds for programmers; a person knows options, not parameters.
    [GeneratedRegex(@" \(Parameter '\w+'\)(\s*Actual value was .*)?$", RegexOptions.Singleline)]
    private static partial Regex ParameterSuffix();
}
