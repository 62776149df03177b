namespace Wisp.Train.Data;

/// <summary>
/// Held-out documents as batches for bits-per-byte: Σ nats / ln 2 / <see cref="RawBytes"/>. Each document is read from
/// its beginning in windows of T tokens with a fresh context each, and every token of it, and the end-of-text token
/// that closes it, is a target exactly once. What is left of a window is padding with target -1.
/// </summary>
public sealed class HeldOut
{
    /// <summary>The target of padding: no loss.</summary>
    public const int Ignored = -1;

    private readonly TokenShards _shards;
    private readonly List<(int Document, int From)> _rows = [];

    /// <param name="maxTokens">
    /// Whole documents are taken until they have so many tokens, in an order that mixes sources and is always the same.
    /// </param>
    public HeldOut(TokenShards shards, int B, int T, long maxTokens = long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(B);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(T);
        (_shards, Rows, RowTokens) = (shards, B, T);
        var order = new int[shards.DocumentCount];
        Shuffle.Permutation(order, key: 0);
        foreach (var document in order)
        {
            if (Targets >= maxTokens)
                break;
            var inputs = shards.Length(document) + 1;
            for (var from = 0; from < inputs; from += T)
                _rows.Add((document, from));
            Targets += inputs;
            RawBytes += shards.RawLength(document);
            DocumentCount++;
        }
    }

    /// <summary>B.</summary>
    public int Rows { get; }

    /// <summary>T.</summary>
    public int RowTokens { get; }

    public int BatchCount => (_rows.Count + Rows - 1) / Rows;

    public int DocumentCount { get; }

    /// <summary>Targets that count, over all batches.</summary>
    public long Targets { get; }

    /// <summary>Bytes of the text that the targets stand for.</summary>
    public long RawBytes { get; }

    /// <summary>
    /// Writes batch number <paramref name="batch"/>; all spans are (B, T), as in <see cref="BatchReader.Fill"/>.
    /// </summary>
    public void Fill(int batch, Span<int> tokens, Span<int> targets, Span<int> positions, Span<int> documentStarts)
    {
        int B = Rows, T = RowTokens;
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(batch, BatchCount);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(targets.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(positions.Length, B * T);
        ArgumentOutOfRangeException.ThrowIfNotEqual(documentStarts.Length, B * T);
        tokens.Fill(_shards.EndOfText);
        targets.Fill(Ignored);
        documentStarts.Clear();
        for (var row = 0; row < B; row++)
        {
            for (var i = 0; i < T; i++)
                positions[row * T + i] = i;
            if (batch * B + row >= _rows.Count)
                continue;
            var (document, from) = _rows[batch * B + row];
            var count = Math.Min(T, _shards.Length(document) + 1 - from);
            var text = _shards.Tokens(_shards.Start(document) + from, count + 1);
            for (var i = 0; i < count; i++)
                (tokens[row * T + i], targets[row * T + i]) = (text[i], text[i + 1]);
        }
    }
}
