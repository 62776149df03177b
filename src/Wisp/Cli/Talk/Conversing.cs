using System.Runtime.InteropServices;
using Spectre.Console;
using Wisp.Agents;
using Wisp.Kernel.Cores;
using Wisp.Run;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Train.Report;

namespace Wisp.Cli.Talk;

/// <summary>A conversation at the terminal: reads what is typed, obeys commands, shows answers.</summary>
internal sealed class Conversing : IDisposable
{
    private readonly Func<string?, CancellationToken, TalkModel> _open;
    private readonly UserKernel _kernel;
    private readonly KeyReader _keys =
        new(() => System.Console.ReadKey(intercept: true), () => System.Console.KeyAvailable);

    private readonly LineEditor _editor;
    private readonly PosixSignalRegistration[] _signals;
    private readonly SlashCommands _commands;
    private CancellationTokenSource? _stop; // of what is going on now
    private string _begin = ""; // what the next input begins with

    /// <param name="folder">The user's data.</param>
    /// <param name="socket">Where the user's kernel listens; null takes one that keeps nothing.</param>
    public Conversing(IAnsiConsole console, Conversations conversations, InputHistory history, string folder,
        string? socket, Func<string?, CancellationToken, TalkModel> open)
    {
        (Console, Conversations, _open) = (console, conversations, open);
        (Mounts, _kernel) = (new ChatMounts(folder), new UserKernel(folder, socket) { Tell = Tell });
        _commands = new SlashCommands(this);
        _editor = new LineEditor(console, _keys, history, _commands.Complete);
        _signals =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
            {
                if (_stop is not { } stop)
                    return;
                context.Cancel = true;
                stop.Cancel();
            }),
            // The end comes as usual, after the terminal is as it was.
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Restore()),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, _ => Restore()),
        ];
    }

    public IAnsiConsole Console { get; }

    public Conversations Conversations { get; }

    public TalkModel Model { get; private set; } = null!;

    /// <summary>The folders that the model may see.</summary>
    public ChatMounts Mounts { get; }

    public required ChatSettings Settings { get; set; }

    /// <summary>What holds where the settings say nothing.</summary>
    public required Sampling Sampling { get; init; }

    public bool IsQuiet { get; init; }

    /// <summary>Null before the first message.</summary>
    public Conversation? Current { get; private set; }

    /// <summary>The last message of the branch that is talked on; null before the first.</summary>
    public long? Leaf { get; private set; }

    /// <summary>Whether the person has said that it is over.</summary>
    public bool IsOver { get; set; }

    /// <summary>Until the person ends it.</summary>
    public int Run(string? model, bool resumes)
    {
        Load(model);
        if (!IsQuiet)
            Greet();
        Kernel(CancellationToken.None);
        if (resumes)
            if (Conversations.List(most: 1) is [var last])
                Enter(last);
            else
                Tell("There is no conversation yet to go on with.");
        var asked = false;
        while (!IsOver)
        {
            var (text, end) = Ask();
            if (end == InputEnd.End || (end == InputEnd.Interrupt && asked))
                break;
            asked = end == InputEnd.Interrupt;
            if (asked)
                Tell("Ctrl-C again or Ctrl-D ends; /help shows what else there is.");
            else if (!string.IsNullOrWhiteSpace(text))
                Guarded(() => Take(text));
        }

        return 0;
    }

    /// <summary>Opens another model in place of the present one.</summary>
    public void Load(string? name)
    {
        var model = Interruptible(cancel => _open(name, cancel));
        Model?.Dispose();
        Model = model;
    }

    /// <summary>Goes on with a kept conversation and shows its end.</summary>
    public void Enter(Conversation conversation)
    {
        (Current, Leaf) = (conversation, conversation.Leaf);
        Settings = conversation.Settings with { Model = null };
        Tell($"\"{conversation.Title}\"");
        foreach (var message in Conversations.Branch(Leaf).TakeLast(6))
            if (message.Role == MessageRole.User)
                Console.Profile.Out.Writer.WriteLine(_editor.Prompt + Terminal.Clean(message.Text));
            else
            {
                new AnswerDisplay(Console, TimeProvider.System).Finish(message.Parts, "");
                Console.WriteLine();
            }
    }

    /// <summary>Begins anew; what was said stays kept.</summary>
    public void Leave() => (Current, Leaf) = (null, null);

    /// <summary>Goes back to before a message, and offers a text to say instead.</summary>
    public void Return(Message to, string text = "")
    {
        Leaf = to.Parent;
        Conversations.Show(Current!.Id, Leaf);
        _begin = text;
    }

    /// <summary>The last question and, where there is one, its answer.</summary>
    public (Message Question, Message? Answer)? Last()
    {
        var branch = Conversations.Branch(Leaf);
        return branch switch
        {
            [.., { Role: MessageRole.User } question] => (question, null),
            [.., { Role: MessageRole.User } question, var answer] => (question, answer),
            _ => null,
        };
    }

    /// <summary>Says a text to the model and shows what it answers.</summary>
    public void Say(string text)
    {
        Current ??= Conversations.Create(Settings);
        var question = Conversations.Add(new Message
        {
            Conversation = Current.Id, Parent = Leaf, Role = MessageRole.User, Parts = [Message.Said(text)],
        });
        Leaf = question.Id;
        AnswerTo(question);
    }

    /// <summary>Has a message answered, beside the answers that it may have already.</summary>
    public void AnswerTo(Message question)
    {
        var kernel = Kernel(CancellationToken.None);
        var tools = Model.IsChat ? Mounts.Tools(Model.Client.Context) : Toolbox.None;
        var exchange = new Exchange(Conversations, TimeProvider.System, kernel, tools);
        var display = new AnswerDisplay(Console, TimeProvider.System);
        Message? answer = null;
        try
        {
            Interruptible(cancel => Read(cancel).GetAwaiter().GetResult());
        }
        catch (OperationCanceledException)
        {
            // Stopped before the first token: there is nothing to keep.
        }

        var notes = new List<string>();
        if (answer is not null)
        {
            Leaf = answer.Id;
            if (!IsQuiet)
                notes.Add(AnswerDisplay.Summary(answer.Cost, Model.Client.Context));
        }

        notes.AddRange(Notes(answer, exchange.LeftOut));
        display.Finish(answer?.Parts ?? [], string.Join(" · ", notes.Where(note => note.Length > 0)));
        Console.WriteLine();

        async Task<bool> Read(CancellationToken cancel)
        {
            display.Show([], "...");
            using var approval = new Approval(_keys, kernel);
            await foreach (var step in exchange.Answer(Model.Client, question, Settings, Sampling, cancel)
                .ConfigureAwait(false))
            {
                answer = step.Answer;
                approval.Take(step.Ask);
                if (answer.State == MessageState.Writing)
                    display.Show(answer.Parts, step.Ask is { } ask
                        ? $"{Terminal.Clean(ask.Text).Replace('\n', '\u21b5')} y/n" : "Ctrl-C stops",
                        always: step.Ask is not null);
            }

            return true;
        }
    }

    /// <summary>Has what is mounted seen by the kernel that answers run in.</summary>
    public void ReloadMounts() => Kernel(CancellationToken.None).ReloadAsync().GetAwaiter().GetResult();

    /// <summary>A faint line of the program's own.</summary>
    public void Tell(string text)
    {
        foreach (var row in text.Split('\n').SelectMany(line => Entry.Wrap(line, Console.Profile.Width - 1)))
            new Paint().Add(Terminal.Clean(row), Glyphs.Label).WriteTo(Console);
    }

    public void Dispose()
    {
        foreach (var signal in _signals)
            signal.Dispose();
        _stop?.Dispose();
        _kernel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Model?.Dispose();
    }

    // The user's: this program hosts it, or another does.
    private IAgentKernel Kernel(CancellationToken cancel) => _kernel.OpenAsync(
        Model.KernelParts(new ChatModel(new ModelNow(this))), cancel).GetAwaiter().GetResult();

    private static IEnumerable<string> Notes(Message? answer, int leftOut)
    {
        if (answer is null)
            yield return "stopped before the first word";
        if (answer?.State == MessageState.Stopped)
            yield return "stopped";
        if (answer?.State == MessageState.Length)
            yield return "cut at the most tokens; /set max_tokens N allows more";
        if (answer?.State == MessageState.Failed)
            yield return $"failed: {answer.Fault}";
        if (leftOut > 0)
            yield return $"the context is full: the model no longer sees the first {leftOut} messages";
    }

    private void Greet()
    {
        new Paint().Add(Terminal.Clean(Model.Name), Glyphs.Accent).Add(
            $"  {Human.Short(Model.Parameters)} parameters, context {Human.Count(Model.Client.Context)}", Glyphs.Label)
            .WriteTo(Console);
        if (!Model.IsChat)
            Tell("A base model: it knows no turns and continues what you write.");
        Tell("/help shows the commands, Ctrl-D ends.");
        Console.WriteLine();
    }

    private (string Text, InputEnd End) Ask()
    {
        var begin = _begin;
        _begin = "";
        // Only while it reads: otherwise Ctrl-C is the signal that stops an answer.
        System.Console.TreatControlCAsInput = true;
        _keys.TakeAhead();
        Console.Profile.Out.Writer.Write(KeyReader.PasteOn);
        try
        {
            return _editor.Read(begin, Leaf is null ? Model.IsChat ? "Say something" : "Begin a text" : "");
        }
        finally
        {
            Restore();
        }
    }

    private void Restore()
    {
        Console.Profile.Out.Writer.Write(KeyReader.PasteOff);
        Console.Profile.Out.Writer.Flush();
        System.Console.TreatControlCAsInput = false;
    }

    private void Take(string text)
    {
        if (SlashCommands.IsCommand(text))
            _commands.Obey(text.Trim());
        else
            Say(text);
    }

    // A fault ends what was asked for and not the conversation.
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (OperationCanceledException)
        {
            Tell("Stopped.");
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            Tell(Failure.Describe(e));
            Console.WriteLine();
        }
    }

    private T Interruptible<T>(Func<CancellationToken, T> work)
    {
        using var stop = new CancellationTokenSource();
        _stop = stop;
        try
        {
            return work(stop.Token);
        }
        finally
        {
            _stop = null;
        }
    }
}
