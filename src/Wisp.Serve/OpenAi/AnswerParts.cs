using System.Text;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Serve.OpenAi;

/// <summary>An answer that is put together from its pieces.</summary>
internal sealed class AnswerParts(Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new(), _thoughts = new();
    private readonly List<(string Id, string Name, StringBuilder Arguments)> _calls = [];

    public List<TokenLogProbability> Scores { get; } = [];

    public UsageDetails? Cost { get; private set; }

    public ChatFinishReason? End { get; private set; }

    public string Text => _text.ToString();

    public string Thoughts => _thoughts.ToString();

    /// <summary>The calls in order, each with the JSON of its arguments as the model wrote it.</summary>
    public IReadOnlyList<ToolCall> Calls => [.. _calls.Select(call => new ToolCall(
        null, call.Id, "function", new ToolCallFunction(call.Name, call.Arguments.ToString())))];

    public ChatAnswerMessage Message => new()
    {
        Role = "assistant", Content = _text.Length == 0 && _calls.Count > 0 ? null : Text,
        ReasoningContent = _thoughts.Length > 0 ? Thoughts : null, ToolCalls = _calls.Count > 0 ? Calls : null,
    };

    public void Add(ChatResponseUpdate update)
    {
        End = update.FinishReason ?? End;
        Scores.AddRange(ScoresOf(update, tokenizer));
        foreach (var content in update.Contents)
            switch (content)
            {
                case TextContent said:
                    _text.Append(said.Text);
                    break;
                case TextReasoningContent thought:
                    _thoughts.Append(thought.Text);
                    break;
                case FunctionCallDelta piece:
                    if (piece.Name is { } name)
                        _calls.Add((piece.CallId, name, new StringBuilder()));
                    _calls[^1].Arguments.Append(piece.Arguments);
                    break;
                case UsageContent used:
                    Cost = used.Details;
                    break;
            }
    }

    /// <summary>The log-probabilities that came with an update, where they were asked for.</summary>
    public static IEnumerable<TokenLogProbability> ScoresOf(ChatResponseUpdate update, Tokenizer tokenizer)
    {
        if (update.AdditionalProperties?.TryGetValue(WispChatClient.LogProbabilities, out var found) != true
            || found is not IReadOnlyList<EngineToken> tokens)
            return [];
        return tokens.Select(token => Score(tokenizer, token.Chosen!.Value,
            [.. token.Best.Select(best => Score(tokenizer, best, null))]));
    }

    private static TokenLogProbability Score(
        Tokenizer tokenizer, TokenScore score, IReadOnlyList<TokenLogProbability>? best)
    {
        var bytes = tokenizer.BytesOf(score.Token).ToArray();
        return new TokenLogProbability(Encoding.UTF8.GetString(bytes),
            float.IsFinite(score.LogProbability) ? score.LogProbability : -9999, // as OpenAI writes "never"
            [.. bytes.Select(value => (int)value)], best);
    }
}
