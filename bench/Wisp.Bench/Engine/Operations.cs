using System.Diagnostics;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Bench.Engine;

/// <summary>One part of a pass: its time, and what it has to read and to compute at least.</summary>
/// <param name="Bytes">Weights, keys and values of a pass; activations stay in the caches and do not count.</param>
/// <param name="Flop">Multiply-adds times two.</param>
internal sealed record Operation(string Name, double Seconds, double Bytes, double Flop);

/// <summary>Where the time of a token and of a prompt goes, taken inside our decoder.</summary>
internal static class Operations
{
    // The median of as many as fit the time.
    private const int MostSamples = 32, FewestSamples = 2;
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(3);

    /// <param name="past">Tokens in the cache before the first pass; 0 begins anew for each.</param>
    /// <param name="rows">1 for the decoding of a token, more for a prompt.</param>
    public static Operation[] Measure(OurStreams side, int past, int rows)
    {
        var tokens = SideProgram.Tokens(side.Vocabulary, rows, seed: 2);
        side.Clear();
        if (past > 0)
            side.Feed(SideProgram.Tokens(side.Vocabulary, past));
        Pass(); // wakes the workers, fetches the pages
        List<DecoderTimes> samples = [];
        var watch = Stopwatch.StartNew();
        while (samples.Count < FewestSamples || (samples.Count < MostSamples && watch.Elapsed < s_time))
            samples.Add(Pass());
        return [.. Enum.GetValues<DecoderOperation>().Select(op => new Operation(
            op.ToString(), Spread.Of(samples.Select(t => t.Of(op).TotalSeconds)).Median,
            Bytes(side.Weights, op, past + rows), Flop(side.Weights, op, past, rows)))];

        DecoderTimes Pass()
        {
            if (past == 0)
                side.Clear();
            var times = new DecoderTimes(TimeProvider.System);
            side.Times = times;
            side.Feed(tokens);
            side.Times = null;
            return times;
        }
    }

    private static double Bytes(DecoderWeights w, DecoderOperation op, int keys) => op switch
    {
        DecoderOperation.Head => w.Head.Weight.Bytes,
        DecoderOperation.Attention => (double)keys * w.Config.KvBytesPerToken(KvType.F16),
        _ => w.Blocks.Sum(block => Matrices(block, op).Sum(m => (double)m.Bytes)),
    };

    private static double Flop(DecoderWeights w, DecoderOperation op, int past, int rows) => op switch
    {
        // Only the last row of a prompt needs its logits.
        DecoderOperation.Head => 2.0 * w.Head.Weight.Rows * w.Head.Weight.Columns,
        // Each row sees itself and what came before it.
        DecoderOperation.Attention =>
            4.0 * w.Config.Layers * w.Config.Heads * w.Config.HeadDim * rows * (past + ((rows + 1) / 2.0)),
        _ => w.Blocks.Sum(block => Matrices(block, op).Sum(m => 2.0 * m.Rows * m.Columns)) * rows,
    };

    private static IEnumerable<WeightMatrix> Matrices(BlockWeights block, DecoderOperation op) => op switch
    {
        DecoderOperation.Qkv => [block.Q.Weight, block.K.Weight, block.V.Weight],
        DecoderOperation.Output => [block.O.Weight],
        DecoderOperation.GateUp => block.Ffn.SelectMany(f => f.Gate is null
            ? new[] { f.Up.Weight } : [f.Gate.Weight, f.Up.Weight]),
        DecoderOperation.Down => block.Ffn.Select(f => f.Down.Weight),
        _ => [],
    };
}
