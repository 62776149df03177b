namespace Wisp.Train.Align.Pairs;

/// <summary>The two answers of a pair as tokens, the one that was liked better first.</summary>
public sealed record PairTokens(Example Chosen, Example Rejected);
