using System.CommandLine;
using Wisp.Train.Eval;
using Wisp.Train.Eval.Tasks;

namespace Wisp.Cli;

/// <summary>What an examination was asked for.</summary>
internal sealed record EvalSettings(string? Model, IReadOnlyList<string> Tasks, EvalOptions Options)
{
    public string? Data { get; init; }

    public int Limit { get; init; }

    public int Threads { get; init; }

    /// <summary>The name of the files without the extension; null writes none.</summary>
    public string? Out { get; init; }

    public IReadOnlyList<string> TrainingText { get; init; } = [];

    public string? Against { get; init; }

    public string? Judge { get; init; }

    public string? Prompts { get; init; }

    public string? Comparisons { get; init; }
}

/// <summary>The options of <c>wisp eval</c>.</summary>
internal sealed class EvalArguments
{
    private readonly Option<string> _model = Models.Option();

    private readonly Option<string[]> _tasks = new("--tasks", "-t")
    {
        Description = "Names of tasks, text files to be foreseen, or: all, samples; with commas or blanks between " +
            "[default: all with --data, samples without]",
        AllowMultipleArgumentsPerToken = true, HelpName = "LIST",
    };

    private readonly Option<string> _data = new("--data", "-d")
    {
        Description = "Folder that holds test sets, in archives or loose, at any depth", HelpName = "DIR",
    };

    private readonly Option<int> _limit = new("--limit")
    {
        Description = "Items of a task at most, chosen by the seed; of texts so many kB; 0 means all", HelpName = "N",
    };

    private readonly Option<int> _shots = new("--shots")
    {
        Description = "Worked examples before each question, where the model continues text", HelpName = "N",
    };

    private readonly Option<int> _shuffles = new("--shuffles")
    {
        Description = "How often lettered choices are asked again in another order",
        DefaultValueFactory = _ => 1, HelpName = "N",
    };

    private readonly Option<bool> _chat = new("--chat")
    {
        Description = "Ask questions with choices as turns of a chat",
    };

    private readonly Option<ulong> _seed = new("--seed")
    {
        Description = "Of the choice of items, shuffles and intervals", DefaultValueFactory = _ => 1, HelpName = "N",
    };

    private readonly Option<string[]> _training = new("--training-text")
    {
        Description = "What the model learned from, to look for the tests in it: text, archives, .jsonl, or the " +
            "folder of a run",
        AllowMultipleArgumentsPerToken = true, HelpName = "PATH",
    };

    private readonly Option<string> _against = new("--against")
    {
        Description = "Another model: how often is the first one's answer better?", HelpName = "MODEL",
    };

    private readonly Option<string> _judge = new("--judge")
    {
        Description = "The reward model that says which answer is better", HelpName = "MODEL",
    };

    private readonly Option<string> _prompts = new("--prompts")
    {
        Description = "Conversations whose last answer both models write anew", HelpName = "FILE",
    };

    private readonly Option<string> _comparisons = new("--comparisons")
    {
        Description = "Comparisons that people made with `wisp label`", HelpName = "FILE",
    };

    private readonly Option<string> _out = new("--out", "-o")
    {
        Description = "Write FILE.json and FILE.md as well", HelpName = "FILE",
    };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "Threads; 0 means all cores", HelpName = "N",
    };

    public EvalArguments(Verb command)
    {
        command.Add("Examination", _model, _tasks, _data, _limit, _shots, _chat);
        command.Add("Guards", _training, _shuffles, _seed);
        command.Add("Comparison of models", _against, _judge, _prompts, _comparisons);
        command.Add("Run", _out, _threads);
    }

    /// <exception cref="UserException">Options are out of range or do not go together.</exception>
    public EvalSettings Read(ParseResult parse)
    {
        string[] names = [.. (parse.GetValue(_tasks) ?? []).SelectMany(list =>
            list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        var data = parse.GetValue(_data);
        string? against = parse.GetValue(_against), judge = parse.GetValue(_judge), prompts = parse.GetValue(_prompts),
            comparisons = parse.GetValue(_comparisons);
        if ((against is null) != (judge is null) || (against is null) != (prompts is null))
            throw new UserException(
                "--against, --judge and --prompts go together: another model, a reward model, and what to ask both.");
        foreach (var file in (string?[])[prompts, comparisons])
            if (file is not null && !File.Exists(file))
                throw new UserException($"{file}: there is no such file. Check the name.");
        if (names.Length == 0 && (data is not null || (against is null && comparisons is null)))
            names = [data is null ? "samples" : "all"];
        if (names.FirstOrDefault(name => name is not ("all" or "samples") && !TaskShelf.Names.Contains(name)
            && !File.Exists(name)) is { } unknown)
            throw new UserException(Unknown(unknown));
        return new EvalSettings(parse.GetValue(_model), names, new EvalOptions
        {
            Seed = parse.GetValue(_seed), Shots = Within(_shots, 64), Shuffles = Within(_shuffles, 100),
            AsChat = parse.GetValue(_chat),
        })
        {
            Data = data, Limit = Within(_limit, int.MaxValue), Threads = parse.GetValue(_threads), Against = against,
            Judge = judge, Prompts = prompts, Comparisons = comparisons, Out = Output(parse),
            TrainingText = parse.GetValue(_training) ?? [],
        };

        int Within(Option<int> option, int most) => parse.GetValue(option) is var value && value >= 0 && value <= most
            ? value : throw new UserException($"{option.Name} is {value}; the range is 0 to {most}.");
    }

    // FILE, FILE.json and FILE.md all mean the same two files.
    private string? Output(ParseResult parse)
    {
        if (parse.GetValue(_out) is not { } name)
            return null;
        name = Path.GetExtension(name) is ".json" or ".md" ? Path.ChangeExtension(name, null) : name;
        if (name.Length == 0 || Directory.Exists(name))
            throw new UserException($"'{name}': --out names a file, such as eval/base.");
        if (Path.GetDirectoryName(Path.GetFullPath(name)) is { } folder)
            Places.Make(folder);
        return name;
    }

    private static string Unknown(string name) => $"'{name}' is neither a task nor a text file. " +
        (UsageError.Closest(name.Replace('-', '_'), TaskShelf.Names) is { } near ? $"Did you mean {near}?"
            : $"Tasks are all, samples, {string.Join(", ", TaskShelf.Names)}.");
}
