using System.Text;
using System.Xml.Linq;
using Wisp.Tests.Train.Data;
using Wisp.Tests.TwoFiles;

namespace Wisp.Tests.Cli;

/// <summary>All that a user does with text and a new model, on a small scale and in one process.</summary>
public class EndToEndTests
{
    // A model of some 30 thousand parameters: a step takes a few milliseconds.
    internal static readonly string[] Tiny =
    [
        "--size", "200K", "--width", "32", "--layers", "2", "--head-dim", "16", "--ffn", "64", "--context", "32",
            "--rows", "4",
        "--accumulate", "2", "--evals", "2", "--eval-tokens", "500", "--sample-tokens", "8", "--threads", "1",
    ];

    [Fact]
    public void From_text_to_a_tokenizer_a_model_its_report_and_two_files()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 8; i++)
            folder.Put($"text/{i}.txt", Encoding.UTF8.GetBytes(TinyModel.Text(120, seed: i)));
        string text = folder["text"], tokenizer = folder["made/t.gguf"], run = folder["run"], two = folder["two"];

        Assert.Contains("512 tokens", CommandLineRun.Good(
            "train", "tokenizer", "--data", text, "--vocab", "512", "--out", tokenizer));
        var trained = CommandLineRun.Good(
            ["train", "pretrain", "--data", text, "--tokenizer", tokenizer, "--steps", "30", "--out", run, .. Tiny]);
        Assert.Contains("step 30/30", trained);
        Assert.Contains("held-out text: ", trained);
        Assert.Contains("gzip -9", trained);

        var page = File.ReadAllText(Path.Combine(run, "report.html"));
        Assert.StartsWith("<!DOCTYPE html>", page, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith("</html>", page.TrimEnd(), StringComparison.OrdinalIgnoreCase);
        var curve = page[page.IndexOf("<svg", StringComparison.Ordinal)..];
        // throws where it is malformed
        XElement.Parse(curve[..(curve.IndexOf("</svg>", StringComparison.Ordinal) + 6)]);
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org", "", StringComparison.Ordinal));
        var report = File.ReadAllText(Path.Combine(run, "report.md"));
        Assert.Contains("--steps 30", report);
        Assert.Contains("brotli", report);

        Assert.Contains("token_embd.weight", CommandLineRun.Good("inspect", run));
        Assert.StartsWith("{", CommandLineRun.Good("inspect", "-m", run, "--json"));

        // Further than the context of 32.
        string[] write = ["run", "-m", run, "-p", "balo ri", "-n", "80", "-t", "0", "--threads", "1"];
        var written = CommandLineRun.Good(write);
        Assert.StartsWith("balo ri", written);
        Assert.Equal(written, CommandLineRun.Good(write));
        var checkpoint = Path.Combine(run, "checkpoint.gguf");
        Assert.Equal(written, CommandLineRun.Good(["run", "-m", checkpoint, .. write[3..]]));
        string[] dream = ["dream", "-m", run, "-n", "20", "--documents", "2", "--seed", "3"];
        Assert.Contains("\n---\n", CommandLineRun.Good(dream));
        Assert.Equal(CommandLineRun.Good(dream), CommandLineRun.Good(dream));

        Assert.Contains("dotnet run", CommandLineRun.Good("export", "--two-files", two, "-m", run));
        Assert.Equal(["parameters.bin", "run.cs"], Directory.GetFiles(two).Select(Path.GetFileName).Order());
        Assert.Equal(written, CommandLineRun.Good(["run", "-m", two, .. write[3..]]));
        CommandLineRun.Good("export", "--two-files", two, "-m", checkpoint, "--force");
        Assert.Equal(written, CommandLineRun.Good(["run", "-m", two, .. write[3..]]));

        // A finished run can be resumed: nothing is left to do but the report.
        Assert.Contains("step 30 of 30", CommandLineRun.Good("train", "pretrain", "--resume", run));
    }
}
