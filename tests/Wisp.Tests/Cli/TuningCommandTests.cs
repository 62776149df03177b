using System.Diagnostics;
using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;

namespace Wisp.Tests.Cli;

/// <summary>The commands that tune a model, as programs of their own.</summary>
public sealed class TuningCommandTests : IDisposable
{
    private const int Steps = 60;

    private readonly TempFolder _folder = new();

    public TuningCommandTests()
    {
        var config = TinyModel.Config(Architecture.Qwen3, tied: true);
        using var weights = TinyModel.Weights(config);
        ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny").Write(_folder["tiny.gguf"]);
        ConversationFile.Write(_folder["talk.jsonl"], Enumerable.Range(0, 50).Select(i => new Conversation(
            [new(Role.User, $"{i}?"), new(Role.Assistant, $"{i}, {i * 7 % 13}!")])));
        ConversationFile.Write(_folder["pairs.jsonl"], Enumerable.Range(0, 50).Select(i => new PreferencePair(
            new([new(Role.User, $"{i}?"), new(Role.Assistant, $"{i} yes")]),
            new([new(Role.User, $"{i}?"), new(Role.Assistant, $"{i} no")]))));
    }

    public void Dispose() => _folder.Dispose();

    private Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        "dotnet", [Path.Combine(AppContext.BaseDirectory, "wisp.dll"), "train", .. arguments])
    {
        RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path,
    })!;

    private (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    // Stages that answer themselves take prompts from a file, or where there is none a task.
    private static string[] Arguments(string stage, string? data, string folder) =>
    [
        stage, "-m", "tiny.gguf", "--out", folder, "--evals", "2", "--threads", "1", "--save-minutes", "0", "--title",
        "tiny",
        .. (string[])(stage == "improve" ? ["--rounds", $"{Steps}", "--problems", "4", "--updates", "1"]
            : ["--steps", $"{Steps}", "--rows", "4"]),
        .. (string[])(data is null ? ["--task", "arithmetic", "--test", "5"]
            : stage == "grpo" ? ["--prompts", data, "--reward", "repetition", "--meter", "0"] : ["--data", data]),
        .. (string[])(stage is "grpo" or "ppo" or "improve" ? ["--group", "2", "--max-tokens", "6"] : []),
    ];

    [Theory, Trait("cost", "medium")]
    [InlineData("sft", "talk.jsonl")]
    [InlineData("ppo", null)]
    [InlineData("improve", null)]
    public void A_killed_run_ends_with_the_bytes_of_one_that_was_not(string stage, string? data)
    {
        var (code, output, error) = Run(Arguments(stage, data, "whole"));
        Assert.True(code == 0, output + error);

        // Killed in the middle of the steps, with the data gone; what the folder holds has to do.
        using (var process = Start(Arguments(stage, data, "killed")))
        {
            process.OutputDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            var log = _folder[$"killed/{RunLog.FileName}"];
            while (!process.HasExited && (!File.Exists(log) || Logged(log) < Steps / 3))
                Thread.Sleep(1);
            process.Kill(); // SIGKILL
            process.WaitForExit();
        }

        if (data is not null)
            File.Delete(_folder[data]);
        File.Delete(_folder["tiny.gguf"]);
        (code, output, error) = Run(stage, "--resume", "killed", "--threads", "2");
        Assert.True(code == 0, output + error);
        Assert.Contains("resumed at", output);
        Assert.Equal(File.ReadAllBytes(_folder["whole/model.gguf"]), File.ReadAllBytes(_folder["killed/model.gguf"]));
        Assert.Equal(Enumerable.Range(1, Steps), RunLog.Read(_folder["killed"]).Steps.Select(step => step.Step));
    }

    // In every run of the tests these are killed as stages of a recipe.
    [Theory, Trait("cost", "slow")]
    [InlineData("reward", "pairs.jsonl")]
    [InlineData("dpo", "pairs.jsonl")]
    [InlineData("grpo", "talk.jsonl")]
    public void So_does_a_run_of_a_stage_that_recipes_have(string stage, string data) =>
        A_killed_run_ends_with_the_bytes_of_one_that_was_not(stage, data);

    private static int Logged(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Split("\"kind\":\"step\"").Length - 1;
    }

    [Fact, Trait("cost", "medium")]
    public void What_cannot_work_is_refused_before_any_training_starts()
    {
        // The same bytes as tokens, in another order: ids that fit the model and mean something else.
        var bytes = new ByteStrings();
        for (var value = 255; value >= 0; value--)
            bytes.FindOrAdd([(byte)value], out _);
        using (var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, tied: true)))
            ModelFile.Writer(weights, Tokenizer.FromMerges("llama-bpe", bytes, []), DType.F32, "other")
                .Write(_folder["other.gguf"]);
        Refused("other.gguf: has another tokenizer",
            [.. Arguments("dpo", "pairs.jsonl", "out"), "--reference", "other.gguf"]);

        _folder.Put("faulty.jsonl", Encoding.UTF8.GetBytes(
            "{\"prompt\": \"U\", \"chosen\": \"A\", \"rejected\": \"B\"}\n" +
            "{\"prompt\": \"U\", \"chosen\": \"A\", \"rejected\": \"A\"}\n"));
        Refused("faulty.jsonl:2: chosen and rejected are the same answer",
            Arguments("reward", "faulty.jsonl", "out"));
        Refused("There is no matrix 'x'",
            [.. Arguments("sft", "talk.jsonl", "out"), "--lora", "2", "--lora-targets", "q,x"]);
        Refused("--context is 65", [.. Arguments("sft", "talk.jsonl", "out"), "--context", "65"]);
        Refused("holds no checkpoint.gguf", ["sft", "--resume", "nowhere"]);

        foreach (var stage in (string[])["grpo", "ppo"])
        {
            string[] task = Arguments(stage, null, "out"), prompts =
                [stage, "-m", "tiny.gguf", "--prompts", "talk.jsonl", "--max-tokens", "8", "--out", "out"];
            Refused("other.gguf: has another tokenizer", [.. task, "--reference", "other.gguf"]);
            Refused("one of the two", [stage, "-m", "tiny.gguf", "--out", "out"]);
            Refused("one of the two", [.. prompts, "--task", "arithmetic", "--reward", "format"]);
            Refused("--reward MODEL", prompts);
            Refused("judges the problems of a task", [.. prompts, "--reward", "right"]);
            Refused("has no head that scores", [.. prompts, "--reward", "tiny.gguf"]);
            Refused("Reward and judge are both 'format'", [.. prompts, "--reward", "format"]);
            Refused("there are arithmetic, countdown", [stage, "-m", "tiny.gguf", "--task", "chess"]);
            Refused("Lower --max-tokens", [.. task[..^1], "60"]);
            Refused("the clip is 2", [.. task, "--clip", "2"]);
        }

        Refused("--task NAME", ["improve", "-m", "tiny.gguf", "--out", "out"]);
        Refused("asks no problem of the task", [.. Arguments("improve", null, "out"), "--data", "talk.jsonl"]);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact, Trait("cost", "medium")]
    public void Faulty_records_are_refused_by_every_stage_with_file_and_line()
    {
        string[] faulty =
        [
            "{\"messages\": [", "{\"messages\": [{\"role\": \"boss\", \"content\": \"A\"}]}",
            "{\"messages\": [{\"role\": \"user\", \"content\": \" \"}, " +
                "{\"role\": \"assistant\", \"content\": \"A\"}]}",
            "{\"messages\": [{\"role\": \"assistant\", \"content\": \"A\"}]}",
        ];
        foreach (var record in faulty)
        {
            // Beside a good one, so that the line is the second.
            var good = File.ReadLines(_folder["talk.jsonl"]).First();
            _folder.Put("faulty.jsonl", Encoding.UTF8.GetBytes($"{good}\n{record}\n"));
            Refused("faulty.jsonl:2", Arguments("sft", "faulty.jsonl", "out"));
            Refused("faulty.jsonl:2", Arguments("grpo", "faulty.jsonl", "out"));
            Refused("faulty.jsonl:2", [.. Arguments("improve", null, "out"), "--data", "faulty.jsonl"]);

            // The same messages as one side of a pair.
            _folder.Put("faulty.jsonl", Encoding.UTF8.GetBytes(File.ReadLines(_folder["pairs.jsonl"]).First() + "\n" +
                record.Replace("\"messages\"", "\"rejected\": \"B\", \"chosen\"", StringComparison.Ordinal) + "\n"));
            foreach (var stage in (string[])["reward", "dpo"])
                Refused("faulty.jsonl:2", Arguments(stage, "faulty.jsonl", "out"));
        }

        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact, Trait("cost", "medium")]
    public void A_model_whose_template_drops_what_was_said_is_refused_by_every_stage()
    {
        using (var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, tied: true)))
            ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny")
                .AddString("tokenizer.chat_template", "{{ messages[0].content }}").Write(_folder["tiny.gguf"]);
        foreach (var stage in (string[])["sft", "reward", "dpo", "grpo", "ppo", "improve"])
            Refused("its chat template drops the text of turn 2 (user)", Arguments(stage, stage switch
            {
                "sft" => "talk.jsonl",
                "reward" or "dpo" => "pairs.jsonl",
                _ => null,
            }, "out"));
    }

    private void Refused(string expected, string[] arguments)
    {
        var (code, _, error) = Run(arguments);
        Assert.Equal(1, code);
        Assert.Contains(expected, error, StringComparison.OrdinalIgnoreCase);
    }
}
