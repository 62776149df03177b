using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Ai;

/// <summary>What an answer must be: calls of functions, JSON, or one of the two.</summary>
internal sealed class AnswerGrammar
{
    /// <summary>The functions that may be called; empty where the answer is no call.</summary>
    public IReadOnlyList<AIFunctionDeclaration> Functions { get; init; } = [];

    /// <summary>Whether more than one may be called.</summary>
    public bool Many { get; init; }

    /// <summary>The answer in JSON; null where only calls will do.</summary>
    public ChatResponseFormatJson? Format { get; init; }

    /// <summary>Equal texts are equal grammars.</summary>
    public string Key(ToolStyle style) => string.Join('\n',
        [
            $"{style} {Many} {Format is not null}", Format?.Schema?.GetRawText() ?? "",
            .. Functions.Select(function => $"{NameOf(function)} " +
                function.JsonSchema.GetRawText()),
        ]);

    /// <exception cref="ArgumentException">A schema cannot be kept; the message names whose it is.</exception>
    public CompiledGrammar Compile(ToolStyle style, Tokenizer tokenizer)
    {
        var rules = new GrammarRules();
        rules.Add("root"); // what a text begins with is rule 0
        try
        {
            var answers = new List<Term>();
            if (Functions.Count > 0)
                answers.Add(Calls(style, tokenizer, rules));
            if (Format is not null)
                answers.Add(Json(rules, Format));
            rules.Define(0, Term.Either([.. answers]));
            return new CompiledGrammar(rules, "the answer's grammar");
        }
        catch (InvalidDataException e)
        {
            throw new ArgumentException(e.Message, e);
        }
    }

    private static Term Json(GrammarRules rules, ChatResponseFormatJson format)
    {
        if (format.Schema is { } schema)
            return Schema(rules, schema, "ChatOptions.ResponseFormat, its schema");
        var json = new JsonText(rules);
        var any = json.Object;
        json.Finish();
        return any;
    }

    // <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>, and so in the other styles.
    private Term Calls(ToolStyle style, Tokenizer tokenizer, GrammarRules rules)
    {
        Term Tag(string spelling) => tokenizer.IdOf(spelling) is >= 0 and var id && tokenizer.IsSpecial(id)
            ? new OneToken(id, negated: false) : Term.Literal(spelling);

        Term Several(Term call, string between) => !Many ? call
            : Term.Of(call, Term.Times(Term.Of(Term.Literal(between), call), 0));

        // In one rule, because each stands twice where there may be several.
        Term One(string key)
        {
            var rule = rules.Add("call");
            rules.Define(rule, Term.Either([.. Functions.Select(function => Term.Of(
                Term.Literal($"{{\"name\": {NameOf(function)}, \"{key}\": "), Arguments(rules, function),
                Term.Literal("}")))]));
            return new Call(rule);
        }

        switch (style)
        {
            case ToolStyle.Hermes:
                return Several(Term.Of(
                    Tag(ToolStyles.HermesCall), Term.Literal("\n"), One("arguments"), Term.Literal("\n"),
                    Tag(ToolStyles.EndHermesCall)), "\n");
            case ToolStyle.Llama:
                return Several(One("parameters"), "; ");
            case ToolStyle.MistralList:
                return Term.Of(Tag(ToolStyles.MistralCall), Term.Literal("["), Several(One("arguments"), ", "),
                    Term.Literal("]"));
            default:
                var call = rules.Add("call");
                rules.Define(call, Term.Either([.. Functions.Select(function => Term.Of(
                    Tag(ToolStyles.MistralCall), Term.Literal(function.Name), Tag(ToolStyles.MistralArguments),
                    Arguments(rules, function)))]));
                return Several(new Call(call), "");
        }
    }

    private static string NameOf(AIFunctionDeclaration function) => JsonText.Written(JsonValue.Create(function.Name));

    private static Term Arguments(GrammarRules rules, AIFunctionDeclaration function) =>
        Schema(rules, function.JsonSchema, $"the parameters of function '{function.Name}'", isObject: true);

    // The reader takes the next rule for the root of its schema.
    private static Term Schema(GrammarRules rules, JsonElement schema, string name, bool isObject = false)
    {
        var options = new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 64 };
        try
        {
            var root = schema.ValueKind == JsonValueKind.Undefined ? new JsonObject()
                : JsonNode.Parse(schema.GetRawText(), documentOptions: options);
            if (isObject && root is JsonObject words
                && !words.Any(word => word.Key is "type" or "$ref" or "anyOf" or "oneOf" or "allOf"))
                words["type"] = "object";
            var first = rules.Count;
            new SchemaReader(root, rules, name).ReadAll();
            return new Call(first);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new ArgumentException($"{name}: no schema that can be read: {JsonSchema.OneLine(e.Message)}", e);
        }
    }
}
