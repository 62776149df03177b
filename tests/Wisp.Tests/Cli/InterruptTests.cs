using System.Diagnostics;
using System.Text;
using Wisp.Compute;
using Wisp.Tests.Train.Data;
using Wisp.Tests.TwoFiles;

namespace Wisp.Tests.Cli;

/// <summary>Ctrl-C as the program itself gets it: in a process of its own.</summary>
[Trait("cost", "medium")]
public class InterruptTests
{
    [Fact]
    public void Training_finishes_the_step_saves_and_can_go_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var folder = new TempFolder();
        for (var i = 0; i < 8; i++)
            folder.Put($"text/{i}.txt", Encoding.UTF8.GetBytes(TinyModel.Text(120, seed: i)));
        var run = folder["run"];

        var stopped = StopWhen(said => said.StartsWith("step 1/", StringComparison.Ordinal),
            ["train", "pretrain", "--data", folder["text"], "--vocab", "512", "--steps", "1000000", "--out", run,
                .. EndToEndTests.Tiny]);

        Assert.Equal((130, ""), (stopped.Code, stopped.Error));
        Assert.Matches(@"Saved at step [\d,]+ of 1,000,000\. Go on with: wisp train pretrain --resume \S+\n$",
            stopped.Output);
        Assert.Contains("checkpoint", string.Concat(Directory.GetFiles(run)));
        CommandLineRun.Good("run", "-m", run, "-n", "3");

        var again = StopWhen(said => said.StartsWith("step ", StringComparison.Ordinal), "train", "pretrain",
            "--resume", run);
        Assert.Equal(130, again.Code);
        Assert.Contains("resumed at", again.Output);
    }

    [Fact]
    public void Writing_ends_its_line()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var folder = new TempFolder();
        TinyModel.Write(folder["m.gguf"], DType.Q8_0);
        var stopped = StopWhen(_ => true, "run", "-m", folder["m.gguf"], "-p", "one line\n", "-n", "100000000");
        Assert.Equal((130, ""), (stopped.Code, stopped.Error));
        Assert.EndsWith("\n", stopped.Output);
    }

    // Sends SIGINT once a line of the output says that it is time.
    private static CommandLineRun StopWhen(Predicate<string> ripe, params string[] args)
    {
        using var process = Process.Start(CtrlC.Program(args))!;
        var error = process.StandardError.ReadToEndAsync();
        var output = new StringBuilder();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            output.Append(line).Append('\n');
            if (!ripe(line))
                continue;
            CtrlC.Press(process);
            break;
        }

        output.Append(process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        return new CommandLineRun(process.ExitCode, output.ToString(), error.Result);
    }
}
