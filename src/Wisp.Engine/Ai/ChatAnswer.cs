using Microsoft.Extensions.AI;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>One answer in the making: tokens become text, text becomes contents, and stop strings end it.</summary>
internal sealed class ChatAnswer(ChatPlan plan, Tokenizer tokenizer, Func<string> newCallId)
{
    private readonly Utf8Stream _characters = new();
    private readonly StopStrings _stops = new(plan.Stop);
    private readonly AnswerParser _parser = new(plan.Style, plan.Functions, plan.Thinking, newCallId)
    {
        StreamsCalls = plan.StreamsCalls,
    };

    private readonly List<AIContent> _sure = [];

    public int Tokens { get; private set; }

    public int ThoughtTokens { get; private set; }

    public bool HasCalled { get; private set; }

    /// <summary>Whether nothing that the model may still write belongs to the answer.</summary>
    public bool HasEnded => _stops.Found is not null || (plan.OneCall && HasCalled);

    /// <summary>What is sure after the next token, often nothing.</summary>
    public IReadOnlyList<AIContent> Read(int token)
    {
        Tokens++;
        var before = _parser.IsThinking;
        // Control tokens have no text but where they are a part of the answer.
        if (!tokenizer.IsSpecial(token) || ToolStyles.Tags.Contains(tokenizer.Tokens[token]))
            Take(_parser.Push(_characters.Push(tokenizer.BytesOf(token))));
        if (before || _parser.IsThinking)
            ThoughtTokens++;
        return Sure();
    }

    /// <summary>What was held back.</summary>
    public IReadOnlyList<AIContent> Finish()
    {
        if (!HasEnded)
        {
            Take(_parser.Push(_characters.Flush()));
            Take(_parser.Finish());
            if (!HasEnded)
                Say(_stops.Flush());
        }

        return Sure();
    }

    private void Take(IReadOnlyList<AIContent> contents)
    {
        foreach (var content in contents)
        {
            if (HasEnded)
                return;
            switch (content)
            {
                // Stop strings are searched for in what is said, not in thoughts and arguments.
                case TextContent said:
                    Say(_stops.Push(said.Text));
                    continue;
                case TextReasoningContent when plan.HidesThoughts:
                    continue;
                case FunctionCallContent:
                    HasCalled = true;
                    break;
            }

            Say(_stops.Flush());
            _sure.Add(content);
        }
    }

    private void Say(string text)
    {
        if (text.Length > 0)
            _sure.Add(new TextContent(text));
    }

    private List<AIContent> Sure()
    {
        List<AIContent> sure = [.. _sure];
        _sure.Clear();
        return sure;
    }
}
