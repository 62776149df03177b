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
            var tokens = Ids(parse.GetValue(ids) ?? []);
            var tokenizer = Vocabularies.Open(parse.GetValue(model));
            if (tokens.FirstOrDefault(id => id >= tokenizer.VocabularySize, -1) is >= 0 and var beyond)
                throw new UserException($"There is no token {beyond}: the vocabulary has {tokenizer.VocabularySize}, " +
                    "the first of which is 0.");
            var withSpecial = !parse.GetValue(hideSpecial);
            var text = parse.GetValue(raw)
                ? tokenizer.Decode(tokens, withSpecial)
                : tokenizer.Detokenize(tokens, parse.GetValue(removeSpecial), withSpecial);
            using var stream = output ?? Console.OpenStandardOutput();
            stream.Write(text);
        });
        return command;
    }

    private static int[] Ids(string[] words) =>
    [
        .. words.SelectMany(word => word.Split([' ', ',', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
            .Select(word => int.TryParse(word, out var id) && id >= 0
                ? id : throw new UserException(
                    $"'{Terminal.Clean(word)}' is no token id; ids are whole numbers from 0.")),
    ];
}
