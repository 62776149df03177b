using System.CommandLine;
using System.Text.Json.Nodes;

namespace Wisp.Cli.Recipes;

/// <summary>What a recipe may hold, as JSON Schema for editors, made from the options that the commands have.</summary>
internal static class RecipeSchema
{
    public static JsonObject Of(RootCommand root) => new()
    {
        ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
        ["title"] = "A recipe of wisp train all",
        ["type"] = "object",
        ["additionalProperties"] = false,
        ["required"] = new JsonArray("stages"),
        ["properties"] = new JsonObject
        {
            ["$schema"] = new JsonObject { ["type"] = "string" },
            ["title"] = Described("string", "Name of the model; stages add their own"),
            ["stages"] = new JsonObject
            {
                ["type"] = "array", ["minItems"] = 1,
                ["items"] = new JsonObject
                {
                    ["oneOf"] = new JsonArray([.. StageCommand.Of(root).Select(Stage)]),
                },
            },
        },
    };

    private static JsonObject Stage(StageCommand command)
    {
        var properties = new JsonObject
        {
            ["stage"] = new JsonObject { ["const"] = command.Name, ["description"] = command.Command.Description },
            ["name"] = Described("string", "Of its folder or file, and to be named by later stages as @name"),
        };
        foreach (var option in command.Options)
            properties[option.Name[2..]] = Value(option);
        return new JsonObject
        {
            ["type"] = "object", ["additionalProperties"] = false, ["required"] = new JsonArray("stage"),
            ["properties"] = properties,
        };
    }

    private static JsonObject Value(Option option)
    {
        var type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        if (type == typeof(string[]) || option.Name == "--model")
            return new JsonObject
            {
                ["description"] = option.Description,
                ["anyOf"] = new JsonArray(
                    new JsonObject { ["type"] = "string" },
                    new JsonObject
                    {
                        ["type"] = "array", ["items"] = new JsonObject { ["type"] = "string" },
                    }),
            };
        return Described(type == typeof(bool) ? "boolean" : type == typeof(double) || type == typeof(float) ? "number"
            : type == typeof(string) ? "string" : "integer", option.Description);
    }

    private static JsonObject Described(string type, string? description) =>
        new() { ["type"] = type, ["description"] = description };
}
