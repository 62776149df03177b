using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Tasks;

/// <summary>Something to be answered.</summary>
/// <param name="Prompt">What is asked: turns up to one of the user's.</param>
/// <param name="Key">What the problem is, however it is worded: problems with equal keys are the same one.</param>
/// <param name="Solution">A right answer; empty where nobody knows one.</param>
public sealed record Problem(Conversation Prompt, string Key, string Solution)
{
    /// <summary>A question without anything before it.</summary>
    public static Problem Of(string question, string key, string solution) =>
        new(new Conversation([new ConversationTurn(Role.User, question)]), key, solution);

    /// <summary>What is asked, in one line for people.</summary>
    public string Shown => Prompt.Turns[^1].Text.Trim();

    /// <summary>The problem with an answer as a conversation to learn from.</summary>
    public Conversation Answered(string answer) =>
        Prompt with { Turns = [.. Prompt.Turns, new ConversationTurn(Role.Assistant, answer)] };
}
