using System.CommandLine;
using Microsoft.Extensions.AI;
using Spectre.Console;
using Wisp.Agents;
using Wisp.Kernel.Remote;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Cli.Talk;

/// <summary><c>wisp chat</c>: a conversation in the terminal; with -p or a pipe, one answer.</summary>
internal static class ChatCommand
{
    private const string HistoryName = "chat-history";

    public static Verb Create()
    {
        var command = new Verb("chat", "Talk with a model", "Use",
            "wisp chat", "wisp chat -m qwen3.gguf --system \"Answer in verse.\"",
            "echo \"What is 12 * 34?\" | wisp chat");
        var arguments = new TalkArguments(command);
        // Ctrl-C stops an answer here and not the program, so the frame's own handling stays away.
        command.SetAction(parse => Run(parse, arguments));
        return command;
    }

    /// <summary>Whether a person sits at both ends.</summary>
    public static bool IsConversation => !Console.IsInputRedirected && !Console.IsOutputRedirected;

    private static int Run(ParseResult parse, TalkArguments arguments)
    {
        var prompt = arguments.Prompt(parse);
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        if (prompt is null && IsConversation && Terminal.IsLive(console))
            return Talk(parse, arguments, console);
        if (prompt is null or "-")
            prompt = TextInput.ReadText("-");
        if (string.IsNullOrWhiteSpace(prompt))
            throw new UserException("There is nothing to answer: the text is empty.");
        using var interrupt = new Interrupt();
        try
        {
            return AnswerOnce(parse, arguments, prompt.TrimEnd(), console, interrupt.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (interrupt.Token.IsCancellationRequested)
        {
            return interrupt.ExitCode;
        }
    }

    private static int Talk(ParseResult parse, TalkArguments arguments, IAnsiConsole console)
    {
        var folder = Places.UserFolder(Environment.GetEnvironmentVariable);
        var saves = arguments.Saves(parse);
        using var database = saves ? WispDatabase.Open(Path.Combine(folder, WispDatabase.FileName))
            : WispDatabase.InMemory();
        var conversations = new Conversations(database, TimeProvider.System);
        conversations.Purge();
        var history = new InputHistory(saves ? Path.Combine(folder, HistoryName) : null);
        using var talk = new Conversing(console, conversations, history, folder,
            saves ? KernelSocket.Path(Environment.GetEnvironmentVariable) : null,
            (name, cancel) => TalkModel.Open(parse, arguments, name, cancel))
        {
            Settings = arguments.Settings(parse), Sampling = arguments.Sampling.Read(parse),
            IsQuiet = arguments.IsQuiet(parse),
        };
        return talk.Run(arguments.Model(parse), arguments.Resumes(parse));
    }

    private static async Task<int> AnswerOnce(
        ParseResult parse, TalkArguments arguments, string prompt, IAnsiConsole console, CancellationToken cancel)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var (settings, sampling) = (arguments.Settings(parse), arguments.Sampling.Read(parse));
        using var model = await Task.Run(() => TalkModel.Open(parse, arguments, arguments.Model(parse), cancel), cancel)
            .ConfigureAwait(false);
        // Nothing of it is kept, so its process is in no journal; and nobody is there to say yes.
        var folder = Places.UserFolder(Environment.GetEnvironmentVariable);
        await using var user = new UserKernel(folder, null)
        {
            Tell = line => error.WriteLine(Terminal.Clean($"wisp: {line}")),
        };
        var kernel = await user.OpenAsync(model.KernelParts(null), cancel).ConfigureAwait(false);
        var tools = model.IsChat ? Toolbox.Of(folder, model.Client.Context) : Toolbox.None;
        var options = settings.ToOptions(sampling, tools.Functions, best: null);
        var task = new AnswerTask("one answer", [new ChatMessage(ChatRole.User, prompt)], options)
        {
            Capabilities = options.Tools is null ? [] : tools.Capabilities,
        };
        var answer = new Answer(model.Client);
        var display = Terminal.IsLive(console) && model.IsChat ? new AnswerDisplay(console, TimeProvider.System) : null;
        var quiet = arguments.IsQuiet(parse);
        try
        {
            await foreach (var news in answer.Write(kernel, task, cancel).ConfigureAwait(false))
                if (answer.Ask is { } ask && news is null)
                {
                    await kernel.AnswerAsync(ask.Number, yes: false).ConfigureAwait(false);
                    error.WriteLine(Terminal.Clean($"[{ask.Text} no: nobody is asked here; `wisp chat` asks]"));
                }
                else if (news is null)
                {
                    continue;
                }
                else if (display is not null)
                {
                    display.Show(answer.Parts, "");
                }
                else if (news.Kind == PartKind.Text)
                {
                    output.Write(console.Profile.Out.IsTerminal ? Terminal.Clean(news.Text!) : news.Text);
                    output.Flush();
                }
                else if (news is { Kind: PartKind.Call, Text: not null } && !quiet)
                    error.WriteLine(Terminal.Clean($"[{AnswerDisplay.Told(news)}]"));
        }
        finally
        {
            if (display is not null)
                display.Finish(answer.Parts, "");
            else
                output.WriteLine();
        }

        if (!quiet)
            error.WriteLine($"[{AnswerDisplay.Summary(answer.Cost, model.Client.Context)}]");
        return 0;
    }
}
