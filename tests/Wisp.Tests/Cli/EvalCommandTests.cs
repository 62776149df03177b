using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Eval;

namespace Wisp.Tests.Cli;

public sealed class EvalCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public EvalCommandTests() => Write("a.gguf", seed: 1);

    public void Dispose() => _folder.Dispose();

    private void Write(string name, int seed)
    {
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, tied: true, context: 512), seed);
        ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, name)
            .AddString("tokenizer.chat_template", ChatFormat.Template).Write(_folder[name]);
    }

    private string Good(params string[] arguments) =>
        CommandLineRun.Good(["eval", "-m", _folder["a.gguf"], "--threads", "2", .. arguments]);

    [Fact]
    public void A_model_is_examined_and_the_same_command_gives_the_same_figures()
    {
        File.WriteAllText(_folder["story.txt"], "Once upon a time there was a fox. The fox was red and quick.");
        string[] command = ["--tasks", $"sample_facts,{_folder["story.txt"]}", "--limit", "6", "--seed", "5", "--out",
            _folder["found/a.json"], "--training-text", _folder["story.txt"]];
        var output = Good(command);
        Assert.Contains("sample_facts\tacc\t", output);
        Assert.Contains("story.txt\tbits a byte\t", output);
        Assert.Contains("written: " + _folder["found/a.md"], output);
        var report = EvalReport.Read(_folder["found/a.json"]);
        Assert.Equal((5UL, 6, 2), (report.Seed, report.Limit, report.Tasks.Count));
        Assert.Equal(6, report.Tasks[0].Items);
        // The story is in the training text, which here is the story.
        Assert.Equal(new OverlapResult(13, 1, 1), report.Tasks[1].Overlap);

        Good(command);
        var again = EvalReport.Read(_folder["found/a.json"]);
        Assert.Equal(report.Tasks.Select(task => task.Metrics.Concat(task.Controls)),
            again.Tasks.Select(task => task.Metrics.Concat(task.Controls)));
    }

    [Fact]
    public void A_model_wins_half_against_itself_and_the_judge_decides_between_others()
    {
        Write("b.gguf", seed: 2);
        using (var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, tied: true, context: 512), 3))
            ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "judge")
                .AddFloats("wisp.reward.head", [.. Enumerable.Range(0, 64).Select(i => (float)Math.Sin(i))])
                .Write(_folder["judge.gguf"]);
        ConversationFile.Write(_folder["prompts.jsonl"], Enumerable.Range(0, 4).Select(i => new Conversation(
            [new(Role.User, $"{i}?"), new(Role.Assistant, "!")])));
        string[] with = ["--judge", _folder["judge.gguf"], "--prompts", _folder["prompts.jsonl"]];
        Assert.Contains("against a.gguf\twin rate, draws as half\t50.0 %\t50.0 % to 50.0 %\t4\t50.0 %",
            Good(["--against", _folder["a.gguf"], .. with]));
        Assert.Contains("against b.gguf\twin rate", Good(["--against", _folder["b.gguf"], .. with]));
    }

    [Theory]
    [InlineData("Did you mean arc_easy?", "--tasks", "arc-easy")]
    [InlineData("neither a task nor a text file", "--tasks", "everything")]
    [InlineData("--shots is 65", "--shots", "65")]
    [InlineData("--limit is -1", "--limit", "-1")]
    [InlineData("go together", "--against", "x.gguf")]
    [InlineData("no such folder", "--data", "nowhere")]
    [InlineData("Give their folder: --data DIR", "--tasks", "piqa")]
    [InlineData("no such file or folder", "--training-text", "nowhere")]
    [InlineData("there is no such file", "--comparisons", "nowhere")]
    public void What_cannot_be_examined_is_one_line(string message, params string[] arguments)
    {
        var run = CommandLineRun.Of(["eval", "-m", _folder["a.gguf"], .. arguments]);
        Assert.Equal(1, run.Code);
        Assert.Contains(message, run.Error);
    }
}
