using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>There is no memory for what was asked; nothing has changed.</summary>
public sealed class KvMemoryException(string message) : Exception(message);

/// <summary>
/// Who may share prefixes: sequences of one domain, whose keys and values come from the same weights.
/// </summary>
public readonly record struct KvDomain(long Number, LoraAdapter? Adapter = null)
{
    public static implicit operator KvDomain(long number) => new(number);
}

/// <summary>What the memory of keys and values is doing, in blocks of 16 tokens.</summary>
/// <param name="Used">Held by sequences, each counted once however many share it.</param>
/// <param name="Idle">Held by nobody, kept in case their tokens come again.</param>
/// <param name="Free">Never used, or given up.</param>
public readonly record struct KvUse(int Used, int Idle, int Free);

/// <summary>
/// Keys and values of all sequences of a model, in blocks of 16 tokens that are shared wherever sequences begin alike.
/// A block without a user stays in the cache until its memory is needed; the one unused for longest goes first.
/// </summary>
/// <remarks>
/// Invariants, tested against a model of plain lists: a block is written only while it is the last of one sequence and
/// nothing else holds it; every block is used, idle or free, never two of them; what stands before a used block is
/// used, and what follows an idle one is idle. After warm-up nothing is allocated. Not thread-safe: one thread steps a
/// model.
/// </remarks>
public sealed class KvCache : IDisposable
{
    private readonly KvBlock[] _blocks;
    private readonly Dictionary<KvDomain, KvBlock> _roots = [];
    private readonly HashSet<KvBlock> _sealed = new(new KvBlockComparer());
    private readonly LinkedList<KvBlock> _idle = [];
    private readonly Stack<KvBlock> _free;

    /// <param name="blocks">Blocks of 16 tokens to take memory for.</param>
    /// <param name="type">How they are kept.</param>
    /// <exception cref="KvMemoryException">The machine does not have that much memory.</exception>
    public KvCache(ModelConfig config, int blocks, KvType type = KvType.F32)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        Config = config;
        var bytes = blocks * BytesPerBlock(config, type);
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > available)
            throw new KvMemoryException(
                $"The keys and values of {(long)blocks * KvBlock.Size} tokens need {bytes:n0} bytes; this machine " +
                $"has {available:n0}. Use a shorter context.");
        Store = new KvStore(blocks, config.Layers, config.KvHeads, config.HeadDim, type);
        _blocks = [.. Enumerable.Range(0, blocks).Select(i => new KvBlock(i))];
        _free = new Stack<KvBlock>(_blocks.Reverse());
    }

    public ModelConfig Config { get; }

    public KvStore Store { get; }

    /// <summary>What the weights are called, so that an image does not come back to others; free text.</summary>
    public string Weights { get; init; } = "";

    /// <summary>What the numbers in the blocks belong to.</summary>
    internal string Owner =>
        $"{Config.Architecture.Name} {Weights} ({Config.Layers} layers, {Config.KvHeads} heads of " +
        $"{Config.HeadDim}, {Store.Type})";

    internal int BlockBytes => Store.Bytes(0).Length;

    public KvUse Use => new(_blocks.Length - _free.Count - _idle.Count, _idle.Count, _free.Count);

    /// <summary>Blocks that can be had without taking any from a sequence.</summary>
    public int Available => _free.Count + _idle.Count;

    public static long BytesPerBlock(ModelConfig config, KvType type) =>
        KvStore.BytesPerBlock(config.Layers, config.KvHeads, config.HeadDim, type);

    public static int BlocksFor(int tokens) => (tokens + KvBlock.Size - 1) / KvBlock.Size;

    /// <summary>
    /// A new sequence that already holds as many of the tokens, from the first on, as the cache still has in whole
    /// blocks; at most all but one, for the last has to be computed to know what follows it.
    /// </summary>
    /// <param name="domain">Prefixes are shared within a domain and never across.</param>
    public KvSequence Create(ReadOnlySpan<int> tokens, KvDomain domain = default)
    {
        if (!_roots.TryGetValue(domain, out var root))
            _roots[domain] = root = new KvBlock(-1);
        var sequence = new KvSequence(this, root, domain);
        sequence.Extend(tokens);
        return sequence;
    }

    /// <summary>Gives up all blocks that nobody uses.</summary>
    public void Clear()
    {
        while (Evict())
        {
        }
    }

    public void Dispose() => Store.Dispose();

    /// <summary>The full block with these tokens after that one, or null.</summary>
    internal KvBlock? Find(KvBlock after, ReadOnlySpan<int> tokens) =>
        _sealed.GetAlternateLookup<KvPrefix>().TryGetValue(new KvPrefix(after, tokens), out var block) ? block : null;

    /// <summary>An empty block after that one, with one user.</summary>
    internal KvBlock Take(KvBlock after)
    {
        if (_free.Count == 0 && !Evict())
            throw new KvMemoryException($"All {_blocks.Length} KV blocks are in use.");
        var block = _free.Pop();
        block.Follow(after);
        Hold(block);
        return block;
    }

    /// <summary>One more user. The first one of a block that was idle makes all before it used as well.</summary>
    internal void Hold(KvBlock block)
    {
        for (var at = block; at.Users++ == 0 && at.Parent is { } parent; at = parent)
            if (at.Place.List is not null)
                _idle.Remove(at.Place);
    }

    /// <summary>One user less. A block without any becomes idle if it can be found again, and else free.</summary>
    internal void Release(KvBlock block, KvDomain domain)
    {
        var at = block;
        while (--at.Users == 0 && at.Parent is { } parent)
        {
            if (at.IsSealed)
                _idle.AddLast(at.Place); // after all that follows it, so that the oldest idle block is a leaf
            else
                Free(at);
            at = parent;
        }

        if (at.IsRoot && at.Users == 0 && at.Children == 0)
            _roots.Remove(domain);
    }

    /// <summary>Makes a full, computed block findable, unless an equal one is already or its parent is not.</summary>
    internal void Seal(KvBlock block)
    {
        if (block.Parent is { } parent && (parent.IsRoot || parent.IsSealed))
            block.IsSealed = _sealed.Add(block);
    }

    /// <summary>Takes a block that nothing follows out of the cache, so that its one user may change it.</summary>
    internal void Unseal(KvBlock block)
    {
        if (!block.IsSealed)
            return;
        _sealed.Remove(block);
        block.IsSealed = false;
    }

    private bool Evict()
    {
        if (_idle.First is not { } oldest)
            return false;
        var block = oldest.Value;
        _idle.Remove(oldest);
        Unseal(block);
        var parent = block.Parent!;
        Free(block);
        if (parent.IsRoot && parent.Users == 0 && parent.Children == 0)
            foreach (var (domain, root) in _roots)
                if (ReferenceEquals(root, parent))
                {
                    _roots.Remove(domain);
                    break;
                }

        return true;
    }

    private void Free(KvBlock block)
    {
        block.Leave();
        _free.Push(block);
    }
}
