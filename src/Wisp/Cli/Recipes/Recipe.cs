using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Cli.Recipes;

/// <summary>A stage as the recipe has it: a command of the program, and its options by name.</summary>
/// <param name="Where">File and stage, to begin a message with.</param>
internal sealed record RecipeStage(string Name, string Command, JsonObject Options, string Where);

/// <summary>
/// How a model comes to be, in one JSON file: stages in order, each a command of the program with its options. Comments
/// and commas behind the last item are allowed.
/// </summary>
internal sealed record Recipe(string Title, IReadOnlyList<RecipeStage> Stages)
{
    private const string StageField = "stage", NameField = "name";

    private static readonly JsonDocumentOptions s_reading = new()
    {
        CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false,
        MaxDepth = 16,
    };

    /// <exception cref="UserException">No recipe; the message names the file and the place.</exception>
    public static Recipe Read(string path)
    {
        var text = TextInput.ReadText(path, maxBytes: 1 << 20);
        JsonObject root;
        try
        {
            root = JsonNode.Parse(text, documentOptions: s_reading) as JsonObject
                ?? throw new UserException($"{path}: is no JSON object. A recipe is one, with 'title' and 'stages'.");
        }
        catch (JsonException e)
        {
            throw new UserException($"{path}:{e.LineNumber + 1}: not JSON (at byte {e.BytePositionInLine}). Comments " +
                "(//, /* */) and a comma behind the last item are allowed, nothing else beside the standard.", e);
        }

        Refuse(root.Select(field => field.Key), ["$schema", "title", "stages"], path);
        var title = Text(root["title"], "title", path) ?? Path.GetFileNameWithoutExtension(path);
        if (root["stages"] is not JsonArray { Count: > 0 } items)
            throw new UserException($"{path}: has no 'stages'. They are a list of objects, each with a 'stage'.");
        var stages = items.Select((item, i) => Stage(item, $"{path}, stage {i + 1}")).ToList();
        if (stages.CountBy(stage => stage.Name).FirstOrDefault(pair => pair.Value > 1) is { Key: { } twice })
            throw new UserException($"{path}: two stages are called '{twice}'. Give one of them another 'name'.");
        return new Recipe(title, stages);
    }

    /// <summary>Refuses the first field that is not known, with the one that was meant.</summary>
    public static void Refuse(IEnumerable<string> fields, IReadOnlyList<string> known, string where)
    {
        foreach (var field in fields.Where(field => !known.Contains(field)))
            throw new UserException($"{where}: there is no field '{Terminal.Clean(field)}'. " +
                (UsageError.Closest(field, known) is { } near ? $"Did you mean '{near}'?"
                    : $"The fields are {string.Join(", ", known)}."));
    }

    private static RecipeStage Stage(JsonNode? node, string where)
    {
        if (node is not JsonObject fields)
            throw new UserException($"{where}: is no JSON object.");
        var command = Text(fields[StageField], StageField, where)
            ?? throw new UserException($"{where}: has no '{StageField}' that names what to do, such as \"sft\".");
        var name = Text(fields[NameField], NameField, where) ?? command;
        // It becomes a folder.
        if (name.Length is 0 or > 64 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new UserException(
                $"{where}: the name '{Terminal.Clean(name)}' is not made of 1 to 64 letters, digits, '-' and '_'.");
        var options = (JsonObject)fields.DeepClone();
        options.Remove(StageField);
        options.Remove(NameField);
        return new RecipeStage(name, command, options, $"{where} ({name})");
    }

    private static string? Text(JsonNode? node, string field, string where) => node is null ? null
        : node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>()
        : throw new UserException($"{where}: '{field}' is a JSON {node.GetValueKind()}, not a string.");
}
