using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Wisp.Compute;

namespace Wisp.Run;

/// <summary>
/// A node of the tree of prefixes: up to 16 tokens after the tokens of its parent, with their keys and values in one
/// block of the store. There is one node for every block of the store, made once and used again; the root of a cache
/// domain is a node without a block.
/// </summary>
internal sealed class KvBlock(int block)
{
    public const int Size = KvStore.BlockTokens;

    private readonly int[] _tokens = new int[Size];

    /// <summary>The block of the store; -1 for a root.</summary>
    public int Block { get; } = block;

    /// <summary>What stands before; null for a root and for a free block.</summary>
    public KvBlock? Parent { get; private set; }

    /// <summary>Blocks from the root to here, this one included.</summary>
    public int Depth { get; private set; }

    /// <summary>Sequences that end here, and children that are in use. At 0 the block is idle or free.</summary>
    public int Users { get; set; }

    /// <summary>Blocks that follow this one, idle ones too.</summary>
    public int Children { get; set; }

    /// <summary>Whether it is full, computed and can be found by its tokens.</summary>
    public bool IsSealed { get; set; }

    /// <summary>Its place among the idle blocks, oldest first.</summary>
    public LinkedListNode<KvBlock> Place => field ??= new(this);

    public int Count { get; private set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    public bool IsRoot => Block < 0;

    public void Follow(KvBlock parent)
    {
        (Parent, Depth, Count) = (parent, parent.Depth + 1, 0);
        parent.Children++;
    }

    public void Leave()
    {
        Parent!.Children--;
        Parent = null;
    }

    public void Add(ReadOnlySpan<int> tokens)
    {
        tokens.CopyTo(_tokens.AsSpan(Count));
        Count += tokens.Length;
    }

    public void Cut(int count) => Count = count;
}

/// <summary>A full block that is looked for: these 16 tokens after that node.</summary>
internal readonly ref struct KvPrefix(KvBlock parent, ReadOnlySpan<int> tokens)
{
    public KvBlock Parent { get; } = parent;

    public ReadOnlySpan<int> Tokens { get; } = tokens;
}

/// <summary>
/// Blocks are equal when their tokens are and their parents are the same node: chained like that, equality is that of
/// whole prefixes, and the hash only speeds it up.
/// </summary>
internal sealed class KvBlockComparer : IEqualityComparer<KvBlock>, IAlternateEqualityComparer<KvPrefix, KvBlock>
{
    public bool Equals(KvBlock? x, KvBlock? y) => ReferenceEquals(x, y)
        || (x is not null && y is not null && ReferenceEquals(x.Parent, y.Parent) && x.Tokens.SequenceEqual(y.Tokens));

    public bool Equals(KvPrefix alternate, KvBlock other) =>
        ReferenceEquals(alternate.Parent, other.Parent) && alternate.Tokens.SequenceEqual(other.Tokens);

    public int GetHashCode([DisallowNull] KvBlock block) => GetHashCode(new KvPrefix(block.Parent!, block.Tokens));

    public int GetHashCode(KvPrefix prefix)
    {
        var hash = new HashCode();
        hash.Add(RuntimeHelpers.GetHashCode(prefix.Parent));
        foreach (var token in prefix.Tokens)
            hash.Add(token);
        return hash.ToHashCode();
    }

    public KvBlock Create(KvPrefix alternate) => throw new NotSupportedException("Blocks are made by their cache.");
}
