using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Wisp.Compute;

namespace Wisp.Train.Data;

/// <summary>
/// Finds documents whose words the corpus has already, exactly or nearly. Two texts are compared as sets of shingles,
/// every five words in a row: J = |A ∩ B| / |A ∪ B| ≥ threshold makes the later one a duplicate.
/// </summary>
/// <remarks>
/// <para>Signatures: Broder 1997, "On the resemblance and containment of documents". The least value of a random hash
/// over a set agrees between two sets with probability J, so 120 of them estimate J with a deviation of √(J(1-J)/120) ≤
/// 0.046.</para>
/// <para>Candidates: Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4. The signature is cut
/// into b = 30 bands of r = 4 values; two texts meet in a bucket when a whole band agrees, with probability 1 - (1 -
/// J^r)^b: J = 0.1: 0.003, 0.3: 0.22, 0.5: 0.86, 0.6: 0.984, 0.7: 0.9997, 0.8: 0.9999999. So at the default threshold
/// of 0.8 nothing is missed, and what meets by chance is settled by the true J of the two texts. Below 0.6 duplicates
/// would be missed.</para>
/// </remarks>
public sealed class Dedupe
{
    internal const int Bands = 30;
    internal const int RowsOfBand = 4;
    internal const int SignatureLength = Bands * RowsOfBand;
    private const int ShingleWords = 5;

    // Four deviations of the estimate at J = 0.5, its widest: a pair that looks this much too different is not
    // compared.
    private const double EstimateSlack = 0.18;

    private readonly double _threshold;
    private readonly Dictionary<UInt128, int> _exact = [];

    // A node is kept·Bands + band: the latest of a bucket, and from each node the one before it, or -1.
    private readonly Dictionary<ulong, int> _latest = [];
    private readonly List<int> _before = [];
    private readonly List<(ReadOnlyMemory<byte> Text, uint[] MinHashes)> _kept = [];

