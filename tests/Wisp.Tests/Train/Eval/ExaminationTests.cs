using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;
using Wisp.Train.Eval;
using Wisp.Train.Eval.Tasks;

namespace Wisp.Tests.Train.Eval;

public sealed class ExaminationTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    private static void Quiet(string stage, long done, long all)
    {
    }

    // A random model with the vocabulary of bytes, with or without a chat format.
    private EvalModel Model(bool chat = false, int seed = 1, int context = 256)
    {
        var path = _folder[$"{chat}{seed}{context}.gguf"];
        using (var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, tied: true, context), seed))
        {
            var writer = ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny");
            if (chat)
                writer.AddString("tokenizer.chat_template", ChatFormat.Template);
            writer.Write(path);
        }

        return new EvalModel(ModelFile.Open(path), _pool);
    }

    private static ChoiceTask Random(ChoiceForm form, int count)
    {
        var random = new Random(7);
        string Word() => new([.. Enumerable.Range(0, 4).Select(_ => (char)('a' + random.Next(26)))]);
        return new ChoiceTask("random", "test", [.. Enumerable.Range(0, count).Select(_ => new ChoiceItem(
            $"{Word()} {Word()}", [Word(), Word(), Word(), Word()], random.Next(4), form))]);
    }

    [Theory]
    [InlineData(ChoiceForm.Continuation)]
    [InlineData(ChoiceForm.Letters)]
    [InlineData(ChoiceForm.Beginning)]
    public void A_random_model_is_at_chance_within_its_interval(ChoiceForm form)
    {
        using var model = Model();
        var result = new Examination(model, new EvalOptions()).Run(Random(form, 120), Quiet);
        Assert.Equal(0.25, result.Chance);
        Assert.All(result.Metrics, metric => Assert.InRange(0.25, metric.Low, metric.High));
        Assert.Equal(120, result.PerItem.Count);
        Assert.Equal(result.Metrics[0].Value, result.PerItem.Average(), 12);
        Assert.Equal(form == ChoiceForm.Continuation
            ? ["acc", "acc_norm", "acc_token", "acc_pmi"] : ["acc"], result.Metrics.Select(metric => metric.Name));
        Assert.Equal(form == ChoiceForm.Letters, result.Controls.Any(control => control.Name == "choices shuffled"));
        Assert.Equal(form != ChoiceForm.Beginning, result.Controls.Any(control => control.Name == "question withheld"));
    }

    [Fact]
    public void Equal_seeds_examine_equally_and_a_limit_takes_the_same_items()
    {
        using var model = Model();
        var task = Random(ChoiceForm.Letters, 60).Limited(20, seed: 3);
        Assert.Equal(20, task.Count);
        Assert.Equal(task.Hash, Random(ChoiceForm.Letters, 60).Limited(20, seed: 3).Hash);
        Assert.NotEqual(task.Hash, Random(ChoiceForm.Letters, 60).Limited(20, seed: 4).Hash);
        var options = new EvalOptions { Seed = 3, Shots = 2 };
        TaskResult a = new Examination(model, options).Run(task, Quiet), b = new Examination(model, options).Run(
            task, Quiet);
        Assert.Equal(a.Metrics, b.Metrics);
        Assert.Equal(a.Controls, b.Controls);
        Assert.Equal(18, a.PerItem.Count); // two items went into the examples
    }

    [Fact]
    public void A_prompt_longer_than_the_context_loses_its_beginning_and_the_result_says_so()
    {
        using var model = Model(context: 64);
        var task = new ChoiceTask("long", "test",
            [new ChoiceItem(new string('x', 100), ["yes", "no"], 0, ChoiceForm.Continuation)]);
        var result = new Examination(model, new EvalOptions()).Run(task, Quiet);
        Assert.Contains("cut at the left", Assert.Single(result.Notes));
    }

    [Fact]
    public void Every_sample_task_can_be_held_without_any_file()
    {
        using EvalModel plain = Model(context: 512), chat = Model(chat: true, context: 512);
        foreach (var task in TaskShelf.Open(["samples"], null))
        {
            var small = task.Limited(3, seed: 1);
            Assert.True(small.Count > 0);
            foreach (var model in (EvalModel[])[plain, chat])
            {
                var result = new Examination(model, new EvalOptions()).Run(small, Quiet);
                Assert.True(
                    result.Metrics.Count > 0 || result.Notes[0].StartsWith("not asked", StringComparison.Ordinal));
                Assert.All(result.Metrics, metric => Assert.InRange(metric.Value, metric.Low, metric.High));
            }
        }
    }

    [Fact]
    public void Items_in_the_training_text_are_counted_and_the_rest_is_told_alone()
    {
        using var model = Model();
        var task = new ChoiceTask("seen", "test", [.. Enumerable.Range(0, 10).Select(i => new ChoiceItem(
            $"question {i} asks about one two three four five six seven eight", ["this", "that"], 0,
            ChoiceForm.Continuation))]);
        var result = new Examination(model, new EvalOptions()).Run(task, Quiet);
        var seen = Assert.Single(Examination.WithOverlap([task], [result],
            [Encoding.UTF8.GetBytes("a page. Question 3 asks about one, two three four five six seven eight: THIS!")],
            Quiet));
        Assert.Equal(new OverlapResult(13, 10, 1), seen.Overlap);
        var rest = seen.Controls.Single(control => control.Name == "items not in the training text");
        Assert.Equal(9, rest.Trials);
    }

    [Fact]
    public void A_report_survives_its_file_and_names_what_is_at_chance()
    {
        using var model = Model();
        var result = new Examination(model, new EvalOptions()).Run(Random(ChoiceForm.Letters, 40), Quiet);
        var report = new EvalReport
        {
            Model = "tiny|model", ModelHash = model.Hash, Parameters = 1, Date = DateTimeOffset.UnixEpoch,
            CommandLine = "./wisp eval", Seed = 1, Limit = 0, Shots = 0, Tasks = [result],
        };
        File.WriteAllText(_folder["report.json"], report.ToJson());
        var read = EvalReport.Read(_folder["report.json"]);
        Assert.Equal(report.ToJson(), read.ToJson());
        var page = EvalPages.Markdown(read);
        Assert.Contains("tiny\\|model", page);
        Assert.Contains($"| *{100 * result.Metrics[0].Value:0.0} %* |", page); // chance lies within: in italics
        File.WriteAllText(_folder["report.json"], "{}");
        Assert.StartsWith(_folder["report.json"], Assert.Throws<InvalidDataException>(
            () => EvalReport.Read(_folder["report.json"])).Message);
    }

    [Fact]
    public void People_s_comparisons_become_a_win_rate()
    {
        // By whom each of two answers was given, and which one was liked better; -1 likes both the same.
        (string, string, int)[] verdicts =
            [("a", "b", 0), ("a", "b", 1), ("c", "a", 1), ("b", "c", 0), ("a", "a", 0), ("b", "a", -1)];
        File.WriteAllLines(_folder["seen.jsonl"], verdicts.Select((verdict, i) => new LabelRecord
        {
            Kind = LabelKind.Judgment, Id = $"{i}", Labeller = "one", Time = DateTimeOffset.UnixEpoch, Seconds = 1,
            Shown = [0, 1],
            Ranking = verdict.Item3 switch { 0 => [[0], [1]], 1 => [[1], [0]], _ => [[0, 1]] },
            Comparison = new Comparison(new Conversation([new(Role.User, $"{i}?")]),
            [
                new Candidate(new(Role.Assistant, "x")) { ModelHash = Hash(verdict.Item1) },
                new Candidate(new(Role.Assistant, "y")) { ModelHash = Hash(verdict.Item2) },
            ]),
        }.ToJson().ToJsonString()));
        var metric = WinRate.ByPeople(_folder["seen.jsonl"], Hash("a"), seed: 1).Metrics[0];
        Assert.Equal((2.5 / 4, 4L), (metric.Value, metric.Trials)); // two won, one lost, one drawn
        Assert.Throws<InvalidDataException>(() => WinRate.ByPeople(_folder["seen.jsonl"], Hash("d"), seed: 1));

        static string Hash(string letter) => string.Concat(Enumerable.Repeat(letter, 64));
    }

    [Fact]
    public void A_task_that_is_not_there_is_refused_with_what_is()
    {
        var fault = Assert.Throws<InvalidDataException>(() => TaskShelf.Open(["arc_easy"], _folder.Path));
        Assert.Contains("holds no files of it", fault.Message);
        Assert.Contains("sample_facts", Assert.Throws<InvalidDataException>(
            () => TaskShelf.Open(["arc_hard"], null)).Message);
        Assert.Contains("no such folder", Assert.Throws<InvalidDataException>(
            () => TaskShelf.Open(["all"], _folder["nowhere"])).Message);
    }

    [Fact, Trait("cost", "medium")]
    public void Every_test_set_of_the_shared_folder_is_read_whole()
    {
        var tasks = TaskShelf.Open(["all"], GoldenFile.PathOrSkip("data"))
            .ToDictionary(task => task.Name, task => task.Count);
        // Counts that the sets' own papers and files give.
        foreach (var (name, count) in ((string, int)[])[("arc_easy", 2376), ("arc_challenge", 1172), ("piqa", 1838),
            ("copa", 100), ("winogrande", 1267), ("wsc273", 273), ("boolq", 3270), ("openbookqa", 500),
            ("commonsenseqa", 1221), ("aqua", 254), ("gsm8k", 1319), ("svamp", 1000), ("addsub", 395),
            ("multiarith", 600), ("singleeq", 508), ("fairytaleqa", 1007), ("sgd", 2098), ("bfcl", 2551)])
            Assert.Equal((name, count), (name, tasks[name]));
        Assert.InRange(tasks["mmlu"], 14_000, 14_100);
    }
}
