namespace Wisp.Train.Data;

/// <summary>
/// Training batches as a pure function of (seed, step, B, T, shards): nothing has to be saved to resume in the middle
/// of an epoch, and any step can be had again.
/// </summary>
/// <remarks>
/// In every epoch the documents are laid out in a new random order as one stream EOT d EOT d ... EOT, the stream is cut
/// into windows of T+1 tokens with stride T, and the windows are drawn in random order, so that a long book does not
/// come in a row. Row r of step s is draw number s·B + r, counted on from epoch to epoch; a batch may hold rows of two
/// epochs. Every token of the stream but the first is a target exactly once an epoch, up to a tail shorter than T that
/// the next epoch's order puts elsewhere.
/// </remarks>
public sealed class BatchReader
{
    private readonly TokenShards _shards;
    private readonly ulong _seed;
    private readonly int[] _documents;    // stream order to document
    private readonly long[] _streamStart; // where each begins in the stream, its EOT included; one more for the end
    private readonly int[] _windows;      // draw order to window
    private long _epoch = -1;

    /// <param name="B">Rows of a batch.</param>
    /// <param name="T">Tokens of a row.</param>
    public BatchReader(TokenShards shards, int B, int T, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(B);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(T);
        (_shards, Rows, RowTokens, _seed) = (shards, B, T, seed);
        var windows = (shards.TokenCount - 1) / T;
        if (windows is 0 or > int.MaxValue)
            throw new InvalidDataException(
                $"{shards.Path}: {shards.TokenCount} tokens do not fill rows of {T} (found {windows}). " +
                (windows == 0 ? "Choose a shorter context or more text." : "Choose a longer context."));
        _documents = new int[shards.DocumentCount];
        _streamStart = new long[shards.DocumentCount + 1];
        _windows = new int[windows];
    }

    /// <summary>B.</summary>
    public int Rows { get; }

    /// <summary>T.</summary>
    public int RowTokens { get; }

    /// <summary>Rows drawn before the epoch changes.</summary>
    public int RowsPerEpoch => _windows.Length;

    /// <summary>How often the text has been seen when a step begins.</summary>
    public double EpochsAt(long step) => (double)step * Rows / _windows.Length;

    /// <summary>Writes batch number <paramref name="step"/>, counted from 0. Nothing is allocated.</summary>
    /// <param name="tokens">(B, T).</param>
    /// <param name="targets">(B, T): the token that follows.</param>
    /// <param name="positions">(B, T): distance from the beginning of the document, or of the row if that is
    /// later.</param>
    /// <param name="documentStarts">(B, T): index in the row of that beginning; attention looks no further
    /// back.</param>
    public void Fill(long step, Span<int> tokens, Span<int> targets, Span<int> positions, Span<int> documentStarts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        int B = Rows, T = RowTokens;
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(targets.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(positions.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(documentStarts.Length, B * T);
        for (var row = 0; row < B; row++)
        {
            var (epoch, draw) = Math.DivRem(checked(step * B + row), _windows.Length);
            if (epoch != _epoch)
                Arrange(epoch);
            FillRow((long)_windows[draw] * T, tokens.Slice(row * T, T), targets.Slice(row * T, T),
                positions.Slice(row * T, T), documentStarts.Slice(row * T, T));
        }
    }

    private void Arrange(long epoch)
    {
        Shuffle.Permutation(_documents, Shuffle.Key(_seed, stream: 1, (ulong)epoch));
        Shuffle.Permutation(_windows, Shuffle.Key(_seed, stream: 2, (ulong)epoch));
        var at = 0L;
        for (var i = 0; i < _documents.Length; i++)
        {
            _streamStart[i] = at;
            at += _shards.Length(_documents[i]) + 1;
        }

        _streamStart[^1] = at;
        _epoch = epoch;
    }

    private void FillRow(long from, Span<int> tokens, Span<int> targets, Span<int> positions, Span<int> documentStarts)
    {
        var at = Array.BinarySearch(_streamStart, from);
        var document = at >= 0 ? at : ~at - 1; // the last that begins at or before `from`
        var done = 0;
        while (done < tokens.Length)
        {
            var offset = from + done - _streamStart[document];
            var length = _streamStart[document + 1] - _streamStart[document]; // EOT and tokens
            var count = (int)Math.Min(length - offset, tokens.Length - done);
            // One token more than the row shows is its last target; behind a document that is the next one's EOT.
            var text = _shards.Tokens(_shards.Start(_documents[document]) + offset, count + 1);
            for (var i = 0; i < count; i++)
            {
                tokens[done + i] = text[i];
                targets[done + i] = text[i + 1];
                positions[done + i] = i;
                documentStarts[done + i] = done;
            }

            done += count;
            document++;
        }
    }
}
