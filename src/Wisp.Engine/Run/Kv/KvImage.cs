using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Wisp.Run;

/// <summary>
/// A sequence outside memory: its tokens, and the keys and values of its blocks as they are. What comes back has the
/// same bits, so a text goes on as if it had never been away.
/// </summary>
/// <remarks>
/// Format, little-endian: magic, what the numbers belong to (int32 length, UTF-8), the number of tokens, the tokens
/// (int32 each), the blocks of the store one after another, and the SHA-256 of everything before it.
/// </remarks>
public static class KvImage
{
    private const int MaxOwnerBytes = 1024; // what a damaged file claims is checked before memory is taken

    private static ReadOnlySpan<byte> Magic => "WISPKV01"u8;

    /// <summary>Bytes that the image of a sequence takes.</summary>
    public static long BytesOf(KvSequence sequence) => Magic.Length + sizeof(int)
        + Encoding.UTF8.GetByteCount(sequence.Cache.Owner) + sizeof(int) + ((long)sequence.Length * sizeof(int))
        + ((long)sequence.Blocks.Length * sequence.Cache.BlockBytes) + SHA256.HashSizeInBytes;

    /// <summary>Writes a sequence, all of whose tokens are computed; it stays as it is.</summary>
    public static void Write(KvSequence sequence, Stream to)
    {
        var cache = sequence.Cache;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var tokens = sequence.CopyOfTokens();
        Put(Magic);
        var owner = Encoding.UTF8.GetBytes(cache.Owner);
        PutInt(owner.Length);
        Put(owner);
        PutInt(tokens.Length);
        foreach (var token in tokens)
            PutInt(token);
        foreach (var block in sequence.Blocks.Span)
            Put(cache.Store.Bytes(block));
        to.Write(hash.GetHashAndReset());

        void Put(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            to.Write(bytes);
        }

        void PutInt(int value)
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
            Put(bytes);
        }
    }

    /// <summary>Brings a sequence back; blocks that the cache still has are shared and not read.</summary>
    /// <param name="name">What messages call the image.</param>
    /// <param name="domain">Prefixes are shared within a domain and never across.</param>
    /// <exception cref="InvalidDataException">It is damaged, or of another model. The cache is as it was.</exception>
    /// <exception cref="KvMemoryException">There is no room. The cache is as it was.</exception>
    public static KvSequence Read(KvCache cache, Stream from, string name, KvDomain domain = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var magic = new byte[Magic.Length];
        Take(magic);
        if (!magic.AsSpan().SequenceEqual(Magic))
            throw new InvalidDataException($"{name}: is no image of keys and values.");
        var length = TakeInt();
        if (length is < 0 or > MaxOwnerBytes)
            throw Damaged();
        var owner = new byte[length];
        Take(owner);
        if (Encoding.UTF8.GetString(owner) != cache.Owner)
            throw new InvalidDataException(
                $"{name}: holds keys and values of {Encoding.UTF8.GetString(owner)}, not of {cache.Owner}.");
        var count = TakeInt();
        if (count < 0)
            throw Damaged();
        if (KvCache.BlocksFor(count) > cache.Store.Blocks)
            throw new KvMemoryException(
                $"{name}: holds {count:n0} tokens; the cache has room for {cache.Store.Blocks * KvBlock.Size:n0}.");
        var tokens = new int[count];
        foreach (ref var token in tokens.AsSpan())
            token = TakeInt();

        var sequence = cache.Create(tokens, domain);
        try
        {
            var shared = sequence.Length / KvBlock.Size;
            sequence.Append(tokens.AsSpan(sequence.Length));
            var blocks = sequence.Blocks.Span;
            var unused = new byte[cache.BlockBytes];
            for (var i = 0; i < blocks.Length; i++)
                Take(i < shared ? unused : cache.Store.Bytes(blocks[i]));
            var expected = hash.GetHashAndReset();
            var found = new byte[expected.Length];
            if (from.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) < found.Length
                || !found.AsSpan().SequenceEqual(expected))
                throw Damaged();
            sequence.Computed();
            return sequence;
        }
        catch
        {
            sequence.Dispose();
            throw;
        }

        InvalidDataException Damaged() => new($"{name}: the image of keys and values is damaged.");

        void Take(Span<byte> bytes)
        {
            if (from.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
                throw Damaged();
            hash.AppendData(bytes);
        }

        int TakeInt()
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            Take(bytes);
            return BinaryPrimitives.ReadInt32LittleEndian(bytes);
        }
    }
}