    public Dedupe(double threshold = 0.8)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threshold);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, 1);
        _threshold = threshold;
    }

    /// <summary>What is remembered of a text. Making it is the costly part and can be done on many threads.</summary>
    public sealed record Signature(UInt128 Words, uint[] MinHashes);

    /// <summary>A duplicate: of which kept text (counted from 0 in the order of adding), and how alike.</summary>
    public readonly record struct Match(int Kept, double Jaccard)
    {
        public bool IsExact => Jaccard == 1;
    }

    public static Signature Sign(ReadOnlySpan<byte> text)
    {
        var shingles = Shingles(text, out var words);
        var least = new uint[SignatureLength];
        least.AsSpan().Fill(uint.MaxValue);
        foreach (var shingle in shingles)
            Lower(least, (uint)(shingle >> 32));
        return new Signature(words, least);
    }

    /// <summary>Keeps the text and returns null, or says which kept text it repeats.</summary>
    public Match? Add(ReadOnlyMemory<byte> text, Signature signature)
    {
        if (_exact.TryGetValue(signature.Words, out var same))
            return new Match(same, 1);

        var candidates = new SortedSet<int>();
        for (var band = 0; band < Bands; band++)
        {
            var node = _latest.GetValueOrDefault(Bucket(signature.MinHashes, band), -1);
            for (; node >= 0; node = _before[node])
                candidates.Add(node / Bands);
        }

        ulong[]? shingles = null;
        foreach (var candidate in candidates) // the earliest first, so that the answer does not depend on anything else
        {
            if (Estimate(_kept[candidate].MinHashes, signature.MinHashes) < _threshold - EstimateSlack)
                continue;
            shingles ??= Shingles(text.Span, out _);
            var jaccard = Jaccard(shingles, Shingles(_kept[candidate].Text.Span, out _));
            if (jaccard >= _threshold)
                return new Match(candidate, Math.Min(jaccard, Math.BitDecrement(1.0)));
        }

        _exact.Add(signature.Words, _kept.Count);
        for (var band = 0; band < Bands; band++)
        {
            var bucket = Bucket(signature.MinHashes, band);
            _before.Add(_latest.GetValueOrDefault(bucket, -1));
            _latest[bucket] = checked(_kept.Count * Bands + band);
        }

        _kept.Add((text, signature.MinHashes));
        return null;
    }

    /// <summary>The share of values that agree.</summary>
    internal static double Estimate(uint[] a, uint[] b)
    {
        var equal = 0;
        for (var i = 0; i < SignatureLength; i++)
            equal += a[i] == b[i] ? 1 : 0;
        return (double)equal / SignatureLength;
    }

    /// <summary>J of two sorted sets.</summary>
    private static double Jaccard(ulong[] a, ulong[] b)
    {
        int i = 0, j = 0, both = 0;
        while (i < a.Length && j < b.Length)
        {
            if (a[i] == b[j])
            {
                both++;
                i++;
                j++;
            }
            else if (a[i] < b[j])
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        var either = a.Length + b.Length - both;
        return either == 0 ? 1 : (double)both / either;
    }

    /// <summary>
    /// The sorted set of hashes of five words in a row (of all words, where there are fewer), and a hash of all words
    /// in order. A word is a run of letters and digits, in lower case; what is between words does not count.
    /// </summary>
    private static ulong[] Shingles(ReadOnlySpan<byte> text, out UInt128 words)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<ulong> last = stackalloc ulong[ShingleWords];
        Span<byte> pending = stackalloc byte[1024]; // word hashes on their way to SHA-256, which likes long pieces
        var pendingBytes = 0;
        var shingles = new List<ulong>(text.Length / 5 + 1);
        var count = 0;
        for (var at = 0; at < text.Length;)
        {
            if (!IsWordByte(text[at]))
            {
                at++;
                continue;
            }

            var word = 0xCBF29CE484222325; // FNV-1a, mixed below
            for (; at < text.Length && IsWordByte(text[at]); at++)
                word = (word ^ (ulong)(text[at] is >= (byte)'A' and <= (byte)'Z'
                    ? text[at] | 0x20 : text[at])) * 0x100000001B3;
            last[count++ % ShingleWords] = Mix(word);
            BinaryPrimitives.WriteUInt64LittleEndian(pending[pendingBytes..], word);
            pendingBytes = (pendingBytes + sizeof(ulong)) % pending.Length;
            if (pendingBytes == 0)
                all.AppendData(pending);
            if (count >= ShingleWords)
                shingles.Add(Fold(last, count, ShingleWords));
        }

        if (count is > 0 and < ShingleWords)
            shingles.Add(Fold(last, count, count));
        all.AppendData(pending[..pendingBytes]);
        Span<byte> hash = stackalloc byte[32];
        all.GetHashAndReset(hash);
        words = BinaryPrimitives.ReadUInt128LittleEndian(hash);

        shingles.Sort();
        var distinct = 0;
        for (var i = 0; i < shingles.Count; i++)
        {
            if (i == 0 || shingles[i] != shingles[i - 1])
                shingles[distinct++] = shingles[i];
        }

        return [.. shingles.GetRange(0, distinct)];
    }

    private static ulong Fold(ReadOnlySpan<ulong> ring, int count, int words)
    {
        var hash = 0UL;
        for (var i = count - words; i < count; i++)
            hash = Mix(hash ^ ring[i % ShingleWords]);
        return hash;
    }

    /// <summary>Every bit of the result depends on every bit of the input, and 0 does not stay 0.</summary>
    private static ulong Mix(ulong z) => new SplitMix64(z).Next();

    private static bool IsWordByte(byte b) => b >= 0x80 || char.IsAsciiLetterOrDigit((char)b);

    // Member i of the hash family: x → mix((x ^ xorᵢ)·oddᵢ mod 2³²). The mixing lets low bits count, too.
    private static readonly uint[] Xors = Constants(seed: 1, or: 0);
    private static readonly uint[] Odds = Constants(seed: 2, or: 1);

    private static uint[] Constants(ulong seed, uint or)
    {
        var values = new uint[SignatureLength];
        for (var i = 0; i < values.Length; i++)
            values[i] = (uint)(Mix(Mix(seed) + (ulong)i) >> 32) | or;
        return values;
    }

    private static void Lower(Span<uint> least, uint shingle)
    {
        var x = Vector256.Create(shingle);
        for (var i = 0; i < SignatureLength; i += Vector256<uint>.Count) // 120 is 15 vectors
        {
            var hash = (x ^ Vector256.Create<uint>(Xors.AsSpan(i))) * Vector256.Create<uint>(Odds.AsSpan(i));
            hash ^= hash >>> 15;
            hash *= 0x2C1B3C6D;
            Vector256.Min(hash, Vector256.Create<uint>(least[i..])).CopyTo(least[i..]);
        }
    }

    private static ulong Bucket(uint[] minHashes, int band)
    {
        var values = (ulong)band;
        for (var i = 0; i < RowsOfBand; i++)
            values = Mix(values ^ minHashes[band * RowsOfBand + i]);
        return values;
    }
}
