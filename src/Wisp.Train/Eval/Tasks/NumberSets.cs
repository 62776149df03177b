using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Wisp.Train.Eval.Scoring;

namespace Wisp.Train.Eval.Tasks;

/// <summary>Word problems whose answer is a number.</summary>
internal static partial class NumberSets
{
    private const string Reasoning = "small-reasoning-sets.tar.zst";

    public static IEnumerable<(string Name, Func<TaskFiles, EvalTask?> Open)> All =>
    [
        ("gsm8k", Gsm8k),
        ("svamp", files => Reasoned(files, "svamp", "SVAMP/SVAMP.json", node => new NumberItem(
            $"{Text(node["Body"]).TrimEnd('.', ' ')}. {Text(node["Question"])}", Number(node["Answer"]!)))),
        ("addsub", files => Reasoned(files, "addsub", "AddSub/AddSub.json", Solved)),
        ("multiarith", files => Reasoned(files, "multiarith", "MultiArith/MultiArith.json", Solved)),
        ("singleeq", files => Reasoned(files, "singleeq", "SingleEq/questions.json", Solved)),
    ];

    // Cobbe et al. 2021, arXiv:2110.14168: train and test lie side by side in a folder of their own.
    private static NumberTask? Gsm8k(TaskFiles files)
    {
        const string Entry = "gsm8k/test.jsonl";
        if (files.Find(Entry) is not { } test)
            return null;
        return new NumberTask("gsm8k", Entry, Items(test))
        {
            Worked = files.Find("gsm8k/train.jsonl") is { } train ? [.. Items(train).Take(64)] : [],
        };

        static IReadOnlyList<NumberItem> Items(string path) =>
            [.. TaskFiles.Objects(TaskFiles.Whole(path), path, node =>
            {
                var worked = Text(node["answer"]);
                return new NumberItem(
                    Text(node["question"]), NumberAnswer.In(worked) ?? throw new FormatException("no answer"),
                    Marks().Replace(worked, ""));
            })];
    }

    private static NumberTask? Reasoned(
        TaskFiles files, string name, string entry, Func<JsonNode, NumberItem> read) =>
        files.Has(Reasoning, entry) ? new NumberTask(
            name, Path.GetFileName(entry), [.. TaskFiles.Objects(files.Read(Reasoning, entry), entry, read)]) : null;

    private static NumberItem Solved(JsonNode node) => new(
        Blanks().Replace(Text(node["sQuestion"]), " ").Trim(), Number(node["lSolutions"]![0]!));

    private static string Text(JsonNode? node) => node!.GetValue<string>();

    // Some sets write answers as texts.
    private static decimal Number(JsonNode node) => node.GetValueKind() == JsonValueKind.String
        ? decimal.Parse(node.GetValue<string>(), CultureInfo.InvariantCulture)
        : decimal.Parse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture);

    [GeneratedRegex("<<[^>]*>>")]
    private static partial Regex Marks();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
