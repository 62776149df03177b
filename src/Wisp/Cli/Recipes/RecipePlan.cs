using System.CommandLine;

namespace Wisp.Cli.Recipes;

/// <summary>One thing to do: a stage, or one model of a stage that examines several.</summary>
/// <param name="Words">The command line without the place of its product.</param>
/// <param name="Product">The place: a file or a folder.</param>
/// <param name="Reads">Files and folders that it reads, in the order of its options.</param>
internal sealed record RecipeStep(
    RecipeStage Stage, StageCommand Command, string Name, IReadOnlyList<string> Words, string Product,
    IReadOnlyList<string> Reads)
{
    /// <summary>Where it is written down that the step has been done, and with what.</summary>
    public string RecordPath => Product + (Command.Product == StageProduct.File ? ".done.json" : ".stage.json");

    public IReadOnlyList<string> CommandLine => [.. Command.Words, .. Words, $"--out={Product}"];
}

/// <summary>A recipe as steps, its references resolved and its options understood before the first is taken.</summary>
internal sealed class RecipePlan
{
    // Options whose values are files, folders or models.
    private static readonly string[] s_paths =
        ["--data", "--model", "--tokenizer", "--reference", "--training-text", "--against", "--judge", "--prompts",
            "--comparisons", "--reward"];

    private static readonly string[] s_models = ["--model", "--reference", "--against", "--tokenizer"];

    // Models by file, or programs by a name that only the command knows.
    private static readonly string[] s_scorers = ["--judge", "--reward"];

    private readonly RootCommand _root;
    private readonly Recipe _recipe;
    private readonly string _home, _folder;
    private readonly List<RecipeStep> _steps = [];

    /// <param name="home">The folder of the recipe, which its paths start from.</param>
    /// <param name="folder">Where all products go.</param>
    /// <exception cref="UserException">Something in the recipe cannot be done; the message names the stage.</exception>
    public RecipePlan(RootCommand root, Recipe recipe, string home, string folder)
    {
        (_root, _recipe, _home, _folder) = (root, recipe, home, folder);
        var commands = StageCommand.Of(root);
        foreach (var stage in recipe.Stages)
        {
            var command = commands.FirstOrDefault(c => c.Name == stage.Command) ?? throw new UserException(
                $"{stage.Where}: there is no stage '{Terminal.Clean(stage.Command)}'. " +
                (UsageError.Closest(stage.Command, commands.Select(c => c.Name)) is { } near
                    ? $"Did you mean '{near}'?"
                    : $"The stages are {string.Join(", ", commands.Select(c => c.Name))}."));
            Add(stage, command);
        }
    }

    public IReadOnlyList<RecipeStep> Steps => _steps;

    /// <summary>Paths below the folder as they stay when it is moved or called by another name.</summary>
    public string Kept(string word) =>
        word.Replace(_folder + Path.DirectorySeparatorChar, "@/", StringComparison.Ordinal);

    /// <summary>The command line of a step, understood.</summary>
    public ParseResult Parse(RecipeStep step, IReadOnlyList<string> words)
    {
        var parse = _root.Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parse.Errors.Count == 0 ? parse
            : throw new UserException($"{step.Stage.Where}: {UsageError.Describe(parse)}");
    }

    private void Add(RecipeStage stage, StageCommand command)
    {
        // An examination of several models is one step for each.
        if (command.Product == StageProduct.Examination
            && stage.Options["model"] is System.Text.Json.Nodes.JsonArray { Count: > 0 } models)
        {
            foreach (var model in models.Select(model => model!.ToString()))
            {
                var options = (System.Text.Json.Nodes.JsonObject)stage.Options.DeepClone();
                options["model"] = model;
                Step(stage with { Options = options }, command, $"{stage.Name}-{Plain(model)}");
            }
        }
        else
        {
            Step(stage, command, stage.Name);
        }

        static string Plain(string model) => string.Concat(
            Path.GetFileNameWithoutExtension(model.TrimStart('@'))
                .Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
    }

    private void Step(RecipeStage stage, StageCommand command, string name)
    {
        if (_steps.Any(step => step.Name == name))
            throw new UserException($"{stage.Where}: two steps are called '{name}'. Give a stage another 'name'.");
        var reads = new List<string>();
        var words = command.Arguments(stage, (option, value) =>
        {
            if (!s_paths.Contains(option))
                return value;
            var path = Resolve(stage, option, value);
            reads.Add(path);
            return path;
        });
        if (command.Has("--model") && stage.Options["model"] is null)
        {
            // A stage goes on from the last model that writes; a judge is none.
            var last = _steps.LastOrDefault(step => step.Command.Product == StageProduct.Model)
                ?? throw new UserException($"{stage.Where}: there is no model to begin with. Name one in 'model', " +
                    "or put a stage before it that makes one.");
            words.Add($"--model={last.Product}");
            reads.Add(last.Product);
        }

        if (command.Has("--title") && stage.Options["title"] is null)
            words.Add($"--title={_recipe.Title}-{name}");
        var step = new RecipeStep(stage, command, name, words, command.ProductPath(_folder, name), reads);
        Parse(step, step.CommandLine);
        _steps.Add(step);
    }

    private string Resolve(RecipeStage stage, string option, string value)
    {
        if (value.StartsWith('@'))
        {
            var before = _steps.LastOrDefault(step => step.Name == value[1..]) ?? throw new UserException(
                $"{stage.Where}: '{Terminal.Clean(value)}' is no stage before it. " +
                (UsageError.Closest(value[1..], _steps.Select(step => step.Name)) is { } near
                    ? $"Did you mean '@{near}'?" : "Stages before it are " + (_steps.Count == 0 ? "none."
                        : string.Join(", ", _steps.Select(step => "@" + step.Name)) + ".")));
            return before.Product;
        }

        // Beside the recipe first, so that a recipe and its data can be moved together.
        foreach (var path in (string[])[Path.Combine(_home, value), value])
            if (File.Exists(path) || Directory.Exists(path))
                return path;
        if (s_scorers.Contains(option))
            return value;
        if (s_models.Contains(option))
            return Models.Find(value);
        throw new UserException($"{stage.Where}: {Terminal.Clean(value)}: no such file or folder, neither beside the " +
            "recipe nor from here. What an earlier stage makes is named by '@' and its name.");
    }
}
