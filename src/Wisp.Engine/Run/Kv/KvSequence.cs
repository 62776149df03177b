namespace Wisp.Run;

/// <summary>
/// The tokens of one sequence and where their keys and values are. A fork costs the same at any length; whoever appends
/// first after it gets a copy of the last block if that is partly filled, and nothing else is ever copied.
/// </summary>
public sealed class KvSequence : IDisposable
{
    private readonly KvCache _cache;
    private KvBlock? _last; // the root of the domain while the sequence is empty; null once it is disposed
    private int[] _table = []; // the store's blocks, of which the first _known are written
    private float[] _attention = [];
    private int _known;
    private int _offered; // blocks from the first on that were offered to the cache
    private bool _pending; // whether appended tokens wait for the decoder

    internal KvSequence(KvCache cache, KvBlock last, KvDomain domain)
    {
        (_cache, _last, Domain) = (cache, last, domain);
        cache.Hold(last);
    }

    internal KvCache Cache => _cache;

    /// <summary>With whom it shares prefixes, and what changes the weights for it.</summary>
    public KvDomain Domain { get; }

    /// <summary>Tokens held, those included that wait to be computed.</summary>
    public int Length { get; private set; }

    /// <summary>Tokens that were in the cache already when this sequence took them.</summary>
    public int Reused { get; private set; }

    private KvBlock Last => _last ?? throw new ObjectDisposedException(nameof(KvSequence));

    /// <summary>The store's blocks, first to last; valid until the sequence changes.</summary>
    public ReadOnlyMemory<int> Blocks
    {
        get
        {
            if (_table.Length < Last.Depth)
                Array.Resize(ref _table, Math.Max(Last.Depth, 2 * _table.Length));
            for (var at = Last; at.Depth > _known; at = at.Parent!)
                _table[at.Depth - 1] = at.Block;
            _known = Last.Depth;
            return _table.AsMemory(0, Last.Depth);
        }
    }

    /// <summary>
    /// Blocks that no other sequence holds: what disposing of this one gives back. Those before them are shared.
    /// </summary>
    public int OwnBlocks
    {
        get
        {
            var own = 0;
            for (var at = Last; !at.IsRoot && at.Users == 1; at = at.Parent!)
                own++;
            return own;
        }
    }

    /// <summary>A copy of all tokens, first to last.</summary>
    public int[] CopyOfTokens()
    {
        var tokens = new int[Length];
        for (var at = Last; !at.IsRoot; at = at.Parent!)
        {
            var to = tokens.AsSpan((at.Depth - 1) * KvBlock.Size);
            at.Tokens[..Math.Min(at.Count, to.Length)].CopyTo(to);
        }

        return tokens;
    }

