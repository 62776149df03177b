namespace Wisp.Train.Eval;

/// <summary>How an examination is held; equal options on equal models and tasks give equal results.</summary>
public sealed record EvalOptions
{
    /// <summary>Of the choice of items and examples, of shuffles and of intervals. Answers are greedy.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Solved examples before each item, where the model continues text.</summary>
    public int Shots { get; init; }

    /// <summary>How often choices behind letters are put in another order.</summary>
    public int Shuffles { get; init; } = 1;

    /// <summary>Asks questions with choices as turns of a chat and not as text to go on with.</summary>
    public bool AsChat { get; init; }
}
