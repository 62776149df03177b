using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>
/// JSON Schema (2020-12, with what drafts 4 to 7 and OpenAPI spell otherwise) as a grammar: every text of the grammar
/// is valid against the schema. Not every valid text is in the grammar.
/// </summary>
/// <remarks>
/// Properties come in the order in which they are declared, required ones that are declared nowhere after them: any
/// order would take n! ways. Where a schema has no "type", its other words tell one. Properties beyond the declared
/// ones are written only where "additionalProperties" says so or none is declared. White space and numbers: see
/// JsonText. What cannot be kept is refused by name with its place, never left out in silence; words that only describe
/// are skipped.
/// </remarks>
public static class JsonSchema
{
    /// <summary>Bytes of a schema; those in use have some thousands.</summary>
    public const int MaxCharacters = 1 << 20;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>The texts that are valid against a schema.</summary>
    /// <param name="name">What messages call the schema, such as its file.</param>
    /// <exception cref="InvalidDataException">With the JSON pointer of the first fault.</exception>
    public static CompiledGrammar Compile(string schema, string name = "the schema")
    {
        if (schema.Length > MaxCharacters)
        {
            throw new InvalidDataException(
                $"{name} has {schema.Length} characters; a schema may have {MaxCharacters}.");
        }

        JsonNode? root;
        try
        {
            root = JsonNode.Parse(schema, documentOptions: s_strict);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new InvalidDataException($"{name} is no JSON: {OneLine(e.Message)}", e);
        }

        var rules = new GrammarRules();
        var reader = new SchemaReader(root, rules, name);
        try
        {
            reader.ReadAll();
        }
        catch (InvalidDataException e) when (!e.Message.StartsWith(name, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{name}: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // System.Text.Json finds out that a string is no Unicode text when it is read.
            throw new InvalidDataException($"{name}: {OneLine(e.Message)}", e);
        }

        return new CompiledGrammar(rules, name);
    }

    /// <summary>Any JSON object.</summary>
    public static CompiledGrammar AnyObject()
    {
        var rules = new GrammarRules();
        var root = rules.Add("root");
        var json = new JsonText(rules);
        rules.Define(root, json.Object);
        json.Finish();
        return new CompiledGrammar(rules, "JSON");
    }

    internal static string OneLine(string message) =>
        string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c));
}