    /// <summary>Adds what a pass of the decoder paid to each block, first to last.</summary>
    public void Attended(ReadOnlySpan<float> mass)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mass.Length, Last.Depth);
        if (_attention.Length < mass.Length)
            Array.Resize(ref _attention, Math.Max(mass.Length, 2 * _attention.Length));
        for (var i = 0; i < mass.Length; i++)
            _attention[i] += mass[i];
    }

    /// <summary>
    /// How much attention each block was paid since the last call: the accessed bit of this memory, as a number.
    /// </summary>
    public float[] TakeAttention()
    {
        var taken = new float[Last.Depth];
        _attention.AsSpan(0, Math.Min(_attention.Length, taken.Length)).CopyTo(taken);
        Array.Clear(_attention);
        return taken;
    }

    /// <summary>A second sequence that holds the same tokens in the same memory.</summary>
    public KvSequence Fork()
    {
        RequireComputed();
        return new KvSequence(_cache, Last, Domain) { Length = Length, Reused = Length, _offered = _offered };
    }

    /// <summary>
    /// Takes what the cache has of the tokens that follow, in whole blocks and all but the last token, and returns how
    /// many that were: another sequence may have computed them since this one was made.
    /// </summary>
    public int Extend(ReadOnlySpan<int> tokens)
    {
        RequireComputed();
        var taken = 0;
        while (Length % KvBlock.Size == 0 && tokens.Length - taken > KvBlock.Size
            && _cache.Find(Last, tokens.Slice(taken, KvBlock.Size)) is { } block)
        {
            Move(block);
            taken += KvBlock.Size;
            Length += KvBlock.Size;
        }

        Reused += taken;
        _offered = Math.Max(_offered, Length / KvBlock.Size);
        return taken;
    }

    /// <summary>Whether both hold the same whole blocks, and so the same tokens in the same memory.</summary>
    public bool StandsWith(KvSequence other) =>
        ReferenceEquals(Last, other.Last) && Length == other.Length && Length % KvBlock.Size == 0;

    /// <summary>Blocks that appending so many tokens takes from the cache.</summary>
    public int BlocksToAppend(int count)
    {
        var used = Length % KvBlock.Size;
        if (used == 0 || count == 0)
            return KvCache.BlocksFor(count);
        return (IsOwn ? 0 : 1) + KvCache.BlocksFor(Math.Max(0, count - (KvBlock.Size - used)));
    }

    /// <summary>
    /// Makes room for tokens that the next pass of a decoder computes; <see cref="Computed"/> says when it has.
    /// </summary>
    /// <exception cref="KvMemoryException">There is no room; the sequence is as it was.</exception>
    public void Append(ReadOnlySpan<int> tokens)
    {
        RequireComputed();
        if (tokens.IsEmpty)
            return;
        var needed = BlocksToAppend(tokens.Length);
        if (needed > _cache.Available)
            throw new KvMemoryException(
                $"{tokens.Length} more tokens need {needed} KV blocks; {_cache.Available} of {_cache.Store.Blocks} " +
                "can be had. End a sequence, or give the cache more memory.");
        if (Length % KvBlock.Size != 0)
            MakeOwn();
        while (!tokens.IsEmpty)
        {
            if (Length % KvBlock.Size == 0)
            {
                var next = _cache.Take(Last);
                _cache.Release(Last, Domain); // the new block holds on to it
                _last = next;
            }

            var part = Math.Min(tokens.Length, KvBlock.Size - (Length % KvBlock.Size));
            Last.Add(tokens[..part]);
            tokens = tokens[part..];
            Length += part;
        }

        _pending = true;
    }

    /// <summary>The appended tokens went through the decoder: full blocks can be shared from now on.</summary>
    public void Computed()
    {
        _pending = false;
        var whole = Length / KvBlock.Size;
        var at = Last;
        while (at.Depth > whole)
            at = at.Parent!;
        Seal(at);
        _offered = whole;

        // The first blocks come first, because a block can be found only after one that can.
        void Seal(KvBlock block)
        {
            if (block.Depth <= _offered)
                return;
            Seal(block.Parent!);
            _cache.Seal(block);
        }
    }

    /// <summary>Forgets all tokens from a position on, those that wait to be computed too.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        var at = Last;
        while (at.Depth > KvCache.BlocksFor(length))
            at = at.Parent!;
        if (!ReferenceEquals(at, Last))
            Move(at);
        if (at.Depth < _attention.Length)
            Array.Clear(_attention, at.Depth, _attention.Length - at.Depth);
        Length = length;
        Reused = Math.Min(Reused, length);
        _offered = Math.Min(_offered, length / KvBlock.Size);
        _known = Math.Min(_known, at.Depth);
        _pending = false;
    }

    public void Dispose()
    {
        if (_last is null)
            return;
        _cache.Release(_last, Domain);
        (_last, _pending) = (null, false);
    }

    // Whether the last block can be written: no other sequence ends in it and nothing follows it, in use or idle.
    private bool IsOwn => Last.Users == 1 && Last.Children == 0;

    // What a block holds beyond our length is another's, or was ours before a truncation.
    private void MakeOwn()
    {
        var used = Length % KvBlock.Size;
        if (IsOwn)
        {
            _cache.Unseal(Last);
            Last.Cut(used);
            return;
        }

        var copy = _cache.Take(Last.Parent!);
        copy.Add(Last.Tokens[..used]);
        _cache.Store.Copy(copy.Block, Last.Block);
        _cache.Release(Last, Domain);
        _last = copy;
        _known = Math.Min(_known, copy.Depth - 1);
    }

    private void Move(KvBlock to)
    {
        _cache.Hold(to);
        _cache.Release(Last, Domain);
        _last = to;
    }

    private void RequireComputed()
    {
        if (_pending)
            throw new InvalidOperationException("Appended tokens have not been computed yet.");
    }
}
