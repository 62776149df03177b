using Wisp.Cli;

namespace Wisp.Tests.Cli;

/// <summary>One command line, run in this process with captured output.</summary>
internal sealed record CommandLineRun(int Code, string Output, string Error)
{
    public static CommandLineRun Of(params string[] args)
    {
        using StringWriter output = new(), error = new();
        var code = CommandFrame.Run(args, output, error, _ => null);
        return new CommandLineRun(code, output.ToString(), error.ToString());
    }

    /// <summary>The same, and it has to succeed.</summary>
    public static string Good(params string[] args)
    {
        var run = Of(args);
        Assert.True(run.Code == 0, $"{string.Join(' ', args)}\n{run.Output}{run.Error}");
        return run.Output;
    }
}
