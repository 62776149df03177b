using System.Text.Json.Nodes;

namespace Wisp.Train.Eval.Tasks;

/// <summary>Sets of questions with choices, in the shapes that they are handed on in.</summary>
internal static class ChoiceSets
{
    private const string Small = "small-benchmarks.tar.zst", Reasoning = "small-reasoning-sets.tar.zst",
        Mmlu = "mmlu.tar.zst";

    /// <summary>By name: the file, what is between question and choice, and what the field quotes.</summary>
    private static readonly (string Name, string Entry, string Cue, ChoiceScore Quoted)[] s_small =
    [
        ("arc_easy", "world_knowledge/arc_easy.jsonl", "\nAnswer:", ChoiceScore.Raw),
        ("arc_challenge", "world_knowledge/arc_challenge.jsonl", "\nAnswer:", ChoiceScore.PerByte),
        ("openbookqa", "commonsense_reasoning/openbook_qa.jsonl", "", ChoiceScore.PerByte),
        ("piqa", "commonsense_reasoning/piqa.jsonl", "Answer:", ChoiceScore.Raw),
        ("copa", "commonsense_reasoning/copa.jsonl", "", ChoiceScore.Raw),
        ("siqa", "commonsense_reasoning/siqa.jsonl", "", ChoiceScore.Raw),
        ("winogrande", "language_understanding/winogrande.jsonl", "", ChoiceScore.Raw),
        ("wsc273", "language_understanding/winograd_wsc.jsonl", "", ChoiceScore.Raw),
        ("boolq", "reading_comprehension/boolq.jsonl", "\nAnswer:", ChoiceScore.Raw),
        ("strategyqa", "commonsense_reasoning/bigbench_strategy_qa.jsonl", "", ChoiceScore.Raw),
        ("novel_concepts", "commonsense_reasoning/bigbench_novel_concepts.jsonl", "", ChoiceScore.Raw),
        ("strange_stories", "commonsense_reasoning/bigbench_strange_stories.jsonl", "", ChoiceScore.Raw),
    ];

    public static IEnumerable<(string Name, Func<TaskFiles, EvalTask?> Open)> All
    {
        get
        {
            foreach (var (name, entry, cue, quoted) in s_small)
                yield return (name, files => files.Has(Small, entry) ? new ChoiceTask(
                    name, Path.GetFileName(entry), [.. TaskFiles.Objects(files.Read(Small, entry), entry,
                        node => Item(node, cue))], quoted) : null);
            yield return ("commonsenseqa", files => files.Has(Reasoning, "CommonsenseQA/dev_rand_split.jsonl")
                ? CommonsenseQa(files) : null);
            yield return ("aqua", files => files.Has(Reasoning, "AQuA/test.json") ? Aqua(files) : null);
            yield return ("mmlu", files => files.Find(Mmlu) is not null ? MmluTask(files) : null);
        }
    }

    // One of three shapes: texts before a common end, letters in the query, or choices that go on with the query.
    private static ChoiceItem Item(JsonNode node, string cue)
    {
        var gold = node["gold"]!.GetValue<int>();
        if (node["context_options"] is JsonArray beginnings)
            return Checked(new ChoiceItem(
                node["continuation"]!.GetValue<string>(), Strings(beginnings), gold, ChoiceForm.Beginning));
        var query = node["query"]!.GetValue<string>();
        var choices = Strings(node["choices"]!.AsArray());
        if (choices.All(choice => choice.Length == 1 && char.IsAsciiLetterUpper(choice[0]))
            && Lettered(query, choices.Length) is var (stem, texts))
            return Checked(new ChoiceItem(stem, texts, gold, ChoiceForm.Letters));
        return Checked(new ChoiceItem(
            query.EndsWith('\n') ? query + cue : query.TrimEnd() + cue, choices, gold, ChoiceForm.Continuation));
    }

    /// <summary>Takes a question apart whose choices stand in it as lines "A. ..."; null where they do not.</summary>
    internal static (string Stem, string[] Choices)? Lettered(string query, int count)
    {
        var lines = query.Split('\n');
        var first = Array.FindIndex(lines, line => line.StartsWith("A. ", StringComparison.Ordinal));
        if (first < 0 || first + count > lines.Length)
            return null;
        var choices = new string[count];
        for (var i = 0; i < count; i++)
        {
            if (!lines[first + i].StartsWith($"{(char)('A' + i)}. ", StringComparison.Ordinal))
                return null;
            choices[i] = lines[first + i][3..].Trim();
        }

        return (string.Join('\n', lines.Take(first).Where(line => line != "Choices:")), choices);
    }

    private static ChoiceTask CommonsenseQa(TaskFiles files)
    {
        const string Entry = "CommonsenseQA/dev_rand_split.jsonl";
        return new ChoiceTask("commonsenseqa", Path.GetFileName(Entry),
            [.. TaskFiles.Objects(files.Read(Reasoning, Entry), Entry, node => Checked(new ChoiceItem(
                "Question: " + node["question"]!["stem"]!.GetValue<string>(),
                [.. node["question"]!["choices"]!.AsArray().Select(choice => choice!["text"]!.GetValue<string>())],
                node["answerKey"]!.GetValue<string>()[0] - 'A', ChoiceForm.Letters)))]);
    }

    private static ChoiceTask Aqua(TaskFiles files)
    {
        const string Entry = "AQuA/test.json";
        return new ChoiceTask("aqua", Entry,
            [.. TaskFiles.Objects(files.Read(Reasoning, Entry), Entry, node => Checked(new ChoiceItem(
                "Question: " + node["question"]!.GetValue<string>(),
                [.. Strings(node["options"]!.AsArray()).Select(option => option[2..].Trim())], // behind "A)"
                node["correct"]!.GetValue<string>()[0] - 'A', ChoiceForm.Letters)))]);
    }

    // Hendrycks et al. 2021, arXiv:2009.03300: the subject in a sentence above, letters, five solved items to show.
    private static ChoiceTask MmluTask(TaskFiles files)
    {
        List<ChoiceItem> test = [], worked = [];
        foreach (var (name, content) in files.Entries(Mmlu).OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!name.EndsWith("_test.csv", StringComparison.Ordinal)
                && !name.EndsWith("_dev.csv", StringComparison.Ordinal))
                continue;
            var file = Path.GetFileNameWithoutExtension(name);
            var subject = file[..file.LastIndexOf('_')];
            (file.EndsWith("_dev", StringComparison.Ordinal) ? worked : test).AddRange(
                Csv.Read(content, name).Skip(1).Select((fields, i) => fields.Length == 6
                    && int.TryParse(fields[5], out var gold)
                    ? Checked(new ChoiceItem("Question: " + fields[0].Trim(), fields[1..5], gold, ChoiceForm.Letters,
                        subject))
                    : throw new InvalidDataException(
                        $"{name}: record {i + 2} has {fields.Length} fields, and 6 are needed. Fetch the set again.")));
        }

        return new ChoiceTask("mmlu", Mmlu, test) { Worked = worked };
    }

    private static string[] Strings(JsonArray items) => [.. items.Select(item => item!.GetValue<string>())];

    private static ChoiceItem Checked(ChoiceItem item) =>
        item.Gold >= 0 && item.Gold < item.Choices.Count && item.Choices.Count is >= 2 and <= 26
        && item.Stem.Length > 0 && item.Choices.All(choice => choice.Length > 0) ? item
            : throw new FormatException($"answer {item.Gold} of {item.Choices.Count} choices");
}
