using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Data;

namespace Wisp.Train.Align;

/// <summary>
/// Whole examples side by side in rows, as a pure function of (seed, step): nothing has to be saved to go on in the
/// middle of an epoch. Every example is in every epoch once, and none sees another: each is a document of its own.
/// </summary>
/// <remarks>
/// In every epoch the examples come in a new random order, and each goes into the fullest of the open rows that it
/// still fits (best fit). What stays empty is filled with tokens that count nothing, each a document of one.
/// </remarks>
public sealed class PackedBatches
{
    // Enough choice to fill rows to 97 % and more with conversations of any mixture of lengths.
    private const int OpenRows = 64;

    private readonly IReadOnlyList<Example> _examples;
    private readonly ulong _seed;
    private readonly int _padding;
    private readonly List<long> _firstStep = [0]; // of each epoch, as far as they are known
    private List<List<int>> _rows = [];
    private int _epoch = -1;

    /// <param name="B">Rows of a batch.</param>
    /// <param name="T">Tokens of a row; no example may be longer.</param>
    /// <param name="padding">The token of empty places.</param>
    public PackedBatches(IReadOnlyList<Example> examples, int B, int T, ulong seed, int padding)
    {
        if (examples.Count == 0)
            throw new ArgumentException("There are no examples to pack.", nameof(examples));
        if (examples.FirstOrDefault(example => example.Tokens.Length > T) is { } tooLong)
            throw new ArgumentException(
                $"An example of {tooLong.Tokens.Length} tokens does not fit a row of {T}.", nameof(examples));
        (_examples, Rows, RowTokens, _seed, _padding) = (examples, B, T, seed, padding);
    }

    /// <summary>B.</summary>
    public int Rows { get; }

    /// <summary>T.</summary>
    public int RowTokens { get; }

    /// <summary>Steps before all examples of so many epochs were seen.</summary>
    public long StepsOf(int epochs)
    {
        while (_firstStep.Count <= epochs)
            Arrange(_firstStep.Count - 1);
        return _firstStep[epochs];
    }

    /// <summary>Writes batch number <paramref name="step"/>, from 0, and returns how many targets count.</summary>
    public int Fill(long step, Span<int> tokens, Span<int> targets, Span<int> positions, Span<int> documentStarts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, Rows * RowTokens);
        var epoch = Math.Max(0, _epoch);
        while (StepsOf(epoch + 1) <= step)
            epoch++;
        while (StepsOf(epoch) > step)
            epoch--;
        if (epoch != _epoch)
            Arrange(epoch);

        tokens.Fill(_padding);
        targets.Fill(CrossEntropy.Ignored);
        positions.Clear();
        var counted = 0;
        for (var row = 0; row < Rows; row++)
        {
            for (var i = 0; i < RowTokens; i++)
                documentStarts[(row * RowTokens) + i] = i;
            var index = ((step - _firstStep[epoch]) * Rows) + row;
            var at = 0;
            foreach (var number in index < _rows.Count ? _rows[(int)index] : [])
            {
                var example = _examples[number];
                example.Tokens.CopyTo(tokens[((row * RowTokens) + at)..]);
                example.Targets.CopyTo(targets[((row * RowTokens) + at)..]);
                for (var i = 0; i < example.Tokens.Length; i++)
                {
                    positions[(row * RowTokens) + at + i] = i;
                    documentStarts[(row * RowTokens) + at + i] = at;
                }

                at += example.Tokens.Length;
                counted += example.Counted;
            }
        }

        return counted;
    }

    private void Arrange(int epoch)
    {
        var order = new int[_examples.Count];
        Shuffle.Permutation(order, Shuffle.Key(_seed, stream: 3, (ulong)epoch));
        var rows = new List<List<int>>();
        var open = new List<(List<int> Row, int Left)>();
        foreach (var number in order)
        {
            var length = _examples[number].Tokens.Length;
            var best = -1;
            for (var i = 0; i < open.Count; i++)
                if (open[i].Left >= length && (best < 0 || open[i].Left < open[best].Left))
                    best = i;
            if (best < 0)
            {
                // The fullest row has the least hope of another example.
                if (open.Count == OpenRows)
                    open.RemoveAt(open.IndexOf(open.MinBy(row => row.Left)));
                best = open.Count;
                rows.Add([]);
                open.Add((rows[^1], RowTokens));
            }

            open[best].Row.Add(number);
            open[best] = (open[best].Row, open[best].Left - length);
        }

        if (_firstStep.Count == epoch + 1)
            _firstStep.Add(_firstStep[epoch] + ((rows.Count + Rows - 1) / Rows));
        (_rows, _epoch) = (rows, epoch);
    }

    /// <summary>A batch of its own memory, for whoever reads examples one after the other.</summary>
    internal sealed class Page(int B, int T)
    {
        private readonly int[] _tokens = new int[B * T], _targets = new int[B * T], _positions = new int[B * T],
            _starts = new int[B * T];

        public TokenBatch Batch => new(B, T, _tokens, _targets, _positions, _starts);

        public int Fill(PackedBatches batches, long step) =>
            batches.Fill(step, _tokens, _targets, _positions, _starts);
    }
}
