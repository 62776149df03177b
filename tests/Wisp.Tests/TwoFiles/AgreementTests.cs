using Wisp.Compute;
using Wisp.Tests.Cli;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.TwoFiles;

/// <summary>What `wisp run` writes and what the exported page writes is one text.</summary>
[Trait("cost", "medium")]
[Collection(nameof(RunPage))]
public sealed class AgreementTests(RunPage page)
{
    // Three times the context, so both slide several times; a prompt with a special token, digits, an emoji, an end of
    // line.
    private const int Count = 3 * TinyModel.Context;

    private static readonly string s_short = "The old fox<|im_end|>saw 1234 \U0001F98A\n and";

    [Theory]
    [InlineData(DType.F32, false), InlineData(DType.F32, true), InlineData(DType.Q8_0, false)]
    public void Run_and_page_write_the_same_text_past_the_context(DType type, bool longPrompt)
    {
        using var folder = new TempFolder();
        TinyModel.Write(folder["m.gguf"], DType.F32);
        CommandLineRun.Good("export", "--two-files", folder["two"], "-m", folder["m.gguf"], "--type",
            type.Name().ToLowerInvariant());
        var parameters = Path.Combine(folder["two"], "parameters.bin");
        var prompt = longPrompt ? TinyModel.Text(2, seed: 7) : s_short;

        // Both compute in float32, ours where it is told to, but add in different orders: logits of about 10 differ by
        // 1e-5 at most. A step that is closer than that would prove nothing.
        Assert.InRange(TinyModel.LeastMargin(parameters, prompt, Count), 1e-4f, float.MaxValue);

        var text = CommandLineRun.Good(
            "run", "-m", folder["two"], "-p", prompt, "-t", "0", "-n", $"{Count}", "--kv", "f32", "--no-repack");
        var two = page.Run("-m", parameters, prompt, "-t", "0", "-n", $"{Count}");

        Assert.Equal(0, two.Code);
        Assert.Equal(two.Output, text);
        Assert.StartsWith(prompt, text);
        Assert.EndsWith("\n", text);
        Assert.Contains($"{Count} written", two.Error);
    }

    [Fact]
    public void The_page_that_was_exported_runs_by_dotnet_run()
    {
        using var folder = new TempFolder();
        TinyModel.Write(folder["m.gguf"], DType.Q8_0);
        CommandLineRun.Good("export", "--two-files", folder["two"], "-m", folder["m.gguf"]);
        var two = page.DotnetRun(Path.Combine(folder["two"], "run.cs"), s_short, "-t", "0", "-n", "5");
        Assert.True(two.Code == 0, two.Error);
        Assert.Equal(CommandLineRun.Good(
            "run", "-m", folder["m.gguf"], "-p", s_short, "-t", "0", "-n", "5", "--kv", "f32", "--no-repack"),
            two.Output);
    }
}
