namespace Wisp.Model;

/// <summary>The merges of a vocabulary: from a pair of tokens to its rank, from a rank to the token it makes.</summary>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that does not merge: worse than all others.</summary>
    public const int None = int.MaxValue;

    private readonly ulong[] _pairs; // open addressing; left << 32 | right, plus 1 so that 0 means free
    private readonly int[] _ranks;
    private readonly int[] _products;
    private readonly int _shift;

    public MergeTable(ReadOnlySpan<(int Left, int Right, int Product)> merges)
    {
        var bits = 4;
        while (1L << bits < 2L * merges.Length)
            bits++;
        _shift = 64 - bits;
        _pairs = new ulong[1 << bits];
        _ranks = new int[1 << bits];
        _products = new int[merges.Length];
        for (var rank = 0; rank < merges.Length; rank++)
        {
            var (left, right, product) = merges[rank];
            _products[rank] = product;
            var slot = Slot(Key(left, right));
            if (_pairs[slot] != 0)
                continue; // of two lines for one pair the first counts, as in llama.cpp
            _pairs[slot] = Key(left, right);
            _ranks[slot] = rank;
        }
    }

    public int Rank(int left, int right)
    {
        var slot = Slot(Key(left, right));
        return _pairs[slot] == 0 ? None : _ranks[slot];
    }

    /// <summary>The token that the merge of this rank makes.</summary>
    public int Product(int rank) => _products[rank];

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32 | (uint)right) + 1;

    private int Slot(ulong key)
    {
        var mask = _pairs.Length - 1;
        var slot = (int)(key * 0x9E3779B97F4A7C15 >> _shift); // the high bits of a product with 2^64 / golden ratio
        while (_pairs[slot] != 0 && _pairs[slot] != key)
            slot = (slot + 1) & mask;
        return slot;
    }
}
