using Wisp.Tests.Golden;

namespace Wisp.Tests.Cli;

/// <summary>A model without a vocabulary, used as it can be: on ids.</summary>
public sealed class RunIdsTests
{
    private static string Stories => GoldenFile.PathOrSkip("data/models/stories260K.bin");

    [Fact]
    public void The_stories_model_continues_ids()
    {
        var run = CommandLineRun.Of("run", "-m", Stories, "--ids", "1,403,407", "-n", "5", "-t", "0");
        Assert.Equal((0, ""), (run.Code, run.Error));
        var ids = run.Output.Split(' ').Select(int.Parse).ToArray();
        Assert.Equal([1, 403, 407], ids[..3]);
        Assert.Equal(8, ids.Length);
        // From another beginning of the same text: argmax depends on all ids before and nothing else.
        Assert.Equal(run.Output, CommandLineRun.Good(
            "run", "-m", Stories, "--ids", string.Join(' ', ids[..5]), "-n", "3", "-t", "0"));
        // What stands in Llama2CTests, from the arithmetic of run.c in float64.
        Assert.Equal("1 461 461 401 401 401 461 378 455\n",
            CommandLineRun.Good("run", "-m", Stories, "--ids", "1", "-n", "8", "-t", "0"));
    }

    [Fact]
    public void A_seed_gives_the_same_ids()
    {
        string[] args = ["run", "-m", Stories, "--ids", "1", "-n", "20", "-s", "7"];
        var one = CommandLineRun.Of(args);
        Assert.Equal((0, "[seed 7]\n"), (one.Code, one.Error));
        Assert.Equal(one.Output, CommandLineRun.Good(args));
        Assert.NotEqual(one.Output, CommandLineRun.Good("run", "-m", Stories, "--ids", "1", "-n", "20", "-s", "8"));
    }

    [Fact]
    public void Bad_input_is_one_clear_error()
    {
        Fails("holds no tokenizer, so it reads and writes token ids only: wisp run --ids", "-p", "Once");
        Fails("--ids continues token ids and --prompt is for text", "--ids", "1", "-p", "Once");
        Fails("--ids continues token ids and --stop is for text", "--ids", "1", "--stop", "x");
        Fails("--ids continues token ids and --json is for text", "--ids", "1", "--json");
        Fails("There is no token 512: the vocabulary has 512", "--ids", "512");
        Fails("'a' is no token id", "--ids", "a");
        Fails("--ids holds no token id", "--ids", " ");
        Fails("--temperature", "--ids", "1", "-t", "-1");
        Fails("The prompt has 9 tokens, and the context holds 8", "--ids", "1 2 3 4 5 6 7 8 9", "--context", "8");
        Fails("--context is 513, and the model was trained for 512 tokens", "--ids", "1", "--context", "513");
    }

    private static void Fails(string says, params string[] args)
    {
        var run = CommandLineRun.Of(["run", "-m", Stories, .. args]);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(says, run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }
}
