using System.CommandLine;

namespace Wisp.Cli;

/// <summary><c>wisp run</c>: continues a text. <c>wisp dream</c>: writes whole documents from nothing.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var command = new Verb("run", "Continue a text", "Use",
            "wisp run -p \"The little fox\" -n 60", "wisp run -m runs/books -p \"Once upon a time\" -t 0");
        var prompt = new Option<string>("--prompt", "-p")
        {
            Description = "The text to continue; - reads standard input",
            HelpName = "TEXT",
            DefaultValueFactory = _ => "",
        };
        var ids = new Option<string?>("--ids")
        {
            Description = "Token ids to continue instead of a text; ids are written too", HelpName = "IDS",
        };
        command.Add(prompt);
        command.Add(ids);
        var writing = new WritingArguments(command, tokens: 256);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            if (parse.GetValue(ids) is { } given)
                return IdWriter.Write(parse, given, writing, cancel);
            var text = parse.GetRequiredValue(prompt);
            using var writer = new ModelWriter(parse, writing, cancel);
            return writer.Write(text == "-" ? StandardInput() : text);
        }, cancel));
        return command;
    }

    public static Command CreateDream()
    {
        var command = new Verb("dream", "Let the model write whole documents from nothing", "Use",
            "wisp dream", "wisp dream -m runs/books --documents 3");
        var documents = new Option<int>("--documents")
        {
            Description = "Documents to write",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        command.Add(documents);
        var writing = new WritingArguments(command, tokens: 1000);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var count = parse.GetValue(documents);
            if (count < 1)
                throw new UserException($"--documents is {count}; at least 1 is needed.");
            using var writer = new ModelWriter(parse, writing, cancel);
            for (var i = 0; i < count; i++)
            {
                if (i > 0)
                    parse.InvocationConfiguration.Output.WriteLine("\n---\n");
                writer.Write("");
            }

            return 0;
        }, cancel));
        return command;
    }

    // `echo TEXT | wisp run -p -`: the end of the line is the shell's and not the text's.
    private static string StandardInput()
    {
        var text = TextInput.ReadText("-");
        return text.EndsWith('\n') ? text[..^1].TrimEnd('\r') : text;
    }
}
