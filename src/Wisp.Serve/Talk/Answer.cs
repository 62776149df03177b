using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Store;

namespace Wisp.Serve.Talk;

/// <summary>
/// One answer of a model from the question to the last word, functions called and their results read in between. What
/// was written until a stop or a fault stays in <see cref="Parts"/>.
/// </summary>
/// <param name="tools">What the model may call.</param>
public sealed class Answer(IChatClient client, IReadOnlyList<AIFunction> tools)
{
    // A model that calls and calls would never answer; after so many times it is offered nothing more.
    private const int MaxRounds = 6;

    private readonly List<MessagePart> _parts = [];
    private readonly List<ScoredToken> _scores = [];
    private readonly Tokenizer? _tokenizer = client.GetService(typeof(Tokenizer)) as Tokenizer;
    private long _begin, _first, _last;
    private int _prompt, _tokens;

    public IReadOnlyList<MessagePart> Parts => _parts;

    /// <summary>The tokens with their shares, where the client tells them.</summary>
    public IReadOnlyList<ScoredToken> Scores => _scores;

    /// <summary>Whole or Length once it has ended by itself.</summary>
    public MessageState State { get; private set; } = MessageState.Writing;

    public AnswerCost Cost =>
        new(_prompt, _tokens, _first == 0 ? 0 : Stopwatch.GetElapsedTime(_first, _last).TotalSeconds);

    /// <summary>From the question to the first token.</summary>
    public TimeSpan Wait => _first == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_begin, _first);

    /// <summary>
    /// Writes the answer. Each item is news: more text of the last part, a call that begins (its text null), or the
    /// same call with its result.
    /// </summary>
    /// <exception cref="PromptTooLongException">The messages do not fit the context.</exception>
    public async IAsyncEnumerable<MessagePart> Write(
        IReadOnlyList<ChatMessage> messages, ChatOptions options, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<ChatMessage> said = [.. messages];
        _begin = Stopwatch.GetTimestamp();
        for (var round = 1; ; round++)
        {
            var now = options.Clone();
            if (round > MaxRounds)
                now.ToolMode = ChatToolMode.None;
            List<ChatResponseUpdate> updates = [];
            var end = ChatFinishReason.Stop;
            await foreach (var update in client.GetStreamingResponseAsync(said, now, cancel).ConfigureAwait(false))
            {
                Note(update);
                end = update.FinishReason ?? end;
                foreach (var content in update.Contents)
                    if (Take(content) is { } news)
                        yield return news;
                updates.Add(update);
            }

            var calls = updates.SelectMany(update => update.Contents).OfType<FunctionCallContent>().ToList();
            if (calls.Count == 0)
            {
                State = end == ChatFinishReason.Length ? MessageState.Length : MessageState.Whole;
                yield break;
            }

            said.AddRange(updates.ToChatResponse().Messages);
            foreach (var call in calls)
            {
                var part = new MessagePart
                {
                    Kind = PartKind.Call, Name = call.Name, Arguments = Written(call.Arguments),
                };
                _parts.Add(part);
                yield return part;
                var result = await Result(call, cancel).ConfigureAwait(false);
                _parts[^1] = part with { Text = result };
                yield return _parts[^1];
                said.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, result)]));
            }
        }
    }

    private void Note(ChatResponseUpdate update)
    {
        _last = Stopwatch.GetTimestamp();
        if (_first == 0)
            _first = _last;
        foreach (var usage in update.Contents.OfType<UsageContent>())
        {
            // Each round reads all that was said; what counts for the context is the last and longest.
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

    // What a function throws is the model's to read, as its result is.
    private async Task<string> Result(FunctionCallContent call, CancellationToken cancel)
    {
        if (tools.FirstOrDefault(tool => tool.Name == call.Name) is not { } tool)
            return $"error: there is no function '{call.Name}'";
        try
        {
            var result = await tool.InvokeAsync(new AIFunctionArguments(call.Arguments), cancel).ConfigureAwait(false);
            return result?.ToString() ?? "";
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException
            or NotSupportedException or IOException or JsonException)
        {
            return $"error: {e.Message}";
        }
    }

    private static string Written(IDictionary<string, object?>? arguments)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            foreach (var (name, value) in arguments ?? new Dictionary<string, object?>())
            {
                json.WritePropertyName(name);
                if (value is JsonElement element)
                    element.WriteTo(json);
                else
                    json.WriteStringValue(value?.ToString());
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private string Shown(int token) => _tokenizer!.DecodeText([token]);

    private static float Share(TokenScore score) => MathF.Exp(score.LogProbability);
}
