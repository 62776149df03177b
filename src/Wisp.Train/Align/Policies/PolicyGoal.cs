namespace Wisp.Train.Align.Policies;

/// <summary>What a policy is asked, what it is paid for, and who watches.</summary>
/// <param name="Judge">Never learned from: the <see cref="HackingMeter"/> compares the reward with it.</param>
public sealed record PolicyGoal(PromptBook Book, AnswerScore Reward, AnswerScore Judge);
