using Wisp.Model;

namespace Wisp.Train;

/// <summary>How often each different piece of text (a word) occurs in many documents.</summary>
/// <remarks>
/// Counting goes in batches of the same documents whatever the number of threads, and rare words are forgotten only
/// between batches: so the counts, and the tokenizer made from them, do not depend on the threads.
/// </remarks>
internal sealed class WordCounts(int maxWords = WordCounts.DefaultMaxWords, int batchBytes = 64 << 20)
{
    // About 100 bytes a word while merging, so 400 MB at most. English books reach this after some 10 GB.
    public const int DefaultMaxWords = 4 << 20;

    // Longer runs (a table's rules, a page of base64) are counted in cuts of this length: a token across a cut is of no
    // use to anyone, and merging stays quick on hostile input.
    public const int MaxWordBytes = 128;

    // Documents are cut into parts for the threads, so that one huge file keeps all of them busy.
    private const int PartBytes = 1 << 20;
    private const int MaxPartBytes = 16 << 20;

    private readonly ByteStrings _words = new();
    private long[] _counts = new long[1024];

    public int Count => _words.Count;

    public ReadOnlySpan<byte> Word(int index) => _words[index];

    public long CountOf(int index) => _counts[index];

    /// <summary>Bytes of text seen.</summary>
    public long Bytes { get; private set; }

    /// <summary>Occurrences of words that were forgotten as too rare.</summary>
    public long Forgotten { get; private set; }

    public void Add(ReadOnlySpan<byte> word, long times)
    {
        var index = _words.FindOrAdd(word, out _);
        if (index == _counts.Length)
            Array.Resize(ref _counts, 2 * index);
        _counts[index] += times;
    }

    /// <summary>Counts the words of a text.</summary>
    public void AddText(ReadOnlySpan<byte> text, PreTokenizer split)
    {
        Bytes += text.Length;
        foreach (var piece in split.Cut(text))
        {
            var rest = piece;
            for (; rest.Length > MaxWordBytes; rest = rest[MaxWordBytes..])
                Add(rest[..MaxWordBytes], 1);
            Add(rest, 1);
        }
    }

    /// <summary>Counts all documents. Their memory must stay as it is until the enumeration ends.</summary>
    public void AddAll(
        IEnumerable<ReadOnlyMemory<byte>> documents, PreTokenizer split, int threads,
        Action<long>? bytesRead, CancellationToken cancel)
    {
        var batch = new List<ReadOnlyMemory<byte>>();
        var pending = 0L;
        foreach (var document in documents)
        {
            foreach (var part in Parts(document))
            {
                batch.Add(part);
                pending += part.Length;
                if (pending >= batchBytes)
                    Flush();
            }
        }

        Flush();

        void Flush()
        {
            CountBatch(batch, split, threads, cancel);
            batch.Clear();
            pending = 0;
            bytesRead?.Invoke(Bytes);
        }
    }

    private void CountBatch(List<ReadOnlyMemory<byte>> batch, PreTokenizer split, int threads, CancellationToken cancel)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel };
        var locals = new List<WordCounts>();
        Parallel.For(0, batch.Count, options, () => new WordCounts(), (i, _, local) =>
        {
            local.AddText(batch[i].Span, split);
            return local;
        }, local =>
        {
            lock (locals)
                locals.Add(local);
        });

        foreach (var local in locals)
        {
            Bytes += local.Bytes;
            for (var i = 0; i < local.Count; i++)
                Add(local.Word(i), local.CountOf(i));
        }

        if (Count > maxWords)
            ForgetRare();
    }

    // Keeps at most half of the words: all that occur more than some number of times, the least that does it.
    private void ForgetRare()
    {
        var counts = _counts.AsSpan(0, Count).ToArray();
        Array.Sort(counts);
        var threshold = counts[counts.Length - 1 - maxWords / 2];
        var kept = new WordCounts();
        for (var i = 0; i < Count; i++)
        {
            if (_counts[i] > threshold)
                kept.Add(Word(i), _counts[i]);
            else
                Forgotten += _counts[i];
        }

        _words.Clear();
        Array.Clear(_counts);
        for (var i = 0; i < kept.Count; i++)
            Add(kept.Word(i), kept.CountOf(i));
    }

    // A line end before a letter is always a border of words, so a document may be cut there and nothing changes. Where
    // none comes for long the cut falls anywhere and may miscount one word: a batch must not outgrow the memory.
    private static IEnumerable<ReadOnlyMemory<byte>> Parts(ReadOnlyMemory<byte> document)
    {
        while (document.Length > 2 * PartBytes)
        {
            var length = PartBytes + Border(document.Span[PartBytes..Math.Min(document.Length, MaxPartBytes)]);
            yield return document[..length];
            document = document[length..];
        }

        yield return document;
    }

    private static int Border(ReadOnlySpan<byte> text)
    {
        var at = 0;
        while (text[at..].IndexOf((byte)'\n') is >= 0 and var lineEnd && at + lineEnd + 1 < text.Length)
        {
            at += lineEnd + 1;
            if (char.IsAsciiLetter((char)text[at]))
                return at;
        }

        return text.Length;
    }
}
