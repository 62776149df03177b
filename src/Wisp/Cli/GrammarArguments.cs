using System.CommandLine;
using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Cli;

/// <summary>The options that hold what is written to a grammar.</summary>
internal sealed class GrammarArguments
{
    private const int MaxBytes = 4 << 20; // of a grammar or schema

    private readonly Option<string?> _grammar = new("--grammar")
    {
        Description = "Write only what this GBNF grammar allows", HelpName = "FILE",
    };

    private readonly Option<string?> _schema = new("--json-schema")
    {
        Description = "Write only JSON that is valid against this JSON Schema", HelpName = "FILE",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object" };

    public GrammarArguments(Verb command) => command.Add("Shape of the text", _grammar, _schema, _json);

    /// <summary>
    /// The grammar that was asked for, or null. It is read before a model is, so that faults show at once.
    /// </summary>
    /// <param name="idOfToken">The id of a token by its spelling, or -1, for token terms.</param>
    public CompiledGrammar? Read(ParseResult parse, Func<string, int>? idOfToken = null)
    {
        var (grammar, schema, json) = (parse.GetValue(_grammar), parse.GetValue(_schema), parse.GetValue(_json));
        if ((grammar is null ? 0 : 1) + (schema is null ? 0 : 1) + (json ? 1 : 0) > 1)
            throw new UserException("--grammar, --json-schema and --json exclude one another; give one of them.");
        return grammar is not null ? Gbnf.Compile(TextInput.ReadText(grammar, MaxBytes), grammar, idOfToken)
            : schema is not null ? JsonSchema.Compile(TextInput.ReadText(schema, MaxBytes), schema)
            : json ? JsonSchema.AnyObject()
            : null;
    }

    /// <summary>The mask over a model's vocabulary, or null where no grammar was asked for.</summary>
    public TokenMask? Mask(ParseResult parse, Tokenizer tokenizer) =>
        Read(parse, tokenizer.IdOf) is { } grammar ? new TokenMask(grammar, TrieOf(tokenizer)) : null;

    // Special tokens match no text; those that end a generation end the text.
    private static TokenTrie TrieOf(Tokenizer tokenizer)
    {
        var pieces = Enumerable.Range(0, tokenizer.VocabularySize)
            .Select(id => tokenizer.IsSpecial(id) ? [] : tokenizer.BytesOf(id).ToArray()).ToArray();
        return new TokenTrie(pieces, tokenizer.EndOfGeneration);
    }
}
