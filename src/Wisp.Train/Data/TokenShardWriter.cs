using System.Buffers.Binary;
using System.Runtime.ExceptionServices;

namespace Wisp.Train.Data;

/// <summary>
/// Writes a token file (layout: <see cref="TokenShards"/>). The file appears under its name only when it is complete:
/// it is written beside it, flushed to the disk and renamed by <see cref="Finish"/>; without that, Dispose removes it.
/// </summary>
public sealed class TokenShardWriter : IDisposable
{
    private readonly string _path, _unfinished;
    private readonly FileStream _file;
    private readonly int _vocabulary, _endOfText;
    private readonly byte[] _tokenizerHash;
    private readonly List<(long Start, long RawBytes)> _documents = [];
    private byte[] _buffer = new byte[1 << 16];
    private long _tokens, _rawBytes;
    private bool _finished;

    /// <param name="tokenizerHash">32 bytes: a reader can tell that the tokens belong to another tokenizer.</param>
    public TokenShardWriter(string path, int vocabularySize, int endOfText, ReadOnlySpan<byte> tokenizerHash)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vocabularySize, TokenShards.MaxVocabulary);
        ArgumentOutOfRangeException.ThrowIfNegative(endOfText);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(endOfText, vocabularySize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokenizerHash.Length, 32);
        (_path, _vocabulary, _endOfText, _tokenizerHash) = (path, vocabularySize, endOfText, tokenizerHash.ToArray());
        _unfinished = path + ".part";
        _file = new FileStream(_unfinished, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        _file.Write(new byte[TokenShards.HeaderBytes]);
    }

    public long TokenCount => _tokens;

    /// <param name="ids">The document's tokens; none of them end-of-text, which this class puts between
    /// documents.</param>
    /// <param name="rawBytes">Length of the text in bytes.</param>
    public void Add(List<int> ids, long rawBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rawBytes);
        if (_buffer.Length < (ids.Count + 1L) * TokenShards.TokenBytes)
            _buffer = new byte[checked((ids.Count + 1) * TokenShards.TokenBytes)];
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer, (ushort)_endOfText);
        for (var i = 0; i < ids.Count; i++)
        {
            var id = ids[i];
            if ((uint)id >= (uint)_vocabulary || id == _endOfText)
                throw new ArgumentException(
                    $"Token {i} of document {_documents.Count} is {id}; text encodes to ids below {_vocabulary} " +
                    "other than " +
                    $"the end-of-text id {_endOfText}.", nameof(ids));
            BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan((i + 1) * TokenShards.TokenBytes), (ushort)id);
        }

        _file.Write(_buffer.AsSpan(0, (ids.Count + 1) * TokenShards.TokenBytes));
        _documents.Add((_tokens + 1, rawBytes));
        _tokens += ids.Count + 1;
        _rawBytes += rawBytes;
    }

    /// <summary>Completes the file and gives it its name.</summary>
    public void Finish()
    {
        var small = new byte[TokenShards.IndexBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(small, (ushort)_endOfText);
        _file.Write(small.AsSpan(0, TokenShards.TokenBytes));
        _tokens++;

        var padding = TokenShards.IndexOffset(_tokens) - (TokenShards.HeaderBytes + _tokens * TokenShards.TokenBytes);
        _file.Write(new byte[padding]);
        foreach (var (start, rawBytes) in _documents)
        {
            BinaryPrimitives.WriteInt64LittleEndian(small, start);
            BinaryPrimitives.WriteInt64LittleEndian(small.AsSpan(8), rawBytes);
            _file.Write(small);
        }

        _file.Position = 0;
        _file.Write(Header());
        _file.Flush(flushToDisk: true);
        _file.Dispose();
        File.Move(_unfinished, _path, overwrite: true);
        _finished = true;
    }

    private byte[] Header()
    {
        var header = new byte[TokenShards.HeaderBytes];
        TokenShards.Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), _vocabulary);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), _endOfText);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), TokenShards.TokenBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), _documents.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), _tokens);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), _rawBytes);
        _tokenizerHash.CopyTo(header.AsSpan(48));
        return header;
    }

    public void Dispose()
    {
        if (_finished)
            return;
        _finished = true;
        try
        {
            _file.Dispose(); // flushes, so on a full disk it fails like the write before it
        }
        catch (IOException)
        {
        }

        File.Delete(_unfinished);
    }

    /// <summary>
    /// Encodes the documents on all cores and writes them in order. Returns the number of tokens of each document.
    /// </summary>
    public static int[] Write(
        string path, IReadOnlyList<Document> documents, TokenVocabulary vocabulary, Action<long>? bytesDone = null)
    {
        // Enough text at a time to keep every core busy, little enough to hold its tokens: 8 MB are 2 M tokens.
        const int TextAtATime = 8 << 20;

        using var writer = new TokenShardWriter(path, vocabulary.Size, vocabulary.EndOfText, vocabulary.Hash);
        var counts = new int[documents.Count];
        var ids = new List<List<int>>();
        for (var from = 0; from < documents.Count;)
        {
            var (to, bytes) = (from, 0L);
            while (to < documents.Count && (to == from || bytes + documents[to].Text.Length <= TextAtATime))
                bytes += documents[to++].Text.Length;
            while (ids.Count < to - from)
                ids.Add([]);

            var first = from;
            try
            {
                Parallel.For(from, to, d =>
                {
                    ids[d - first].Clear();
                    vocabulary.Encode(documents[d].Text.Span, ids[d - first]);
                });
            }
            catch (AggregateException e) // one clear error, not a bundle of them
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }

            for (; from < to; from++)
            {
                counts[from] = ids[from - first].Count;
                writer.Add(ids[from - first], documents[from].Text.Length);
                bytesDone?.Invoke(documents[from].Text.Length);
            }
        }

        writer.Finish();
        return counts;
    }
}

/// <summary>What the shards need to know of a tokenizer.</summary>
/// <param name="Hash">32 bytes that change with the vocabulary.</param>
public sealed record TokenVocabulary(int Size, int EndOfText, byte[] Hash, EncodeText Encode);
