using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Wisp.Cli;

/// <summary>
/// Runs one command line from words to exit code: 0 done, 1 failed, 2 not understood, 130 stopped by Ctrl-C, 141
/// whoever read the output has gone. Whatever goes wrong is one line on the error stream; a stack trace appears only
/// where
/// WISP_TRACE=1 asks for it.
/// </summary>
internal static class CommandFrame
{
    public static int Run(
        IReadOnlyList<string> args, TextWriter output, TextWriter error, Func<string, string?> environment) =>
        Run(WispCommand.Create(), args, output, error, environment);

    internal static int Run(
        RootCommand root, IReadOnlyList<string> args, TextWriter output, TextWriter error,
        Func<string, string?> environment)
    {
        // No response files: a prompt that begins with '@' is a prompt.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        // Commands that can end in order get the first Ctrl-C as a cancelled token; all others simply end.
        using var interrupt = parse.Action is AsynchronousCommandLineAction ? new Interrupt() : null;
        try
        {
            return Invoke(root, parse, output, error, interrupt);
        }
        catch (OperationCanceledException) when (interrupt is { Token.IsCancellationRequested: true })
        {
            return interrupt.ExitCode;
        }
        catch (IOException e) when (e.HResult == Terminal.BrokenPipe)
        {
            return 141; // as after SIGPIPE: `wisp run | head -1` is no failure to speak of
        }
        catch (Exception e)
        {
            var fault = e is AggregateException { InnerExceptions: [var only] } ? only : e;
            error.WriteLine($"wisp: {Failure.Describe(fault)}");
            if (environment("WISP_TRACE") == "1")
                error.WriteLine(fault);
            else if (!Failure.IsExpected(fault))
                error.WriteLine("This is a fault in wisp itself. Run again with WISP_TRACE=1 to see where it is.");
            return 1;
        }
    }

    private static int Invoke(
        RootCommand root, ParseResult parse, TextWriter output, TextWriter error, Interrupt? interrupt)
    {
        if (root.Options.OfType<HelpOption>().Any(help => parse.GetResult(help) is { Implicit: false }))
            return HelpPage.Write(Terminal.On(output), parse.CommandResult.Command);
        if (root.Options.OfType<VersionOption>().Any(version => parse.GetResult(version) is { Implicit: false }))
        {
            output.WriteLine(WispCommand.Version);
            return 0;
        }

        if (parse.Errors.Count > 0)
        {
            error.WriteLine($"wisp: {UsageError.Describe(parse)}");
            return 2;
        }

        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // a training step in flight may take longer than any fixed time
        };
        return parse.InvokeAsync(configuration, interrupt?.Token ?? default).GetAwaiter().GetResult();
    }
}
