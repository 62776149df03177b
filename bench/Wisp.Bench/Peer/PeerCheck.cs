namespace Wisp.Bench.Peer;

/// <summary>How far our logits lie from the peer's on the same weights and tokens.</summary>
/// <param name="Worst">max|ours - theirs| over all positions and tokens.</param>
/// <param name="Rms">Root of the mean square of the difference.</param>
/// <param name="SameTop">Positions at which both rank the same token first.</param>
internal sealed record PeerCheck(double Worst, double Rms, int SameTop, int Positions)
{
    /// <param name="ours">The logits after every token of a sequence, (T, V).</param>
    public static PeerCheck Of(LlamaCpp peer, int[] tokens, Func<int[], float[]> ours) =>
        Between(peer.Logits(tokens), ours(tokens), peer.VocabularySize);

    public static PeerCheck Between(ReadOnlySpan<float> theirs, ReadOnlySpan<float> ours, int V)
    {
        if (ours.Length != theirs.Length || ours.Length % V != 0)
            throw new ArgumentException(
                $"{ours.Length} logits of ours against {theirs.Length} of the peer's, in rows of {V}.");
        double worst = 0, squares = 0;
        for (var i = 0; i < ours.Length; i++)
        {
            var difference = Math.Abs((double)ours[i] - theirs[i]);
            // Written so that NaN on either side counts as infinitely far.
            if (!(difference <= worst))
                worst = double.IsNaN(difference) ? double.PositiveInfinity : difference;
            squares += difference * difference;
        }

        var same = 0;
        for (var t = 0; t < ours.Length / V; t++)
            if (LlamaCpp.ArgMax(ours.Slice(t * V, V)) == LlamaCpp.ArgMax(theirs.Slice(t * V, V)))
                same++;
        return new PeerCheck(worst, Math.Sqrt(squares / Math.Max(1, ours.Length)), same, ours.Length / V);
    }

    public override string ToString() => $"max {Worst:e2}, rms {Rms:e2}, same top token at {SameTop} of {Positions}";
}
