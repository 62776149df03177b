namespace Wisp.Chat;

/// <summary>
/// A chat template that cannot be read or rendered: a fault in its text, a fault it met with these messages, a limit it
/// reached, or an error that it raises itself. The message begins with the line.
/// </summary>
public sealed class TemplateException : Exception
{
    // Templates may raise texts of any length; a message is for a person.
    private const int LongestMessage = 1000;

    internal TemplateException(string message, int line = 0)
        : base(line > 0 ? $"template line {line}: {Cut(message)}" : Cut(message)) => Line = line;

    /// <summary>Counted from 1; 0 where the fault is not in one place.</summary>
    public int Line { get; }

    /// <summary>The same fault at a place, unless it has one.</summary>
    internal TemplateException At(int line) => Line > 0 ? this : new TemplateException(Message, line);

    private static string Cut(string message) =>
        message.Length <= LongestMessage ? message : string.Concat(message.AsSpan(0, LongestMessage), "...");
}
