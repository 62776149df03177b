using System.CommandLine;
using System.Text;

namespace Wisp.Cli;

/// <summary><c>wisp tokenize -m MODEL TEXT</c>: the token ids of a text, on one line.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var model = Models.Option();
        var text = new Argument<string?>("TEXT") { Description = "The text", Arity = ArgumentArity.ZeroOrOne };
        var file = new Option<string?>("--file")
        {
            Description = "Read the text from a file, byte for byte; - is standard input", HelpName = "FILE",
        };
        var addSpecial = new Option<bool>("--add-special")
        {
            Description = "Add the tokens that begin and end a text, as the model wants them",
        };
        var parseSpecial = new Option<bool>("--parse-special")
        {
            Description = "Take the spelling of a control token for that token",
        };
        var pieces = new Option<bool>("--pieces") { Description = "One token a line, with what it stands for" };
        var command = new Verb("tokenize", "Show the token ids of a text", "Models",
            "wisp tokenize \"Once upon a time\"", "wisp tokenize -m model.gguf --file story.txt --pieces")
        {
            model, text, file, addSpecial, parseSpecial, pieces,
        };
        command.SetAction(parse =>
        {
            var bytes = Text(parse.GetValue(text), parse.GetValue(file));
            var tokenizer = Vocabularies.Open(parse.GetValue(model));
            var ids = tokenizer.Encode(bytes, parse.GetValue(addSpecial), parse.GetValue(parseSpecial));
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(pieces))
                foreach (var id in ids)
                    output.WriteLine($"{id}\t{Shown(tokenizer.BytesOf(id))}");
            else
                output.WriteLine(string.Join(' ', ids));
        });
        return command;
    }

    private static byte[] Text(string? text, string? file)
    {
        if (text is null == file is null)
            throw new UserException("Give either a text or --file FILE.");
        return text is not null ? Encoding.UTF8.GetBytes(text) : TextInput.Read(file!);
    }

    // In quotes, with what is not printable ASCII or a whole character as \xHH: a terminal stays as it is.
    private static string Shown(ReadOnlySpan<byte> bytes)
    {
        var shown = new StringBuilder("\"");
        while (bytes.Length > 0)
        {
            var whole = Rune.DecodeFromUtf8(bytes, out var rune, out var width) == System.Buffers.OperationStatus.Done;
            var plain = whole && !Rune.IsControl(rune)
                && Rune.GetUnicodeCategory(rune) is not (System.Globalization.UnicodeCategory.Format
                    or System.Globalization.UnicodeCategory.LineSeparator
                    or System.Globalization.UnicodeCategory.ParagraphSeparator);
            if (rune.Value is '"' or '\\')
                shown.Append('\\').Append(rune);
            else if (plain)
                shown.Append(rune);
            else
                foreach (var value in bytes[..width])
                    shown.Append(value == '\n' ? "\\n" : $"\\x{value:x2}");
            bytes = bytes[width..];
        }

        return shown.Append('"').ToString();
    }
}
