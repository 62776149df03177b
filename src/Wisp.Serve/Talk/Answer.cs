using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Kernel;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Store;

namespace Wisp.Serve.Talk;

/// <summary>What is to be answered.</summary>
/// <param name="Name">What ps calls the process.</param>
/// <param name="Messages">All that the model reads; the last is the question.</param>
public sealed record AnswerTask(string Name, IReadOnlyList<ChatMessage> Messages, ChatOptions Options)
{
    /// <summary>What its calls may do.</summary>
    public IReadOnlyList<Capability> Capabilities { get; init; } = [];

    /// <summary>Of what the messages before the question were made from.</summary>
    public Guard.Label Label { get; init; } = Guard.Label.Public;
}

/// <summary>
/// One answer of a model from the question to the last word, which is the life of a process: the kernel makes its calls
/// through the gate, and this is its model and its reader. What was written until a stop or a fault stays in
/// <see cref="Parts"/>.
/// </summary>
public sealed class Answer(IChatClient client) : AskedModel
{
    // A model that calls and calls would never answer; after so many results it is offered nothing more.
    private const int MaxCalls = 12;

    private const int MaxName = 64; // of a process
    private const int LeastResult = 400; // characters to which a result may be cut

    // A kernel in a long step of its own model kills when it comes to it.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly List<MessagePart> _parts = [];
    private readonly List<ScoredToken> _scores = [];
    private readonly Tokenizer? _tokenizer = client.GetService(typeof(Tokenizer)) as Tokenizer;
    // Updates of the model, events of the kernel, or why it is lost; in the order in which they happened.
    private readonly Channel<object> _news = Channel.CreateUnbounded<object>();

    // What the model's thread has: the kernel asks for one turn at a time.
    private readonly List<ChatMessage> _said = [];
    private readonly Queue<string> _open = new(); // ids of calls without a result
    private ChatOptions _options = new();
    private int _given, _results;
    private CancellationToken _stopped;
    private ExceptionDispatchInfo? _fault;
    private Task _turn = Task.CompletedTask;

    // What the reader has.
    private readonly Queue<WrittenCall> _calls = new();
    private ChatFinishReason _end = ChatFinishReason.Stop;
    private bool _isCut;
    private long _begin, _first, _last;
    private int _prompt, _tokens;

    public IReadOnlyList<MessagePart> Parts => _parts;

    /// <summary>The tokens with their shares, where the client tells them.</summary>
    public IReadOnlyList<ScoredToken> Scores => _scores;

    /// <summary>Whole or Length once it has ended by itself, Stopped where a signal ended it.</summary>
    public MessageState State { get; private set; } = MessageState.Writing;

    /// <summary>What a person is asked before it goes on; null while nothing is.</summary>
    public AskReport? Ask { get; private set; }

    public AnswerCost Cost =>
        new(_prompt, _tokens, _first == 0 ? 0 : Stopwatch.GetElapsedTime(_first, _last).TotalSeconds);

