namespace Wisp.Model;

/// <summary>
/// Text to tokens: byte pair encoding (Sennrich, Haddow, Birch 2016, arXiv:1508.07909) inside the pieces that the
/// pre-tokenizer cuts. Of all neighbours that have a merge the one of lowest rank merges first, the leftmost of
/// equals.
/// </summary>
/// <remarks>
/// It remembers the tokens of the pieces it has met, so each thread has its own:
/// <see cref="ByteLevelBpe.CreateEncoder"/>. Pieces it remembers, or that have up to 128 bytes, cost no allocation.
/// </remarks>
public sealed class BpeEncoder
{
    // From here on a heap beats looking at all neighbours after every merge; that would be quadratic.
    private const int MaxScanned = 128;

    private readonly ByteLevelBpe _tokenizer;
    private readonly PieceMemory _memory;
    private readonly int[] _symbols = new int[MaxScanned];
    private readonly int[] _ranks = new int[MaxScanned];
    private readonly SpecialSplit _special;

    internal BpeEncoder(ByteLevelBpe tokenizer)
    {
        _tokenizer = tokenizer;
        _special = new SpecialSplit(tokenizer);
        _memory = new PieceMemory(Merge);
    }

    /// <summary>Appends the tokens of a text, which may be any bytes and comes back bit for bit.</summary>
    /// <param name="parseSpecial">
    /// Whether the spelling of a control token, such as &lt;|im_end|&gt;, becomes that token. False for every text that
    /// comes from outside. User-defined tokens are recognised either way, as in llama.cpp.
    /// </param>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool parseSpecial = false)
    {
        foreach (var (start, length, id) in _special.Split(utf8, parseSpecial))
        {
            if (id >= 0)
                ids.Add(id);
            else
                EncodeText(utf8.Slice(start, length), ids);
        }
    }

    internal void EncodeText(ReadOnlySpan<byte> text, List<int> ids)
    {
        foreach (var piece in _tokenizer.Split.Cut(text))
            _memory.Encode(piece, ids);
    }

    private void Merge(ReadOnlySpan<byte> piece, List<int> ids)
    {
        if (_tokenizer.Split.IgnoreMerges && _tokenizer.WholePiece(piece) is >= 0 and var whole)
            ids.Add(whole);
        else if (piece.Length <= MaxScanned)
            MergeByScan(piece, ids);
        else
            MergeByHeap(piece, ids);
    }

    private void MergeByScan(ReadOnlySpan<byte> piece, List<int> ids)
    {
        var merges = _tokenizer.MergeTable;
        var count = piece.Length;
        var symbols = _symbols.AsSpan(0, count);
        var ranks = _ranks.AsSpan(0, count); // ranks[i] is that of the pair i, i + 1
        for (var i = 0; i < count; i++)
            symbols[i] = _tokenizer.IdOfByte(piece[i]);
        for (var i = 0; i + 1 < count; i++)
            ranks[i] = merges.Rank(symbols[i], symbols[i + 1]);

        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (ranks[i] < ranks[best])
                    best = i;
            }

            if (ranks[best] == MergeTable.None)
                break;
            symbols[best] = merges.Product(ranks[best]);
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            ranks[(best + 1)..count].CopyTo(ranks[best..]);
            count--;
            if (best > 0)
                ranks[best - 1] = merges.Rank(symbols[best - 1], symbols[best]);
            if (best + 1 < count)
                ranks[best] = merges.Rank(symbols[best], symbols[best + 1]);
        }

        foreach (var symbol in symbols[..count])
            if (symbol >= 0)
                ids.Add(symbol);
    }

    // The same with a linked list and a heap of pairs, O(n log n). A pair whose symbols have changed since it was put
    // on the heap is passed over.
    private void MergeByHeap(ReadOnlySpan<byte> piece, List<int> ids)
    {
        var merges = _tokenizer.MergeTable;
        var symbols = new int[piece.Length];
        var next = new int[piece.Length]; // piece.Length = none
        var previous = new int[piece.Length]; // -1 = none
        var heap = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        for (var i = 0; i < piece.Length; i++)
            (symbols[i], next[i], previous[i]) = (_tokenizer.IdOfByte(piece[i]), i + 1, i - 1);
        for (var i = 0; i < piece.Length; i++)
            Offer(i);

        while (heap.TryDequeue(out var pair, out var order))
        {
            var at = pair.At;
            if (symbols[at] != pair.Left || next[at] == symbols.Length || symbols[next[at]] != pair.Right)
                continue;
            var gone = next[at];
            symbols[at] = merges.Product(order.Rank);
            symbols[gone] = -1;
            next[at] = next[gone];
            if (next[at] < symbols.Length)
                previous[next[at]] = at;
            Offer(at);
            if (previous[at] >= 0)
                Offer(previous[at]);
        }

        for (var i = 0; i < symbols.Length; i = next[i])
            if (symbols[i] >= 0)
                ids.Add(symbols[i]);

        void Offer(int at)
        {
            if (next[at] == symbols.Length)
                return;
            var rank = merges.Rank(symbols[at], symbols[next[at]]);
            if (rank != MergeTable.None)
                heap.Enqueue((at, symbols[at], symbols[next[at]]), (rank, at));
        }
    }
}
