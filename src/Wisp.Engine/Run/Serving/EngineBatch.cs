using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>The rows of one pass: which tokens of which requests, and what becomes of their logits.</summary>
internal sealed class EngineBatch(int capacity, int vocabulary) : IDisposable
{
    /// <param name="Row">Its first row.</param> <param name="Count">Its rows, guesses included.</param> <param
    /// name="Picks">Its last rows whose logits are wanted: 0 within a prompt, else 1 and one for each guess.</param>
    private readonly record struct Part(EngineJob Job, int Row, int Count, int Picks);

    // Rows of logits in memory at once: the head's weights are read once for all of them.
    private const int LogitRows = 32;

    private readonly int[] _tokens = new int[capacity];
    private readonly List<Part> _parts = [];
    private readonly List<int> _rows = [];
    private readonly FloatBuffer _logits = new(checked(LogitRows * vocabulary));
    private DecoderRun[] _runs = [];

    public int Rows { get; private set; }

    public int Room => capacity - Rows;

    public void Clear()
    {
        _parts.Clear();
        Rows = 0;
    }

    /// <summary>
    /// A piece of a prompt: about so many tokens, up to the end of a block, because whole blocks can be shared; or
    /// nothing where there is no room for a block.
    /// </summary>
    public void AddPrompt(EngineJob job, int share)
    {
        const int Block = KvStore.BlockTokens;
        var unread = job.Unread;
        var before = job.Sequence.Length;
        var end = (before + Math.Max(share, Block)) / Block * Block;
        if (end - before > Room)
            end = (before + Room) / Block * Block;
        var count = unread.Length <= Math.Min(Room, end - before + Block - 1) ? unread.Length : end - before;
        if (count > 0)
            Add(job, unread[..Math.Min(count, unread.Length)], picks: count >= unread.Length ? 1 : 0);
    }

    /// <summary>The last token of a running request, and guesses at what follows it.</summary>
    public void AddNext(EngineJob job, ReadOnlySpan<int> guesses)
    {
        guesses = guesses[..Math.Min(guesses.Length, Room - 1)];
        Span<int> tokens = stackalloc int[1 + guesses.Length];
        tokens[0] = job.Unread[0];
        guesses.CopyTo(tokens[1..]);
        Add(job, tokens, picks: tokens.Length);
    }

    private void Add(EngineJob job, ReadOnlySpan<int> tokens, int picks)
    {
        tokens.CopyTo(_tokens.AsSpan(Rows));
        _parts.Add(new Part(job, Rows, tokens.Length, picks));
        Rows += tokens.Length;
    }

    /// <summary>Takes the rows through the decoder, picks tokens, and returns the requests that have ended.</summary>
    public IReadOnlyList<EngineJob> Run(Decoder decoder, KvStore store)
    {
        if (_runs.Length < _parts.Count)
            _runs = new DecoderRun[2 * _parts.Count];
        for (var i = 0; i < _parts.Count; i++)
        {
            var (job, row, count, _) = _parts[i];
            var past = job.Sequence.Length;
            job.Sequence.Append(_tokens.AsSpan(row, count));
            _runs[i] = new DecoderRun(past, count, job.Sequence.Blocks, job.Stream.Request.Adapter);
        }

        decoder.Forward(_tokens.AsSpan(0, Rows), _runs.AsSpan(0, _parts.Count), store);
        foreach (var part in _parts)
            part.Job.Sequence.Computed();

        List<EngineJob> ended = [];
        for (var from = 0; from < _parts.Count;)
        {
            _rows.Clear();
            var end = from;
            for (; end < _parts.Count && _rows.Count + _parts[end].Picks <= LogitRows; end++)
                for (var i = _parts[end].Picks; i > 0; i--)
                    _rows.Add(_parts[end].Row + _parts[end].Count - i);
            if (end == from)
                throw new InvalidOperationException($"A part of {_parts[from].Picks} picks is over {LogitRows}.");
            var logits = _logits.Slice(0, _rows.Count * vocabulary);
            if (_rows.Count > 0)
                decoder.Logits(logits, [.. _rows]);
            for (var at = 0; from < end; from++)
            {
                if (_parts[from].Picks > 0 && !PickOrEnd(_parts[from], logits[at..]))
                    ended.Add(_parts[from].Job);
                at += _parts[from].Picks * vocabulary;
            }
        }

        return ended;
    }

    // A mask or a sampler that fails ends its own request and no other.
    private bool PickOrEnd(Part part, ReadOnlySpan<float> logits)
    {
        try
        {
            return Pick(part, logits);
        }
        catch (Exception e)
        {
            return part.Job.Ended(GenerationEnd.None, e);
        }
    }

    // A guess is right when the sampler picks it anyway; with the first wrong one the rows after it are void.
    private bool Pick(Part part, ReadOnlySpan<float> logits)
    {
        var job = part.Job;
        var kept = job.Sequence.Length - (part.Picks - 1);
        for (var i = 0; i < part.Picks; i++)
        {
            if (!job.Pick(logits.Slice(i * vocabulary, vocabulary), guessed: i > 0))
                return false;
            if (i + 1 == part.Picks || _tokens[part.Row + part.Count - part.Picks + 1 + i] != job.LastToken)
                break;
            kept++;
        }

        job.Sequence.Truncate(kept);
        return true;
    }

    public void Dispose() => _logits.Dispose();
}
