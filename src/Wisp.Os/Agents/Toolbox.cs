using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Mounts;

namespace Wisp.Agents;

/// <summary>
/// What an answer may call, and with which rights: the calculator, and files that the user has given.
/// </summary>
/// <param name="Functions">What the model is told of.</param>
public sealed record Toolbox(IReadOnlyList<AIFunctionDeclaration> Functions, IReadOnlyList<Capability> Capabilities)
{
    /// <summary>Tokens of the smallest context in which files are offered: some 400 of it are what they are told
    /// by.</summary>
    public const int LeastContext = 2048;

    private const string TableName = "mounts.json", DocumentsName = "documents.db";

    public static Toolbox None { get; } = new([], []);

    /// <summary>The calculator alone.</summary>
    public static Toolbox Calculator { get; } = new([Function(Tools.Calculator.Description)],
        [new Capability { Pattern = "/tools/calculator", Rights = Right.Call }]);

    /// <summary>
    /// The calculator, and the file verbs over what is mounted: to look without asking, to write where a folder was
    /// given for that, each time with a person's yes. Where nothing is mounted a model is told of no files.
    /// </summary>
    /// <param name="folder">The user's data; null has no files.</param>
    /// <param name="context">Tokens that the model sees at once.</param>
    public static Toolbox Of(string? folder, int context)
    {
        if (folder is null || context < LeastContext)
            return Calculator;
        var (grants, hasDocuments) = (GrantsOf(folder), HasDocuments(folder));
        if (grants.Count == 0 && !hasDocuments)
            return Calculator;
        List<string> places = [.. grants.Select(grant => grant.At + (grant.CanWrite ? "" : " (read-only)"))];
        if (hasDocuments)
            places.Add("/rag (documents, to search)");
        List<AIFunctionDeclaration> functions = [.. Calculator.Functions];
        List<Capability> capabilities = [.. Calculator.Capabilities];
        foreach (var text in ToolList.Files)
        {
            var function = Function(text);
            var isWanted = function.Name switch
            {
                "fs.list" or "fs.read" => true,
                "fs.write" => grants.Any(grant => grant.CanWrite),
                "fs.search" => hasDocuments,
                _ => false, // a list tells what stat tells
            };
            if (isWanted)
                functions.Add(function.Name != "fs.list" ? function : AIFunctionFactory.CreateDeclaration(function.Name,
                    $"{function.Description} There are: {string.Join(", ", places)}.", function.JsonSchema));
        }

        foreach (var grant in grants)
        {
            capabilities.Add(new Capability { Pattern = grant.At + "/**", Rights = Right.Look });
            if (grant.CanWrite)
                capabilities.Add(new Capability { Pattern = grant.At + "/**", Rights = Right.Write, Asks = true });
        }

        if (hasDocuments)
            capabilities.Add(new Capability { Pattern = "/rag/**", Rights = Right.Look });
        return new Toolbox(functions, capabilities);
    }

    /// <summary>Whether the user has given anything to look at.</summary>
    public static bool HasFiles(string folder) => GrantsOf(folder).Count > 0 || HasDocuments(folder);

    /// <summary>The list of folders in the user's data.</summary>
    public static MountTable Table(string folder) => new(Path.Combine(folder, TableName));

    /// <summary>The label of what an earlier call of a conversation may have brought.</summary>
    public static Label LabelOf(string name, string arguments)
    {
        if (name == "calculator")
            return Label.From(Source.Kernel);
        try
        {
            using var json = JsonDocument.Parse(arguments);
            return new Label(
                SourceSet.Of(Source.File(json.RootElement.GetProperty("path").GetString()!)), ReaderSet.Of("user"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return Label.From(Source.Tool(name));
        }
    }

    // A list that is damaged has nothing; who mounts or hosts a kernel is told.
    private static IReadOnlyList<FolderGrant> GrantsOf(string folder)
    {
        try
        {
            return Table(folder).Read();
        }
        catch (Exception e) when (e is MountException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static bool HasDocuments(string folder)
    {
        if (!File.Exists(Path.Combine(folder, DocumentsName)))
            return false;
        try
        {
            using var documents = UserTree.Documents(folder);
            return documents.List(TreePath.Root).Count > 0;
        }
        catch (MountException)
        {
            return false;
        }
    }

    private static AIFunctionDeclaration Function(string text)
    {
        using var json = JsonDocument.Parse(text);
        var function = json.RootElement.GetProperty("function");
        return AIFunctionFactory.CreateDeclaration(function.GetProperty("name").GetString()!,
            function.GetProperty("description").GetString()!, function.GetProperty("parameters").Clone());
    }
}
