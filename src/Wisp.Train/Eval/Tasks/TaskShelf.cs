namespace Wisp.Train.Eval.Tasks;

/// <summary>All tasks by name, and where their items come from.</summary>
public static class TaskShelf
{
    private static readonly (string Name, string File)[] s_texts =
    [
        ("wikitext2", "wikitext2-test.txt"), ("tinyshakespeare", "tinyshakespeare.txt"),
        ("tinystories", "tinystories-sample.txt"),
    ];

    private static IEnumerable<(string Name, Func<TaskFiles, EvalTask?> Open)> Known =>
    [
        .. s_texts.Select(text => (text.Name, (Func<TaskFiles, EvalTask?>)(files =>
            files.Find(text.File) is { } path ? new TextTask(text.Name, text.File, TaskFiles.Whole(path)) : null))),
        .. ChoiceSets.All, .. NumberSets.All, .. PassageSets.All, .. CallSets.All,
    ];

    /// <summary>The names of all tasks.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. SampleSets.Names, .. Known.Select(task => task.Name)];

    /// <summary>
    /// Opens tasks: by name, by the path of a text file to be foreseen, or <c>all</c>, which is whatever the folder
    /// holds; without a folder, what the project makes itself.
    /// </summary>
    /// <param name="folder">Where test sets lie; null where there are none.</param>
    /// <exception cref="InvalidDataException">A task is not known, or its files are not in the folder.</exception>
    public static IReadOnlyList<EvalTask> Open(IReadOnlyList<string> names, string? folder)
    {
        var files = folder is null ? null : new TaskFiles(folder);
        var tasks = new List<EvalTask>();
        foreach (var name in names)
        {
            if (name == "all" && files is not null)
                tasks.AddRange(Known.Select(task => task.Open(files)).OfType<EvalTask>());
            else if (name is "all" or "samples")
                tasks.AddRange(SampleSets.Names.Select(SampleSets.Open));
            else if (SampleSets.Names.Contains(name))
                tasks.Add(SampleSets.Open(name));
            else if (Known.FirstOrDefault(task => task.Name == name) is { Open: { } open })
                tasks.Add((files is null ? null : open(files)) ?? throw new InvalidDataException(
                    files is null ? $"{name}: its items are in no file that was named. Give their folder: --data DIR."
                        : $"{name}: {folder} holds no files of it. Give the folder that does: --data DIR."));
            else if (File.Exists(name))
                tasks.Add(new TextTask(Path.GetFileName(name), Path.GetFileName(name), TaskFiles.Whole(name)));
            else
                throw new InvalidDataException(
                    $"{name}: neither a task nor a text file. Tasks are all, samples, {string.Join(", ", Names)}.");
        }

        if (tasks.Count == 0)
            throw new InvalidDataException($"{folder}: holds no test set that is known. Those are " +
                $"{string.Join(", ", Known.Select(task => task.Name))}.");
        return [.. tasks.DistinctBy(task => task.Name)];
    }
}
