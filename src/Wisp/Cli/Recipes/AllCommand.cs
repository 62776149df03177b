using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;
using Wisp.Compute;
using Wisp.Train.Eval;
using Wisp.Train.Report;

namespace Wisp.Cli.Recipes;

/// <summary><c>wisp train all</c>: from text and pairs to an aligned model and its report card, by one file.</summary>
internal static class AllCommand
{
    // Read by people, so that quotes and dashes stay what they are.
    private static readonly JsonSerializerOptions s_plain =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var recipe = new Option<string>("--recipe", "-r")
        {
            Description = "The recipe: JSON, comments allowed", HelpName = "FILE",
        };
        var folder = new Option<string>("--out", "-o")
        {
            Description = "Folder for everything that it makes; name it again to go on", HelpName = "DIR",
        };
        var check = new Option<bool>("--check") { Description = "Check the recipe and all its inputs; train nothing" };
        var schema = new Option<bool>("--schema") { Description = "Write the JSON Schema of recipes, for editors" };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var command = new Verb(
            "all", "From text and pairs to an aligned model and its report card, by a recipe", "Train",
            "wisp train all --recipe recipes/tiny.json --out runs/tiny");
        command.Add("Options", recipe, folder, check, schema, threads);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var root = (RootCommand)parse.RootCommandResult.Command;
            if (parse.GetValue(schema))
            {
                parse.InvocationConfiguration.Output.WriteLine(RecipeSchema.Of(root).ToJsonString(s_plain));
                return 0;
            }

            Run(parse, root, parse.GetValue(recipe) ?? throw new UserException("Name the recipe: --recipe FILE"),
                parse.GetValue(folder) ?? throw new UserException("Name the folder for what it makes: --out DIR"),
                (Threads.Count(parse.GetValue(threads)) is var count && parse.GetValue(threads) > 0 ? count : 0,
                    parse.GetValue(check)), cancel);
            return 0;
        }, cancel));
        return command;
    }

    private static void Run(
        ParseResult parse, RootCommand root, string path, string folder, (int Threads, bool OnlyCheck) how,
        CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var recipe = Recipe.Read(path);
        if (folder.Length == 0 || File.Exists(folder))
            throw new UserException(
                $"'{folder}': is {(folder.Length == 0 ? "no name" : "a file")}, and --out names a folder.");
        var plan = new RecipePlan(
            root, recipe, Path.GetDirectoryName(Path.GetFullPath(path))!, Path.TrimEndingDirectorySeparator(folder));
        Places.Make(folder);
        var run = new RecipeRun(plan, console, parse, how.Threads, TimeProvider.System);
        if (how.OnlyCheck)
        {
            run.Prepare(cancel);
            Terminal.Say(console, $"{path}: {plan.Steps.Count} steps, all inputs read");
            return;
        }

        var start = TimeProvider.System.GetTimestamp();
        try
        {
            run.Prepare(cancel);
            run.Run(cancel);
        }
        catch (OperationCanceledException)
        {
            Terminal.Say(console, $"Stopped. Go on with: {CommandLine.Of(parse)}");
            throw;
        }

        Card(console, recipe, plan, folder, how.Threads, cancel);
        Terminal.Say(console, $"{recipe.Title}: done in {Human.Time(TimeProvider.System.GetElapsedTime(start))}");
    }

    private static void Card(
        IAnsiConsole console, Recipe recipe, RecipePlan plan, string folder, int threads, CancellationToken cancel)
    {
        (string, string)[] runs = [.. plan.Steps
            .Where(step => step.Command.Product is StageProduct.Model or StageProduct.Judge)
            .Select(step => (step.Name, step.Product))];
        if (runs.Length == 0)
            return; // nothing was trained
        using var pool = new WorkerPool(Threads.Count(threads));
        CardCommand.Write(console, new CardCommand.CardOrder(
            recipe.Title, runs,
            [.. plan.Steps.Where(step => step.Command.Product == StageProduct.Examination)
                .Select(step => EvalReport.Read(step.Product + ".json"))],
            folder), pool, cancel);
    }
}
