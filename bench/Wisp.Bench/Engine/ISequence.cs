namespace Wisp.Bench.Engine;

/// <summary>One sequence in an engine, ours or the peer's.</summary>
internal interface ISequence : IDisposable
{
    int Vocabulary { get; }

    /// <summary>Forgets everything.</summary>
    void Clear();

    /// <summary>Appends tokens and waits for the logits after the last; valid until the next call.</summary>
    ReadOnlySpan<float> Feed(ReadOnlySpan<int> tokens);

    /// <summary>The logits after every token of a fresh sequence, (T, V).</summary>
    float[] Logits(int[] tokens);
}

/// <summary>Several sequences in an engine that grow side by side.</summary>
internal interface IStreams : IDisposable
{
    int Vocabulary { get; }

    void Clear();

    /// <summary>Appends one token to each of the first sequences and waits for all their logits.</summary>
    void Step(ReadOnlySpan<int> tokens);
}
