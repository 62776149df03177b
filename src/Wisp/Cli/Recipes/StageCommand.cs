using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Cli.Recipes;

/// <summary>What a stage leaves behind.</summary>
internal enum StageProduct
{
    /// <summary>A file that later stages read.</summary>
    File,

    /// <summary>The folder of a run that ends with a model.</summary>
    Model,

    /// <summary>The folder of a run whose model scores answers and writes none.</summary>
    Judge,

    /// <summary>The outcome of an examination.</summary>
    Examination,
}

/// <summary>A command of the program as a stage of a recipe: which options it has and what it leaves.</summary>
internal sealed class StageCommand
{
    // What `wisp train all` decides itself.
    private static readonly string[] s_reserved = ["--out", "--resume", "--help", "--version", "--simd"];

    // Options that decide no bit of the weights, so a run that goes on may be given them again.
    private static readonly string[] s_habits =
        ["--threads", "--evals", "--save-minutes", "--eval-tokens", "--sample-prompt", "--sample-tokens"];

    private StageCommand(string name, Command command, string[] words) => (Name, Command, Words) =
        (name, command, words);

    public string Name { get; }

    public Command Command { get; }

    /// <summary>The words that call it.</summary>
    public string[] Words { get; }

    public StageProduct Product => Name switch
    {
        "lessons" or "tokenizer" => StageProduct.File,
        "reward" => StageProduct.Judge,
        "eval" => StageProduct.Examination,
        _ => StageProduct.Model,
    };

    /// <summary>The names of its options as fields of a recipe.</summary>
    public IReadOnlyList<string> Fields => [.. Options.Select(option => option.Name[2..])];

    public IEnumerable<Option> Options => Command.Options.Where(option =>
        !s_reserved.Contains(option.Name) && option.Name.StartsWith("--", StringComparison.Ordinal));

    public bool Has(string option) => Command.Options.Any(o => o.Name == option);

    /// <summary>All commands that can be stages.</summary>
    public static IReadOnlyList<StageCommand> Of(Command root)
    {
        var train = root.Subcommands.Single(command => command.Name == "train");
        return
        [
            .. train.Subcommands.Where(command => command.Name is not ("all" or "card"))
                .Select(command => new StageCommand(command.Name, command, ["train", command.Name])),
            .. root.Subcommands.Where(command => command.Name == "eval")
                .Select(command => new StageCommand("eval", command, ["eval"])),
        ];
    }

    /// <summary>Where its product goes.</summary>
    public string ProductPath(string folder, string stage) => Name switch
    {
        "lessons" => Path.Combine(folder, stage + ".jsonl"),
        "tokenizer" => Path.Combine(folder, stage + ".gguf"),
        _ => Path.Combine(folder, stage),
    };

    /// <summary>The options of a stage as words of a command line.</summary>
    /// <param name="resolve">Makes a value of an option a path, where it is one.</param>
    public List<string> Arguments(RecipeStage stage, Func<string, string, string> resolve)
    {
        Recipe.Refuse(stage.Options.Select(field => field.Key), Fields, stage.Where);
        var words = new List<string>();
        foreach (var (field, value) in stage.Options)
        {
            var option = "--" + field;
            var items = value is JsonArray list ? [.. list] : new[] { value };
            foreach (var item in items)
                switch (item?.GetValueKind())
                {
                    case JsonValueKind.True:
                        words.Add(option);
                        break;
                    case JsonValueKind.False:
                        break;
                    case JsonValueKind.Number:
                        words.AddRange([option, item.ToJsonString()]);
                        break;
                    case JsonValueKind.String:
                        // One word, so that a value may begin with a dash.
                        words.Add($"{option}={resolve(option, item.GetValue<string>())}");
                        break;
                    default:
                        throw new UserException($"{stage.Where}: '{field}' is a JSON {item?.GetValueKind().ToString()
                            ?? "null"}; texts, numbers, true, false and lists of them are options.");
                }
        }

        return words;
    }

    /// <summary>Of the words of a stage those that a run which goes on is given again.</summary>
    public static IEnumerable<string> Habits(IReadOnlyList<string> words)
    {
        for (var i = 0; i < words.Count; i++)
        {
            var option = words[i].Split('=')[0];
            if (!s_habits.Contains(option))
                continue;
            yield return words[i];
            if (!words[i].Contains('=') && i + 1 < words.Count)
                yield return words[i + 1];
        }
    }
}
