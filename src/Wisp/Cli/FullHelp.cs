using System.CommandLine;
using System.CommandLine.Invocation;

namespace Wisp.Cli;

/// <summary>A switch that shows the help of its command with the options that are seldom needed.</summary>
internal static class FullHelp
{
    public static Option Option(string name, string description, Verb command) => new Option<bool>(name)
    {
        Description = description,
        Action = new Page(command),
    };

    private sealed class Page(Verb command) : SynchronousCommandLineAction
    {
        public override bool Terminating => true;

        public override int Invoke(ParseResult parse) =>
            HelpPage.Write(Terminal.On(parse.InvocationConfiguration.Output), command, withRare: true);
    }
}
