using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Wisp.Cli;
using Wisp.Cli.Recipes;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli.Recipes;

public sealed class RecipeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Everything that recipes/tiny.json does, on a model and data so small that a stage takes a second or two.
    private const string Small = """
        {
          "title": "small", // a comment
          "stages": [
            { "stage": "lessons", "name": "text", "kind": "text", "count": 60, "seed": 1 },
            { "stage": "lessons", "name": "chats", "count": 80, "seed": 2 },
            { "stage": "lessons", "name": "pairs", "kind": "pairs", "count": 60, "seed": 3 },
            { "stage": "pretrain", "data": "@text", "near-duplicates": 0, "size": "0.2M", "vocab": 512, "context": 512,
              "steps": 4, "evals": 1, "rows": 2, "accumulate": 1, "save-minutes": 0, "sample-tokens": 4 },
            { "stage": "sft", "data": "@chats", "steps": 6, "rows": 2, "evals": 1, "save-minutes": 0 },
            { "stage": "reward", "data": "@pairs", "steps": 4, "rows": 4, "evals": 1, "save-minutes": 0 },
            { "stage": "dpo", "data": "@pairs", "steps": 4, "rows": 4, "evals": 1, "save-minutes": 0 },
            { "stage": "eval", "model": ["@sft", "@dpo"], "tasks": "sample_facts,sample_format", "limit": 4 },
            { "stage": "eval", "name": "wins", "against": "@sft", "judge": "@reward", "prompts": "@chats", "limit": 3 },
          ],
        }
        """;

    private string Write(string json)
    {
        File.WriteAllText(_folder["recipe.json"], json);
        return _folder["recipe.json"];
    }

    private static string Fault(string path, string folder)
    {
        var run = CommandLineRun.Of("train", "all", "--recipe", path, "--out", folder);
        Assert.Equal(1, run.Code);
        return Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line =>
            line.StartsWith("wisp: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{", "recipe.json:1: not JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("""{"stage": []}""", "there is no field 'stage'. Did you mean 'stages'?")]
    [InlineData("""{"stages": []}""", "has no 'stages'")]
    [InlineData("""{"stages": [{"name": "a"}]}""", "stage 1: has no 'stage'")]
    [InlineData("""{"stages": [{"stage": "sftt"}]}""", "there is no stage 'sftt'. Did you mean 'sft'?")]
    [InlineData("""{"stages": [{"stage": "sft", "name": "a/b"}]}""", "the name 'a/b' is not made of")]
    [InlineData("""{"stages": [{"stage": "pretrain", "sise": "1M"}]}""", "no field 'sise'. Did you mean 'size'?")]
    [InlineData("""{"stages": [{"stage": "pretrain", "out": "x"}]}""", "there is no field 'out'")]
    [InlineData("""{"stages": [{"stage": "pretrain", "steps": "many"}]}""", "--steps")]
    [InlineData("""{"stages": [{"stage": "pretrain", "steps": {}}]}""", "'steps' is a JSON Object")]
    [InlineData("""{"stages": [{"stage": "pretrain", "data": "nowhere"}]}""", "nowhere: no such file or folder")]
    [InlineData("""{"stages": [{"stage": "sft", "data": "@chats"}]}""", "'@chats' is no stage before it")]
    [InlineData("""{"stages": [{"stage": "lessons"}, {"stage": "sft", "data": "@lessons"}]}""", "no model to begin")]
    [InlineData("""{"stages": [{"stage": "lessons"}, {"stage": "lessons"}]}""", "two stages are called 'lessons'")]
    public void A_fault_in_a_recipe_is_one_line_that_names_the_place(string json, string message) =>
        Assert.Contains(message, Fault(Write(json), _folder["out"]));

    [Fact]
    public void All_inputs_are_checked_before_anything_is_trained()
    {
        File.WriteAllText(_folder["text.txt"], string.Concat(Enumerable.Repeat("a line of text. ", 50)));
        File.WriteAllText(_folder["bad.jsonl"], """{"messages": [{"role": "user", "content": "a question alone"}]}""");
        var path = Write("""
            {"stages": [
              {"stage": "pretrain", "data": "text.txt", "size": "0.2M", "steps": 1000000},
              {"stage": "sft", "data": "bad.jsonl"}
            ]}
            """);
        Assert.Contains("stage 2 (sft): " + _folder["bad.jsonl"] + ":1", Fault(path, _folder["out"]));
        Assert.False(Directory.Exists(Path.Combine(_folder["out"], "pretrain")));
        path = Write("""
            {"stages": [
              {"stage": "pretrain", "data": "text.txt", "size": "0.2M", "steps": 1000000, "adam-rate": -1}
            ]}
            """);
        Assert.Contains("stage 1 (pretrain): ", Fault(path, _folder["out"]));
    }

    [Fact]
    public void The_schema_knows_every_field_of_the_recipe_that_comes_with_wisp()
    {
        var schema = JsonNode.Parse(CommandLineRun.Good("train", "all", "--schema"))!;
        var stages = schema["properties"]!["stages"]!["items"]!["oneOf"]!.AsArray()
            .ToDictionary(stage => stage!["properties"]!["stage"]!["const"]!.GetValue<string>());
        var recipe = Recipe.Read(TinyRecipe);
        foreach (var stage in recipe.Stages)
            foreach (var (field, _) in stage.Options)
            {
                var property = stages[stage.Command]!["properties"]![field];
                Assert.True(property is not null, $"{stage.Where}: {field}");
                Assert.False(string.IsNullOrEmpty(property["description"]?.GetValue<string>()), field);
            }
    }

    [Fact]
    public void The_recipe_that_comes_with_wisp_is_understood_whole()
    {
        var root = WispCommand.Create();
        var plan = new RecipePlan(
            root, Recipe.Read(TinyRecipe), Path.GetDirectoryName(TinyRecipe)!, _folder.Path);
        Assert.Equal("sft", plan.Steps.First(step => step.Name == "reward").Reads[^1][^3..]);
        foreach (var step in plan.Steps)
            Assert.Empty(plan.Parse(step, step.CommandLine).Errors);
    }

    [Fact, Trait("cost", "medium")]
    public void A_recipe_that_is_killed_again_and_again_ends_with_the_bytes_of_one_that_was_not()
    {
        var recipe = Write(Small);
        var whole = Wisp(recipe, "whole");
        Assert.True(whole.Code == 0, whole.Output);
        Assert.Contains("done in", whole.Output);

        // Killed whenever some more has been logged: within stages, and between them.
        var kills = 0;
        for (var wanted = 2; ; wanted += 15)
        {
            using var process = Start(recipe, "killed");
            var output = new StringBuilder();
            void Keep(object sender, DataReceivedEventArgs line)
            {
                lock (output)
                    output.AppendLine(line.Data);
            }

            process.OutputDataReceived += Keep;
            process.ErrorDataReceived += Keep;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            while (!process.HasExited && Lines("killed") < wanted)
                Thread.Sleep(5);
            if (process.HasExited)
            {
                process.WaitForExit(); // until all output is there
                Assert.True(process.ExitCode == 0, output.ToString());
                break;
            }

            process.Kill();
            process.WaitForExit();
            kills++;
            Assert.True(kills < 30, "it never comes to its end");
        }

        Assert.True(kills >= 2);
        foreach (var stage in (string[])["pretrain", "sft", "reward", "dpo"])
            Assert.Equal(
                File.ReadAllBytes(_folder[$"whole/{stage}/model.gguf"]),
                File.ReadAllBytes(_folder[$"killed/{stage}/model.gguf"]));

        // Once more: nothing is done again, and the card is the same but for its date.
        var again = Wisp(recipe, "killed");
        Assert.True(again.Code == 0, again.Output);
        Assert.Equal(10, again.Output.Split("done already").Length - 1);
        var card = JsonNode.Parse(File.ReadAllText(_folder["killed/card.json"]))!;
        Assert.Equal(["pretrain", "sft", "reward", "dpo"], card["stages"]!.AsArray()
            .Select(stage => stage!["name"]!.GetValue<string>()));
        Assert.Contains(card["stages"]![3]!["tasks"]!.AsArray(),
            task => task!["kind"]!.GetValue<string>() == "win rate");

        // Other settings or other data than a stage was done with are refused, not mixed.
        Assert.Contains("its part of the recipe has changed", Fault(
            Write(Small.Replace("\"steps\": 6", "\"steps\": 7")), _folder["killed"]));
        Assert.Contains("chats.jsonl has changed", Changed("killed/chats.jsonl", recipe));
    }

    [Fact, Trait("cost", "slow")]
    public void The_recipe_that_comes_with_wisp_makes_a_model_that_answers()
    {
        var (code, output) = Wisp(TinyRecipe, "tiny");
        Assert.True(code == 0, output);
        var card = JsonNode.Parse(File.ReadAllText(_folder["tiny/card.json"]))!;
        var sft = card["stages"]!.AsArray().Single(stage => stage!["name"]!.GetValue<string>() == "sft")!;
        var format = sft["tasks"]!.AsArray().Single(task => task!["name"]!.GetValue<string>() == "sample_format")!;
        Assert.InRange(format["metrics"]![0]!["value"]!.GetValue<double>(), 0.8, 1);
    }

    private string Changed(string file, string recipe)
    {
        Write(Small);
        File.AppendAllText(_folder[file], "\n");
        return Fault(recipe, _folder["killed"]);
    }

    private static string TinyRecipe
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); ; at = at.Parent!)
                if (File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
                    return Path.Combine(at.FullName, "recipes", "tiny.json");
        }
    }

    private int Lines(string folder) => Directory.Exists(_folder[folder])
        ? Directory.EnumerateFiles(_folder[folder], "log.jsonl", SearchOption.AllDirectories).Sum(Count) : 0;

    private static int Count(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Count(c => c == '\n');
    }

    private Process Start(string recipe, string folder) => Process.Start(new ProcessStartInfo(
        "dotnet", [Path.Combine(AppContext.BaseDirectory, "wisp.dll"), "train", "all", "--recipe", recipe, "--out",
            folder, "--threads", "1"])
    {
        RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path,
    })!;

    private (int Code, string Output) Wisp(string recipe, string folder)
    {
        using var process = Start(recipe, folder);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