    /// <summary>From the question to the first token.</summary>
    public TimeSpan Wait => _first == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_begin, _first);

    /// <summary>
    /// Writes the answer. Each item is news: more text of the last part, a call that begins (its text null), the same
    /// call with its result, or null where <see cref="Ask"/> has changed. However the reading ends, the process does.
    /// </summary>
    /// <exception cref="PromptTooLongException">The messages do not fit the context.</exception>
    /// <exception cref="IOException">The kernel has gone.</exception>
    public async IAsyncEnumerable<MessagePart?> Write(
        IAgentKernel kernel, AnswerTask task, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentNullException.ThrowIfNull(task);
        _begin = Stopwatch.GetTimestamp();
        (_options, _given) = (task.Options, task.Messages.Count);
        _said.AddRange(task.Messages);
        using var stop = new CancellationTokenSource();
        _stopped = stop.Token;
        var pid = await kernel.SpawnAsync(RequestOf(task), this);
        var isOver = false;
        try
        {
            while (!isOver)
            {
                var news = await _news.Reader.ReadAsync(cancel);
                if (news is ChatResponseUpdate update)
                {
                    Note(update);
                    _end = update.FinishReason ?? _end;
                    foreach (var content in update.Contents)
                        if (Take(content) is { } more)
                            yield return more;
                }
                else if (news is Asked or Answered)
                {
                    Ask = news is Asked asked ? new AskReport(asked.Ask, pid, asked.Kind, asked.Text) : null;
                    yield return null;
                }
                else if (news is Exited exited)
                {
                    isOver = true;
                    End(exited);
                }
                else if (news is string why)
                {
                    throw new IOException(why);
                }
                else
                {
                    foreach (var part in Follow((KernelEvent)news))
                        yield return part;
                }
            }
        }
        finally
        {
            var killed = isOver ? Task.CompletedTask : Kill(kernel, pid);
            await stop.CancelAsync();
            await Task.WhenAny(killed, Task.Delay(s_patience, CancellationToken.None));
            // The model is let go of: whoever has it may close it now.
            await _turn.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>For the kernel.</summary>
    public override Task<ChatTurn> AnswerAsync(AskedTurn turn, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(turn);
        // Last words are for whoever comes after, and nobody does.
        var asked = turn.IsStopping ? Task.FromResult(new ChatTurn("", 0, 0, 0) { Calls = [] }) : Write(turn, cancel);
        // One that was broken off may still be letting go of the model.
        _turn = _turn.IsCompleted ? asked : Task.WhenAll(_turn, asked);
        return Told(asked, cancel);
    }

    // A turn that the reader has broken off did not fail: the process is being killed.
    private async Task<ChatTurn> Told(Task<ChatTurn> asked, CancellationToken cancel)
    {
        try
        {
            return await asked;
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            await Task.Delay(Timeout.Infinite, cancel);
            throw;
        }
    }

    /// <summary>For the kernel.</summary>
    public override void Saw(JournalEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        _news.Writer.TryWrite(entry.Event);
    }

    /// <summary>For the kernel.</summary>
    public override void Lost(string why) => _news.Writer.TryWrite(why);

    private SpawnRequest RequestOf(AnswerTask task)
    {
        var context = (client.GetService(typeof(WispChatClient)) as WispChatClient)?.Context ?? int.MaxValue;
        var tokens = Math.Clamp(Math.Min(task.Options.MaxOutputTokens ?? context, context), 1, 1 << 20);
        var name = string.Concat(task.Name.EnumerateRunes().Take(MaxName / 2));
        return new SpawnRequest
        {
            Name = name.Length > 0 ? name : "answer", Message = task.Messages[^1].Text,
            Label = task.Label == Guard.Label.Public ? "" : task.Label.ToText(), Class = SchedulingClass.Interactive,
            Capabilities = task.Capabilities, Ephemeral = true, TurnTokens = tokens,
            // The journal's; the request to the model has all settings.
            Temperature = Math.Clamp(task.Options.Temperature ?? 0.8, 0, 99), Seed = (ulong)(task.Options.Seed ?? 0),
            Model = ((ChatClientMetadata?)client.GetService(typeof(ChatClientMetadata)))?.DefaultModelId ?? "model",
            Limits = new Dictionary<Resource, Limit>
            {
                [Resource.ToolCalls] = new(null, MaxCalls),
                [Resource.DecodeTokens] = new(null, (MaxCalls + 1L) * tokens),
            },
        };
    }

    private static async Task Kill(IAgentKernel kernel, Pid pid)
    {
        try
        {
            await kernel.SignalAsync(pid, Signal.Kill);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            // It, or the kernel, has ended already.
        }
    }

    private async Task<ChatTurn> Write(AskedTurn turn, CancellationToken cancel)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, _stopped);
        List<ChatResponseUpdate> updates = [];
        try
        {
            var options = _options.Clone();
            if (turn.Number > 0)
                Hear(turn.News, options);
            if (_results >= MaxCalls)
                options.ToolMode = ChatToolMode.None;
            if (turn.Tokens < turn.Request.TurnTokens)
                options.MaxOutputTokens = turn.Tokens;
            await foreach (var update in client.GetStreamingResponseAsync(_said, options, both.Token))
            {
                updates.Add(update);
                _news.Writer.TryWrite(update);
            }
        }
        catch (Exception e) when (!both.IsCancellationRequested)
        {
            _fault = ExceptionDispatchInfo.Capture(e);
            throw;
        }

        var response = updates.ToChatResponse();
        _said.AddRange(response.Messages);
        _open.Clear();
        foreach (var call in response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>())
            _open.Enqueue(call.CallId);
        return ChatTurn.Of(response);
    }

    // What came of the calls, and what was said meanwhile.
    private void Hear(IReadOnlyList<Heard> news, ChatOptions options)
    {
        foreach (var heard in news)
            if (heard.Role != PromptRole.Tool || !_open.TryDequeue(out var id))
                _said.Add(new ChatMessage(ChatRole.User, heard.Text));
            else
            {
                _results++;
                _said.Add(new ChatMessage(
                    ChatRole.Tool, [new FunctionResultContent(id, Shown(heard.Status, heard.Text))]));
            }

        if (client.GetService(typeof(WispChatClient)) is not WispChatClient wisp)
            return;
        // A file may be longer than the context: the longest result is halved until there is room for an answer.
        var room = Transcript.RoomOf(wisp, options);
        while (!wisp.Fits(_said, options, room))
        {
            var longest = _said.Skip(_given).SelectMany(message => message.Contents).OfType<FunctionResultContent>()
                .MaxBy(result => ((string)result.Result!).Length);
            if (longest?.Result is not string { Length: > LeastResult } text)
                return; // what is too long is said by the client
            var half = text.Length / 2;
            longest.Result = text[..(char.IsHighSurrogate(text[half - 1]) ? half - 1 : half)]
                + "\n[cut: too long to be read at once]";
        }
    }

    private void End(Exited exited)
    {
        Ask = null;
        if (exited.Code is > 0 and < 128)
        {
            _fault?.Throw();
            throw new InvalidOperationException(exited.Reason);
        }

        State = exited.Code != 0 || _isCut ? MessageState.Stopped
            : _end == ChatFinishReason.Length ? MessageState.Length : MessageState.Whole;
    }

    // A turn's calls are made one after the other: a result means that the next begins.
    private IEnumerable<MessagePart> Follow(KernelEvent news)
    {
        if (news is Turned turned)
        {
            _isCut |= turned.Cut;
            foreach (var call in turned.Calls ?? [])
                _calls.Enqueue(call);
        }
        else if (news is Returned returned && _parts is [.., { Kind: PartKind.Call, Text: null } open])
        {
            _parts[^1] = open with { Text = Shown(returned.Status, returned.Text) };
            yield return _parts[^1];
        }
        else
        {
            yield break;
        }

        if (!_calls.TryDequeue(out var next))
            yield break;
        _parts.Add(new MessagePart { Kind = PartKind.Call, Name = next.Name, Arguments = next.Arguments });
        yield return _parts[^1];
    }

    private void Note(ChatResponseUpdate update)
    {
        _last = Stopwatch.GetTimestamp();
        if (_first == 0)
            _first = _last;
        foreach (var usage in update.Contents.OfType<UsageContent>())
        {
            // Each turn reads all that was said; what counts for the context is the last and longest.
            _prompt = (int)(usage.Details.InputTokenCount ?? 0);
            _tokens += (int)(usage.Details.OutputTokenCount ?? 0);
        }

        if (update.AdditionalProperties?.GetValueOrDefault(WispChatClient.LogProbabilities)
            is IReadOnlyList<EngineToken> scores && _tokenizer is not null)
            _scores.AddRange(scores.Select(token => new ScoredToken(Shown(token.Id),
                Share(token.Chosen!.Value), [.. token.Best.Select(s => new TokenShare(Shown(s.Token), Share(s)))])));
    }

    private MessagePart? Take(AIContent content)
    {
        var (kind, text) = content switch
        {
            TextReasoningContent thought => (PartKind.Thought, thought.Text),
            TextContent more => (PartKind.Text, more.Text),
            _ => (PartKind.Call, ""),
        };
        if (text.Length == 0)
            return null;
        if (_parts is [.., var last] && last.Kind == kind)
            _parts[^1] = last with { Text = last.Text + text };
        else
            _parts.Add(new MessagePart { Kind = kind, Text = text });
        return new MessagePart { Kind = kind, Text = text };
    }

    // In the words that our own models learned.
    private static string Shown(SysStatus status, string text) => status == SysStatus.Ok ? text : $"error: {text}";

    private string Shown(int token) => _tokenizer!.DecodeText([token]);

    private static float Share(TokenScore score) => MathF.Exp(score.LogProbability);
}
