using System.CommandLine;

namespace Wisp.Cli;

/// <summary><c>wisp detokenize -m MODEL IDS...</c>: the text of token ids, its exact bytes.</summary>
internal static class DetokenizeCommand
{
    /// <param name="output">Where the bytes go; standard output unless told otherwise.</param>
    public static Command Create(Stream? output = null)
    {
        var model = Models.Option();
        var ids = new Argument<string[]>("IDS")
        {
            Description = "Token ids, with blanks or commas between them", Arity = ArgumentArity.ZeroOrMore,
        };
        var removeSpecial = new Option<bool>("--remove-special")
        {
            Description = "Leave out the tokens that begin and end a text",
        };
        var hideSpecial = new Option<bool>("--hide-special") { Description = "Show nothing for control tokens" };
        var raw = new Option<bool>("--raw")
        {
            Description = "The bytes of each token in a row, without what llama.cpp does to blanks",
        };
        var command = new Verb("detokenize", "Show the text of token ids", "Models",
            "wisp detokenize 500 17 4 291")
        {
            model, ids, removeSpecial, hideSpecial, raw,
        };
        command.SetAction(parse =>
        {
            var tokenizer = Vocabularies.Open(parse.GetValue(model));
            var tokens = TokenIds.Read(parse.GetValue(ids) ?? [], tokenizer.VocabularySize);
            var withSpecial = !parse.GetValue(hideSpecial);
            var text = parse.GetValue(raw)
                ? tokenizer.Decode(tokens, withSpecial)
                : tokenizer.Detokenize(tokens, parse.GetValue(removeSpecial), withSpecial);
            using var stream = output ?? Console.OpenStandardOutput();
            stream.Write(text);
        });
        return command;
    }
}
