using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Wisp.Train;
using Wisp.Train.Report;

namespace Wisp.Cli.Recipes;

/// <summary>What a step did and with what, kept beside its product once it is done.</summary>
/// <param name="Inputs">By path what was read: hashes of files, or of the model that a folder holds.</param>
/// <param name="Product">The same of what it made.</param>
internal sealed record StageRecord(
    string Name, string Stage, IReadOnlyList<string> Words, IReadOnlyDictionary<string, string> Inputs, string Product,
    double Seconds, DateTimeOffset Finished);

/// <summary>
/// Takes the steps of a recipe in order. What is done is not done again; a step that was killed goes on from its last
/// checkpoint; a step whose settings or inputs have changed since is refused, never mixed.
/// </summary>
/// <param name="threads">For every stage that does not say itself; 0 means all cores.</param>
internal sealed class RecipeRun(
    RecipePlan plan, IAnsiConsole console, ParseResult outer, int threads, TimeProvider clock)
{
    /// <summary>Makes what costs nothing, because the checks read it, and then checks every input.</summary>
    public void Prepare(CancellationToken cancel)
    {
        foreach (var step in plan.Steps.Where(step => step.Command.Name == "lessons"))
            Take(step, cancel);
        Check(cancel);
    }

    public void Run(CancellationToken cancel)
    {
        foreach (var step in plan.Steps.Where(step => step.Command.Name != "lessons"))
            Take(step, cancel);
    }

    // Before anything is trained: data that cannot be read, numbers out of range, steps that have changed.
    private void Check(CancellationToken cancel)
    {
        using var line = new ProgressLine(console, clock);
        foreach (var step in plan.Steps)
        {
            cancel.ThrowIfCancellationRequested();
            line.Report("checking all inputs", 0, 0);
            IsDone(step);
            try
            {
                (step.Command.Command as Verb)?.Check?.Invoke(plan.Parse(step, step.CommandLine));
            }
            catch (Exception e) when (Failure.IsExpected(e) && e is not OperationCanceledException)
            {
                throw new UserException($"{step.Stage.Where}: {Failure.Describe(e)}", e);
            }
        }
    }

    private void Take(RecipeStep step, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var number = plan.Steps.TakeWhile(other => other != step).Count() + 1;
        var head = $"[{number}/{plan.Steps.Count}] {step.Name}";
        if (IsDone(step))
        {
            Terminal.Say(console, $"{head}: done already");
            return;
        }

        var goesOn = step.Command.Has("--resume") && File.Exists(Path.Combine(step.Product, Checkpoint.FileName));
        if (goesOn && ReadStarted(step) is { } started && !started.SequenceEqual(step.Words.Select(plan.Kept)))
            throw Changed(step, "its part of the recipe");
        string[] words = goesOn
            ? [.. step.Command.Words, $"--resume={step.Product}", .. StageCommand.Habits(step.Words)]
            : [.. step.CommandLine];
        // How many threads compute decides no bit, so the recipe's steps do not have it.
        if (threads > 0 && step.Command.Has("--threads") && step.Stage.Options["threads"] is null)
            words = [.. words, "--threads", $"{threads}"];
        Terminal.Say(console, $"{head}: {(goesOn ? "goes on with " : "")}wisp {string.Join(' ', words.Select(
            word => CommandLine.Quoted(word)))}");
        if (!goesOn)
            Save(StartedPath(step), JsonSerializer.Serialize(
                [.. step.Words.Select(plan.Kept)], RecipeJson.Default.IReadOnlyListString));
        var start = clock.GetTimestamp();
        var code = plan.Parse(step, words).InvokeAsync(new InvocationConfiguration
        {
            Output = outer.InvocationConfiguration.Output, Error = outer.InvocationConfiguration.Error,
            EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        }, cancel).GetAwaiter().GetResult();
        cancel.ThrowIfCancellationRequested();
        if (code != 0)
            throw new UserException($"{step.Stage.Where}: ended with exit code {code}.");
        var time = clock.GetElapsedTime(start);
        var record = new StageRecord(
            step.Name, step.Command.Name, [.. step.Words.Select(plan.Kept)],
            step.Reads.Distinct().ToDictionary(plan.Kept, HashOf), HashOf(step.Product), time.TotalSeconds,
            clock.GetUtcNow());
        Save(step.RecordPath, JsonSerializer.Serialize(record, RecipeJson.Default.StageRecord));
        File.Delete(StartedPath(step));
        Terminal.Say(console, $"{head}: done in {Human.Time(time)}");
    }

    private bool IsDone(RecipeStep step)
    {
        if (!File.Exists(step.RecordPath))
            return false;
        StageRecord record;
        try
        {
            record = JsonSerializer.Deserialize(File.ReadAllBytes(step.RecordPath), RecipeJson.Default.StageRecord)
                ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new UserException(
                $"{step.RecordPath}: not as wisp writes it ({e.Message}). Delete it and the step is done again.", e);
        }

        if (!record.Words.SequenceEqual(step.Words.Select(plan.Kept)))
            throw Changed(step, "its part of the recipe");
        foreach (var path in step.Reads.Distinct())
            if (record.Inputs.GetValueOrDefault(plan.Kept(path)) != HashOf(path))
                throw Changed(step, path);
        return HashOf(step.Product) == record.Product ? true : throw Changed(step, step.Product);
    }

    private UserException Changed(RecipeStep step, string what)
    {
        var stale = plan.Steps.SkipWhile(other => other != step).Select(other => other.Name);
        return new UserException(
            $"{step.Stage.Where}: was done already, and since then {what} has changed. Put it back, choose another " +
            $"--out folder, or delete {Path.GetFileName(step.Product)}* there to do it again (what comes after it " +
            $"too: {string.Join(", ", stale.Skip(1).DefaultIfEmpty("nothing"))}).");
    }

    // Which settings a run began with that has not come to its end.
    private static string StartedPath(RecipeStep step) => step.Product + ".started.json";

    private static IReadOnlyList<string>? ReadStarted(RecipeStep step)
    {
        try
        {
            return File.Exists(StartedPath(step)) ? JsonSerializer.Deserialize(
                File.ReadAllBytes(StartedPath(step)), RecipeJson.Default.IReadOnlyListString) : null;
        }
        catch (JsonException)
        {
            return null; // then the run's own plan decides, which knows all that matters
        }
    }

    private static void Save(string path, string json) =>
        AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(json + "\n")));

    /// <summary>What a file or the model of a folder is; of other folders the names and sizes of their files.</summary>
    internal static string HashOf(string path)
    {
        if (File.Exists(path))
            return FileHash.Of(path);
        if (File.Exists(Path.Combine(path, PretrainRun.ModelName)))
            return FileHash.Of(Path.Combine(path, PretrainRun.ModelName));
        if (File.Exists(path + ".json"))
            return FileHash.Of(path + ".json"); // the outcome of an examination
        if (!Directory.Exists(path))
            return "";
        var names = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetRelativePath(path, file)} {new FileInfo(file).Length}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(names))));
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StageRecord))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class RecipeJson : JsonSerializerContext;
