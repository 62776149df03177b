using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace Wisp.Cli;

/// <summary>Consoles that know what they write to: colours for a person, plain text for a pipe or a file.</summary>
internal static class Terminal
{
    /// <summary>HResult of a write to a pipe that nobody reads any more: EPIPE.</summary>
    public const int BrokenPipe = 32;

    /// <summary>
    /// Standard output, which on a broken pipe throws: the one of Console would swallow it, and a model would go on
    /// writing for nobody.
    /// </summary>
    public static TextWriter StandardOutput()
    {
        if (!Console.IsOutputRedirected || OperatingSystem.IsWindows())
            return Console.Out;
        try
        {
            var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            // In a file this stream would keep a position of its own, while standard error may write to the same file.
            return stream.CanSeek ? Console.Out
                : new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true };
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return Console.Out; // closed, or of a kind that cannot be written like a file
        }
    }

    /// <summary>A console over a command's output: <c>Terminal.On(parse.InvocationConfiguration.Output)</c>.</summary>
    public static IAnsiConsole On(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        if (output.IsTerminal)
            return AnsiConsole.Create(new AnsiConsoleSettings { Out = output });
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = output, Ansi = AnsiSupport.No });
        console.Profile.Width = 100; // whatever the terminal has that the program was started from
        return console;
    }

    /// <summary>A sentence, broken between words at the edge of a terminal; a pipe gets it as one line.</summary>
    public static void Say(IAnsiConsole console, string text)
    {
        var indent = text.Length - text.TrimStart(' ').Length;
        var width = console.Profile.Out.IsTerminal ? console.Profile.Width - indent : int.MaxValue;
        foreach (var line in Entry.Wrap(text, width))
            console.Profile.Out.Writer.WriteLine(new string(' ', indent) + line);
    }

    /// <summary>True where lines can be redrawn in place.</summary>
    public static bool IsLive(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>
    /// Text from outside, such as a model's, without the characters that could steer a terminal; lines stay lines.
    /// </summary>
    public static string Clean(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\u001f') && !text.AsSpan().ContainsAnyInRange('\u007f', '\u009f'))
            return text;
        var clean = new StringBuilder(text.Length);
        foreach (var c in text.ReplaceLineEndings("\n"))
            clean.Append(c switch
            {
                '\n' => c,
                '\t' => ' ',
                < ' ' => (char)(0x2400 + c), // the picture of the control character
                (char)0x7f => '\u2421',
                > (char)0x7f and < (char)0xa0 => '\ufffd',
                _ => c,
            });
        return clean.ToString();
    }
}
