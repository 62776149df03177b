namespace Wisp.Model;

/// <summary>B rows of T tokens, each span (B, T).</summary>
public readonly ref struct TokenBatch(
    int B, int T, ReadOnlySpan<int> tokens, ReadOnlySpan<int> targets, ReadOnlySpan<int> positions,
    ReadOnlySpan<int> documentStarts)
{
    public int B { get; } = B;

    public int T { get; } = T;

    public ReadOnlySpan<int> Tokens { get; } = tokens;

    /// <summary>What position i must predict; −1 means that the position does not count.</summary>
    public ReadOnlySpan<int> Targets { get; } = targets;

    /// <summary>The position of each token within its document, for RoPE.</summary>
    public ReadOnlySpan<int> Positions { get; } = positions;

    /// <summary>The index within the row at which each token's document begins; empty means 0.</summary>
    public ReadOnlySpan<int> DocumentStarts { get; } = documentStarts;

    /// <summary>N = B·T.</summary>
    public int Rows => B * T;

    /// <summary>Positions that count.</summary>
    public int CountedTargets
    {
        get
        {
            var count = 0;
            foreach (var target in Targets)
                count += target >= 0 ? 1 : 0;
            return count;
        }
    }
}
