using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Wisp.Tests.Cli;
using Wisp.Tests.Train.Align.Labels;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Labels;

public sealed class LabelCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Put(string name, string text) => _folder.Put(name, Encoding.UTF8.GetBytes(text));

    [Theory]
    [InlineData("--prompts nowhere.txt", "nowhere.txt")]
    [InlineData("", "Name the prompts: --prompts FILE")]
    [InlineData("--candidates c.jsonl --prompts p.txt", "--prompts cannot be given with --candidates")]
    [InlineData("--candidates c.jsonl -m x", "--model cannot be given with --candidates")]
    [InlineData("--candidates empty.jsonl", "holds no candidates")]
    [InlineData("--candidates one.jsonl", "one.jsonl:1: 1 candidates; two to 4 are compared")]
    [InlineData("--candidates same.jsonl", "same.jsonl:1: Candidates 1 and 2 are the same answer")]
    [InlineData("--candidates none.jsonl", "none.jsonl:1: has no list 'candidates'; the fields are prompt")]
    [InlineData("--candidates role.jsonl", "role.jsonl:1, candidates[1]: is a turn of the user")]
    [InlineData("--prompts p.txt --count 5", "--count is 5; the range is 2 to 4")]
    [InlineData("--prompts p.txt --count 3 --versus x", "with --versus each of the two models gives one answer")]
    [InlineData("--prompts p.txt --out l.txt", "a label file ends in .jsonl")]
    [InlineData("--prompts p.txt --out c.jsonl", "c.jsonl:1: is no line of a label file")]
    [InlineData("--prompts p.txt --labeller ", "--labeller takes a name")]
    [InlineData("--prompts p.txt --repeat 2", "--repeat is 2; the range is 0 to 1")]
    [InlineData("--prompts p.txt --port 70000", "--port is 70000")]
    [InlineData("--prompts p.txt --tokens 0", "--tokens is 0")]
    [InlineData("--prompts empty.txt", "There are no prompts")]
    [InlineData("--prompts p.txt -m base.gguf", "has no chat template")]
    public void A_faulty_command_line_is_one_line(string options, string expected)
    {
        Put("p.txt", "Hello?\n");
        Put("empty.txt", "\n\n");
        Put("empty.jsonl", "");
        Put("c.jsonl", """{"prompt": "1", "candidates": ["x", "y"]}""" + "\n");
        Put("one.jsonl", """{"prompt": "1", "candidates": ["x"]}""");
        Put("same.jsonl", """{"prompt": "1", "candidates": ["x", " x"]}""");
        Put("none.jsonl", """{"prompt": "1"}""");
        Put("role.jsonl", """{"prompt": "1", "candidates": ["x", {"role": "user", "content": "y"}]}""");
        if (options.Contains("base.gguf"))
            TwoFiles.TinyModel.Write(_folder["base.gguf"], Wisp.Compute.DType.F32);
        string[] words = [.. options.Split(' ').Select(word =>
            word.Contains('.') && !word.Contains("nowhere") ? _folder[word] : word)];
        string[] given = words is [""] ? [] : words;
        string[] out_ = given.Contains("--out") ? [] : ["--out", _folder["l.jsonl"]];
        var run = CommandLineRun.Of(["label", .. given, .. out_]);
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.StartsWith("wisp: ", run.Error);
        Assert.Contains(expected, run.Error);
        Assert.Single(run.Error.Trim().Split('\n'));
    }

    [Fact]
    public void Figures_are_told_in_the_terminal_and_as_json()
    {
        using (var log = LabelLog.Open(_folder["l.jsonl"]))
        {
            for (var i = 0; i < 10; i++)
            {
                var comparison = Judged.Comparison($"{i}", "old:x", "new:y");
                log.Append(Judged.Record(comparison, "Ann", i < 8 ? "1>0" : "0>1"));
                log.Append(Judged.Record(comparison, "Ben\u001b[2J", i < 7 ? "1>0" : i == 7 ? "0=1" : "0>1"));
                if (i % 3 == 0)
                    log.Append(Judged.Record(comparison, "Ann", "1>0", repeat: true));
            }
        }

        var text = CommandLineRun.Good("label", "stats", _folder["l.jsonl"]);
        Assert.Contains("Ann                       14 judgments, 0 skips, 2.5 s for one (median)", text);
        Assert.Contains("with themself           the same on 75.0 % of 4", text.Replace("75.0%", "75.0 %"));
        Assert.Matches(@"Ann and Ben.*  the same on 90\.0 ?% of 10 \(95 % interval .*; kappa 0\.7\d \(", text);
        Assert.Matches(
            @"new over old  +78\.9 ?% of 19 \(95 % interval 56\.7 ?% to 91\.5 ?%\), 1 ties beside them", text);
        Assert.DoesNotContain('\u001b', text);
        var json = JsonNode.Parse(CommandLineRun.Good("label", "stats", _folder["l.jsonl"], "--json"))!;
        Assert.Equal((15, 4, 1), ((int)json["win_rates"]![0]!["wins"]!, (int)json["win_rates"]![0]!["losses"]!,
            (int)json["win_rates"]![0]!["ties"]!));
        Assert.Equal((0.567, 0.9149), (Math.Round((double)json["win_rates"]![0]!["rate"]!["low"]!, 3),
            (double)json["win_rates"]![0]!["rate"]!["high"]!));
        Assert.Equal(19, (int)json["pairs"]!);
        Assert.Contains("is no line of a label file", CommandLineRun.Of(
            "label", "stats", Put("c.jsonl", """{"prompt": "1"}""")).Error);
    }

    [Fact, Trait("cost", "medium")]
    public async Task After_a_kill_everything_that_was_answered_is_there()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        const string Answers = """[{"content": "x", "model": "A"}, {"text": "y", "model": "B", "seed": 3}]""";
        var candidates = Put("c.jsonl", string.Concat(Enumerable.Range(0, 9).Select(
            i => $$"""{"prompt": "{{i}}", "candidates": {{Answers}}}""" + "\n")));
        for (var start = 0; start < 3; start++)
        {
            using var program = Start(candidates);
            var url = await Url(program);
            using var http = new HttpClient { BaseAddress = new Uri(url.GetLeftPart(UriPartial.Authority)) };
            http.DefaultRequestHeaders.Add("X-Wisp-Token", url.Fragment[1..]);
            var current = await http.GetFromJsonAsync<JsonObject>("/api/current");
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal($"{(3 * start) + i}", current!["prompt"]![0]!["text"]!.ToString());
                using var response = await http.PostAsJsonAsync("/api/judgment", new JsonObject
                {
                    ["id"] = current["id"]!.DeepClone(), ["places"] = new JsonArray(0), ["seconds"] = 0.01,
                });
                current = await response.Content.ReadFromJsonAsync<JsonObject>();
            }

            Assert.Equal(start < 2 ? "judge" : "done", current!["state"]!.ToString());
            if (start < 2)
            {
                program.Kill(); // SIGKILL
                await program.WaitForExitAsync();
                // As if the kill had met it in the middle of a write.
                await File.AppendAllTextAsync(_folder["l.jsonl"], "{\"label\":\"judgment\",\"id\":\"to");
                continue;
            }

            using (var signal = Process.Start("kill", ["-TERM", program.Id.ToString(CultureInfo.InvariantCulture)]))
                await signal.WaitForExitAsync();
            var rest = await program.StandardOutput.ReadToEndAsync();
            await program.WaitForExitAsync();
            Assert.Equal((0, ""), (program.ExitCode, await program.StandardError.ReadToEndAsync()));
            Assert.Contains("of Ann: 9 judgments, 0 skips", rest);
        }

        Assert.Equal(9, PreferenceReader.Read(_folder["l.jsonl"]).Count());
    }

    private Process Start(string candidates) => Process.Start(new ProcessStartInfo("dotnet",
    [
        Path.Combine(AppContext.BaseDirectory, "wisp.dll"), "label", "--candidates", candidates, "--out",
        _folder["l.jsonl"], "--labeller", "Ann", "--repeat", "0",
    ])
    {
        RedirectStandardOutput = true, RedirectStandardError = true,
    })!;

    private static async Task<Uri> Url(Process program)
    {
        while (await program.StandardOutput.ReadLineAsync() is { } line)
            if (line.IndexOf("http://127.0.0.1:", StringComparison.Ordinal) is >= 0 and var at)
                return new Uri(line[at..]);
        throw new InvalidOperationException(await program.StandardError.ReadToEndAsync());
    }
}
