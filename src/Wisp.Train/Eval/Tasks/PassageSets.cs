using Wisp.Train.Data;

namespace Wisp.Train.Eval.Tasks;

/// <summary>Questions about passages: FairytaleQA, Xu et al. 2022, arXiv:2203.13947, its test split.</summary>
internal static class PassageSets
{
    private const string Archive = "fairytaleqa.tar.zst", Questions = "/questions/test/",
        Stories = "/section-stories/test/";

    public static IEnumerable<(string Name, Func<TaskFiles, EvalTask?> Open)> All =>
        [("fairytaleqa", files => files.Find(Archive) is null ? null : Fairytales(files))];

    private static PassageTask Fairytales(TaskFiles files)
    {
        var entries = files.Entries(Archive);
        var items = new List<PassageItem>();
        foreach (var (name, content) in entries.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var at = name.IndexOf(Questions, StringComparison.Ordinal);
            if (at < 0)
                continue;
            var story = name[..at] + Stories
                + name[(at + Questions.Length)..].Replace("-questions.csv", "-story.csv", StringComparison.Ordinal);
            if (!entries.TryGetValue(story, out var text))
                throw new InvalidDataException($"{Archive}: holds {CorpusFiles.Printable(name)} and not its story.");
            var sections = Csv.Read(text, story).Skip(1)
                .ToDictionary(fields => fields[0], fields => fields[1].ReplaceLineEndings(" ").Trim());
            items.AddRange(Csv.Read(content, name).Skip(1).Select(fields => Item(fields, sections, name)));
        }

        return new PassageTask("fairytaleqa", Archive, items);
    }

    // Columns: id, local-or-sum, cor_section, attribute1, attribute2, question, ex-or-im1, answer1 to 3, ex-or-im2,
    // answer4 to 6. A question about several sections names them with commas.
    private static PassageItem Item(string[] fields, Dictionary<string, string> sections, string name)
    {
        if (fields.Length < 8)
            throw new InvalidDataException($"{name}: a record of {fields.Length} fields; 8 are the least.");
        var passage = string.Join(' ', fields[2].Split(',', StringSplitOptions.TrimEntries)
            .Select(section => sections.GetValueOrDefault(section, "")));
        string[] answers = [.. fields[7..Math.Min(10, fields.Length)], .. fields.Skip(11).Take(3)];
        answers = [.. answers.Where(answer => answer.Length > 0)];
        return passage.Length > 0 && answers.Length > 0 ? new PassageItem(passage, fields[5], answers)
            : throw new InvalidDataException($"{name}: question {fields[0]} has no passage or no answer.");
    }
}
