using System.Buffers.Binary;
using Wisp.Compute;

namespace Wisp.Train.Data;

/// <summary>
/// The tokens of many documents in one memory-mapped file: EOT d₁ EOT d₂ ... EOT dₙ EOT. The end-of-text token stands
/// before every document, so that it also says "a document begins here", and once more after the last.
/// </summary>
/// <remarks>
/// Layout, little-endian: a header of 128 bytes (magic "WISPTOK1", then u32 vocabulary, end-of-text id, bytes a token;
/// u32 reserved; u64 documents, tokens, text bytes; 32 bytes tokenizer hash; zeros), the tokens as u16, zeros up to a
/// multiple of 8, then for each document the u64 index of its first token and the u64 length of its text in bytes.
/// Opening checks all of it, so that readers need not.
/// </remarks>
public sealed class TokenShards : IDisposable
{
    internal const int HeaderBytes = 128;
    internal const int TokenBytes = 2;
    internal const int IndexBytes = 16; // for each document

    /// <summary>A token has two bytes.</summary>
    public const int MaxVocabulary = 1 << 16;

    private readonly MappedFile _file;
    private readonly long _index;

    private TokenShards(MappedFile file)
    {
        _file = file;
        var header = file.Slice(0, HeaderBytes);
        VocabularySize = (int)BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        EndOfText = (int)BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        DocumentCount = (int)BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        TokenCount = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        RawBytes = BinaryPrimitives.ReadInt64LittleEndian(header[40..]);
        TokenizerHash = Convert.ToHexStringLower(header.Slice(48, 32));
        _index = IndexOffset(TokenCount);
    }

    internal static ReadOnlySpan<byte> Magic => "WISPTOK1"u8;

    public string Path => _file.Path;

    public int VocabularySize { get; }

    public int EndOfText { get; }

    public int DocumentCount { get; }

    /// <summary>All tokens of the file, the end-of-text tokens between documents included.</summary>
    public long TokenCount { get; }

    /// <summary>Bytes of the text that the tokens stand for.</summary>
    public long RawBytes { get; }

    /// <summary>SHA-256 of the tokenizer that wrote the tokens, in hex.</summary>
    public string TokenizerHash { get; }

    /// <summary>Where a document begins: the index of the end-of-text token before it.</summary>
    public long Start(int document) => document == DocumentCount
        ? TokenCount - 1
        : _file.Slice<long>(_index + (long)document * IndexBytes, 1)[0] - 1;

    /// <summary>Tokens of a document, without any end-of-text token.</summary>
    public int Length(int document) => (int)(Start(document + 1) - Start(document) - 1);

    /// <summary>Bytes of the text of a document.</summary>
    public long RawLength(int document) => _file.Slice<long>(_index + (long)document * IndexBytes + 8, 1)[0];

    public ReadOnlySpan<ushort> Tokens(long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, TokenCount);
        return _file.Slice<ushort>(HeaderBytes + start * TokenBytes, count);
    }

    /// <summary>
    /// Maps and checks a file. Throws InvalidDataException when it is not exactly what a writer writes.
    /// </summary>
    public static TokenShards Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            CheckHeader(file);
            var shards = new TokenShards(file);
            shards.CheckTokens();
            shards.CheckIndex();
            return shards;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static long IndexOffset(long tokens) => (HeaderBytes + tokens * TokenBytes + 7) & ~7L;

    private static void CheckHeader(MappedFile file)
    {
        if (file.Length < HeaderBytes || !file.Slice(0, Magic.Length).SequenceEqual(Magic))
            throw Damaged(file.Path, "it does not begin like a token file");
        var header = file.Slice(0, HeaderBytes);
        var vocabulary = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        var endOfText = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        var width = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        var documents = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        var tokens = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        if (vocabulary is 0 or > MaxVocabulary || endOfText >= vocabulary || width != TokenBytes)
            throw Damaged(file.Path,
                $"it claims a vocabulary of {vocabulary}, end of text {endOfText}, {width} bytes a token");

        // Bounded by the file's length first, so that the sums below cannot overflow.
        if (documents > (ulong)file.Length / IndexBytes || documents > int.MaxValue - 1 ||
            tokens > (ulong)file.Length / TokenBytes ||
            tokens <= documents || IndexOffset((long)tokens) + (long)documents * IndexBytes != file.Length)
            throw Damaged(file.Path,
                $"it claims {documents} documents and {tokens} tokens, but has {file.Length} bytes");
    }

    private void CheckTokens()
    {
        const int Chunk = 1 << 20;
        var boundaries = 0L;
        for (var at = 0L; at < TokenCount; at += Chunk)
        {
            var tokens = Tokens(at, (int)Math.Min(Chunk, TokenCount - at));
            boundaries += tokens.Count((ushort)EndOfText);
            var wrong = tokens.IndexOfAnyExceptInRange((ushort)0, (ushort)(VocabularySize - 1));
            if (wrong >= 0)
                throw Damaged(Path, $"token {at + wrong} is {tokens[wrong]}, the vocabulary has {VocabularySize}");
        }

        if (boundaries != DocumentCount + 1L)
            throw Damaged(Path, $"{boundaries} end-of-text tokens for {DocumentCount} documents");
    }

    private void CheckIndex()
    {
        var (before, raw) = (-1L, 0L);
        for (var d = 0; d < DocumentCount; d++)
        {
            var (start, length) = (Start(d), RawLength(d));
            if (start <= before || start >= TokenCount - 1 || (d == 0 && start != 0) ||
                Tokens(start, 1)[0] != EndOfText)
                throw Damaged(Path, $"document {d} begins at token {start}");
            if (start - before > int.MaxValue || length < 0 || length > RawBytes - raw)
                throw Damaged(Path, $"document {d} has {length} bytes of text");
            (before, raw) = (start, raw + length);
        }

        if (raw != RawBytes || TokenCount - 1 - before > int.MaxValue || Tokens(TokenCount - 1, 1)[0] != EndOfText)
            throw Damaged(Path, $"{raw} bytes of text in the index, {RawBytes} in the header");
    }

    public void Dispose() => _file.Dispose();

    private static InvalidDataException Damaged(string path, string found) =>
        new($"{path}: not a whole token file: {found}. Delete it; it is made again from the text.");
}
