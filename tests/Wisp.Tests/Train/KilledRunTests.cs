using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Wisp.Tests.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Tests.Train;

/// <summary>The program itself, ended by kill -9 wherever it happens to be, and resumed until it is done.</summary>
public sealed class KilledRunTests : IDisposable
{
    private const int Steps = 150;

    private readonly TempFolder _folder = new();

    public KilledRunTests()
    {
        // One text of some 100 KB, whose end is held out, with words enough for a vocabulary of 512.
        string[] syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "wu", "pan", "dor", "gel", "hiz"];
        var random = new Random(3);
        var text = new StringBuilder();
        for (var i = 0; text.Length < 100_000; i++)
        {
            for (var n = 1 + random.Next(3); n >= 0; n--)
                text.Append(syllables[Math.Min(random.Next(14), random.Next(14))]);
            text.Append(i % 9 == 8 ? ".\n\n" : " ");
        }

        _folder.Put("text.txt", Encoding.UTF8.GetBytes(text.ToString()));
    }

    public void Dispose() => _folder.Dispose();

    [Fact, Trait("cost", "medium")]
    public void A_killed_run_ends_with_the_bytes_of_one_that_was_not()
    {
        var expected = Uninterrupted();
        Check(expected, "few", new Random(1), kills: 3, latest: Steps - 10);
    }

    [Fact, Trait("cost", "slow")]
    public void Kills_at_any_moment_change_nothing()
    {
        var expected = Uninterrupted();
        for (var seed = 2; seed < 8; seed++)
            Check(expected, $"many{seed}", new Random(seed), kills: 8, latest: Steps - 10);

        // By the clock, from the first moments on: reading, the tokenizer, token files, the first checkpoint.
        for (var milliseconds = 100; milliseconds < 3_000; milliseconds += 150)
        {
            var folder = $"early{milliseconds}/run";
            using (var process = Start(folder))
                Kill(process, () => process.WaitForExit(milliseconds));
            Finish(folder);
            Assert.Equal(expected, File.ReadAllBytes(_folder[$"{folder}/model.gguf"]));
        }
    }

    private void Check(byte[] expected, string name, Random random, int kills, int latest)
    {
        var folder = $"{name}/run";
        var reached = 0;
        for (var i = 0; i < kills; i++)
        {
            var until = Math.Min(latest, reached + 1 + random.Next(2 * Steps / kills));
            using var process = Start(folder);

            // A step takes a millisecond or two and each one saves: the delay lands in any part of it.
            Kill(process, () =>
            {
                while (!process.HasExited && LoggedSteps(folder) < until)
                    Thread.Sleep(1);
                Thread.Sleep(random.Next(12));
            });
            reached = LoggedSteps(folder);
        }

        Assert.InRange(reached, 1, Steps);
        Finish(folder);
        Assert.Equal(expected, File.ReadAllBytes(_folder[$"{folder}/model.gguf"]));
        Assert.Equal(Enumerable.Range(1, Steps), RunLog.Read(_folder[folder]).Steps.Select(s => s.Step));
        Assert.DoesNotContain(Directory.GetFiles(_folder[folder]), path => path.EndsWith(".tmp"));
    }

    private byte[] Uninterrupted()
    {
        Finish("whole/run");
        return File.ReadAllBytes(_folder["whole/run/model.gguf"]);
    }

    private void Finish(string folder)
    {
        using var process = Start(folder);
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
    }

    private static void Kill(Process process, Action wait)
    {
        // Whatever it writes must not fill the pipe and stop it.
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        wait();
        process.Kill(); // SIGKILL
        process.WaitForExit();
    }

    private int LoggedSteps(string folder)
    {
        var path = _folder[$"{folder}/{RunLog.FileName}"];
        if (!File.Exists(path))
            return 0;
        try
        {
            using var file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file);
            return Regex.Count(reader.ReadToEnd(), "\"kind\":\"step\"");
        }
        catch (IOException)
        {
            return 0; // just being rewritten by a resumed run, under an exclusive lock
        }
    }

    // Begins the run, or goes on with it where there is a checkpoint: what a person would type.
    private Process Start(string folder)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "wisp.dll");
        var path = Directory.CreateDirectory(_folder[folder]).FullName;
        string[] begin =
        [
            "--data", _folder["text.txt"], "--out", path, "--size", "0.2M", "--vocab", "512", "--layers", "1",
            "--width", "32", "--heads", "2", "--head-dim", "16", "--ffn", "48", "--context", "32", "--rows", "4",
            "--accumulate", "1", "--steps", $"{Steps}", "--warm-up", "0.1",
        ];
        string[] arguments =
        [
            program, "train", "pretrain",
            .. File.Exists(Path.Combine(path, "checkpoint.gguf")) ? ["--resume", path] : begin,
            "--save-minutes", "0", "--evals", "3", "--eval-tokens", "300", "--sample-tokens", "5", "--threads", "1",
        ];
        return Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path,
        })!;
    }
}
