using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>
/// A chat model behind Microsoft's <see cref="IChatClient"/>. Any number of requests may run at once: the engine works
/// on all of them together. Functions are offered and their calls handed out; running them is the caller's, or
/// FunctionInvokingChatClient's.
/// </summary>
/// <remarks>
/// Every property of ChatOptions is followed or refused by name; none is skipped. A response that must be JSON or a
/// call is held to it token by token; only an answer that is cut off (finish reason length) can miss its end. Faults of
/// messages and options are thrown before anything is computed.
/// </remarks>
public sealed class WispChatClient : IChatClient, IAsyncDisposable
{
    /// <summary>The entry of AdditionalProperties that holds log-probabilities.</summary>
    public const string LogProbabilities = "logprobs";

    private const string Digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    private const long CallIds = 101_559_956_668_416; // 36^9

    private readonly Engine _engine;
    private readonly ChatModel _model;
    private readonly ChatClientOptions _options;
    private readonly ChatClientMetadata _metadata;
    private readonly ulong _start;
    private (ModelFile File, WorkerPool Pool)? _owned;
    private long _answers, _calls;

    /// <summary>A client on an engine that the caller owns and disposes of after it.</summary>
    /// <param name="template">How messages become text; <see cref="ChatClientOptions.Template"/> replaces it.</param>
    public WispChatClient(Engine engine, Tokenizer tokenizer, ChatTemplate template, ChatClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        (_engine, _options) = (engine, options ?? new ChatClientOptions());
        if (_options.MaxOutputTokens is { } most)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most, nameof(options));
        if (_options.Template is { } source)
            template = new ChatTemplate(source, template.BosToken, template.EosToken);
        _model = new ChatModel(_options.ModelId ?? "wisp", tokenizer, template, engine.Context);
        _metadata = new ChatClientMetadata("wisp", defaultModelId: _model.Id);
        _start = Draw();
    }

    /// <summary>A client on a model file, with an engine of its own.</summary>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, or has no tokenizer or no chat template and none is given.
    /// </exception>
    /// <exception cref="TemplateException">The template cannot be read.</exception>
    public static WispChatClient Open(string path, ChatClientOptions? options = null)
    {
        options ??= new ChatClientOptions();
        var file = ModelFile.Open(path);
        WorkerPool? pool = null;
        Engine? engine = null;
        try
        {
            if (file.Tokenizer is not { } tokenizer)
                throw new InvalidDataException($"{path}: has no tokenizer, so it can read and write no text.");
            var template = ChatTemplateFiles.FromGguf(file.Source, source: options.Template)
                ?? throw new InvalidDataException($"{path}: has no chat template, so it is no chat model. Complete " +
                    $"texts with it, or give a template in {nameof(ChatClientOptions)}." +
                    $"{nameof(ChatClientOptions.Template)}, such as {nameof(ChatMl)}.{nameof(ChatMl.Template)}.");
            options = options with
            {
                Template = null, // it is in use already
                ModelId = options.ModelId ?? (file.Source.TryGetString("general.name", out var name) && name.Length > 0
                    ? name : Path.GetFileNameWithoutExtension(path)),
            };
            pool = new WorkerPool();
            engine = new Engine(file.Weights, options.Engine, pool);
            return new WispChatClient(engine, tokenizer, template, options) { _owned = (file, pool) };
        }
        catch
        {
            engine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            pool?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(messages, options, cancellationToken)
            .ConfigureAwait(false))
            updates.Add(update);
        var response = updates.ToChatResponse();
        // Joining gives the message the last entry of each name.
        List<EngineToken> scores = [.. updates.SelectMany(update => update.AdditionalProperties is { } entries
            ? (IReadOnlyList<EngineToken>)entries[LogProbabilities]! : [])];
        if (scores.Count == 0)
            return response;
        response.AdditionalProperties = new() { [LogProbabilities] = scores };
        foreach (var message in response.Messages)
            message.AdditionalProperties?.Remove(LogProbabilities);
        return response;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // The caller may change its options as soon as this returns.
        var asked = options?.Clone() ?? new ChatOptions();
        return Write(ChatPlan.Of(_model, messages, asked, NativeOf(asked), Draw(), _options), cancellationToken);
    }

    /// <summary>The text of the prompt that these messages become, and that the answer would go on with.</summary>
    /// <exception cref="ArgumentException">Messages or options that cannot be.</exception>
    public string Prompt(IEnumerable<ChatMessage> messages, ChatOptions? options = null)
    {
        var asked = options ?? new ChatOptions();
        return ChatPlan.Prompt(_model, messages, asked, NativeOf(asked), _options.Time);
    }

    /// <summary>Tokens that one request may hold, prompt and answer together.</summary>
    public int Context => _model.Context;

    /// <summary>Whether messages can be sent and leave so many tokens of the context for the answer.</summary>
    /// <exception cref="ArgumentException">Messages or options that cannot be.</exception>
    public bool Fits(IEnumerable<ChatMessage> messages, ChatOptions? options, int room)
    {
        var asked = options?.Clone() ?? new ChatOptions();
        try
        {
            var plan = ChatPlan.Of(_model, messages, asked, NativeOf(asked), 0, _options);
            return plan.Request.Prompt.Count + (long)room <= Context;
        }
        catch (PromptTooLongException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        object[] known = [this, _metadata, _engine, _model.Tokenizer, _model.Template];
        return Array.Find(known, serviceType.IsInstanceOfType);
    }

    /// <summary>Waits for the pass of the engine that runs, where the engine is the client's own.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_owned is not { } owned)
            return;
        _owned = null;
        await _engine.DisposeAsync().ConfigureAwait(false);
        owned.Pool.Dispose();
        owned.File.Dispose();
    }

    private WispChatOptions NativeOf(ChatOptions asked)
    {
        var native = asked.RawRepresentationFactory?.Invoke(this) switch
        {
            null => new WispChatOptions(),
            WispChatOptions given => given,
            Sampling sampling => new WispChatOptions { Sampling = sampling },
            var other => throw new ArgumentException("ChatOptions.RawRepresentationFactory returned a " +
                $"{other.GetType().Name}; it must be {nameof(WispChatOptions)} or {nameof(Sampling)}."),
        };
        native = AdditionalOptions.Apply(
            native with { Sampling = native.Sampling ?? _options.Sampling }, asked.AdditionalProperties);
        return native.LogProbabilities is null or >= 0 ? native : throw new ArgumentException(
            $"{nameof(WispChatOptions.LogProbabilities)} is {native.LogProbabilities}; it must be 0 or more.");
    }

    private async IAsyncEnumerable<ChatResponseUpdate> Write(
        ChatPlan plan, [EnumeratorCancellation] CancellationToken cancel)
    {
        var number = unchecked(_start + (ulong)Interlocked.Increment(ref _answers));
        var created = _options.Time.GetUtcNow();
        var answer = new ChatAnswer(plan, _model.Tokenizer, NewCallId);
        List<EngineToken>? scores = plan.Request.LogProbabilities is null ? null : [];
        var mask = plan.NewMask?.Invoke();
        var request = mask is null ? plan.Request : plan.Request with { Allowed = mask.Allowed };
        await using var stream = _engine.Start(request, cancel);
        await foreach (var token in stream.ReadAllAsync(cancel).ConfigureAwait(false))
        {
            cancel.ThrowIfCancellationRequested(); // tokens that wait to be read would still be handed out
            var contents = answer.Read(token.Id);
            scores?.Add(token);
            if (contents.Count > 0)
                yield return Update(contents);
            if (answer.HasEnded || mask?.Fault is not null)
                break;
        }

        if (mask?.Fault is { } fault)
            throw new InvalidOperationException($"The answer cannot go on: {fault.Message}", fault);

        if (answer.HasEnded)
        {
            // What it cost is known when the engine lets go of it, a pass later.
            await stream.DisposeAsync().ConfigureAwait(false);
            await foreach (var _ in stream.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
            }
        }
        else
        {
            cancel.ThrowIfCancellationRequested();
            if (stream.End == GenerationEnd.Cancelled)
                throw new OperationCanceledException("The engine was stopped before the answer ended.");
        }

        var last = Update([.. answer.Finish(), new UsageContent(Cost(stream.Usage, answer))]);
        last.FinishReason = !answer.HasEnded && stream.End == GenerationEnd.Count ? ChatFinishReason.Length
            : answer.HasCalled ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;
        yield return last;

        ChatResponseUpdate Update(IReadOnlyList<AIContent> contents)
        {
            var update = new ChatResponseUpdate(ChatRole.Assistant, [.. contents])
            {
                ResponseId = $"chatcmpl-{number:x16}", MessageId = $"msg-{number:x16}",
                ModelId = _model.Id, CreatedAt = created,
            };
            if (scores is not null)
            {
                update.AdditionalProperties = new() { [LogProbabilities] = scores };
                scores = [];
            }

            return update;
        }
    }

    private static UsageDetails Cost(EngineUsage usage, ChatAnswer answer) => new()
    {
        InputTokenCount = usage.PromptTokens,
        CachedInputTokenCount = usage.CachedTokens,
        OutputTokenCount = answer.Tokens,
        ReasoningTokenCount = answer.ThoughtTokens,
        TotalTokenCount = usage.PromptTokens + answer.Tokens,
    };

    private ulong Draw()
    {
        // Only Random.Shared may be drawn from by several threads.
        lock (_options.Random)
            return (ulong)_options.Random.NextInt64(long.MinValue, long.MaxValue);
    }

    // Nine letters and digits, because Mistral's templates take no other id. Two in 10^14 are the same.
    private string NewCallId()
    {
        var number = (_start + (ulong)Interlocked.Increment(ref _calls)) % CallIds;
        return string.Create(9, number, static (id, rest) =>
        {
            for (var i = id.Length - 1; i >= 0; i--, rest /= 36)
                id[i] = Digits[(int)(rest % 36)];
        });
    }
}
