using Wisp.Compute;

namespace Wisp.Run;

/// <summary>The rows of one pass: which tokens of which requests, and what becomes of their logits.</summary>
internal sealed class EngineBatch
{
    private readonly TokenCore _core;
    private readonly int[] _tokens;
    private readonly List<EngineJob> _jobs = [], _ended = [];
    private TokenJob[] _parts = []; // one a job: what it reads, and how many picks that gives
    private readonly LogitsReader _read;

    public EngineBatch(TokenCore core)
    {
        (_core, _tokens) = (core, new int[core.Rows]);
        _read = (part, logits) =>
        {
            if (!PickOrEnd(_jobs[part], _parts[part], logits))
                _ended.Add(_jobs[part]);
        };
    }

    public int Rows { get; private set; }

    public int Room => _tokens.Length - Rows;

    public void Clear()
    {
        _jobs.Clear();
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

    // Picks: 0 within a prompt, else 1 and one for each guess.
    private void Add(EngineJob job, ReadOnlySpan<int> tokens, int picks)
    {
        tokens.CopyTo(_tokens.AsSpan(Rows));
        if (_parts.Length == _jobs.Count)
            Array.Resize(ref _parts, Math.Max(16, 2 * _parts.Length));
        _parts[_jobs.Count] = new TokenJob(job.Sequence, _tokens.AsMemory(Rows, tokens.Length), picks);
        _jobs.Add(job);
        Rows += tokens.Length;
    }

    /// <summary>Takes the rows through the model, picks tokens, and returns the requests that have ended.</summary>
    public IReadOnlyList<EngineJob> Run()
    {
        _ended.Clear();
        _core.Step(_parts.AsSpan(0, _jobs.Count), _read);
        return _ended;
    }

    // A mask or a sampler that fails ends its own request and no other.
    private static bool PickOrEnd(EngineJob job, TokenJob part, ReadOnlySpan<float> logits)
    {
        try
        {
            return Pick(job, part, logits);
        }
        catch (Exception e)
        {
            return job.Ended(GenerationEnd.None, e);
        }
    }

    // A guess is right when the sampler picks it anyway; with the first wrong one the rows after it are void.
    private static bool Pick(EngineJob job, TokenJob part, ReadOnlySpan<float> logits)
    {
        var vocabulary = logits.Length / part.Scores;
        var kept = job.Sequence.Length - (part.Scores - 1);
        for (var i = 0; i < part.Scores; i++)
        {
            if (!job.Pick(logits.Slice(i * vocabulary, vocabulary), guessed: i > 0))
                return false;
            if (i + 1 == part.Scores || part.Tokens.Span[^(part.Scores - 1 - i)] != job.LastToken)
                break;
            kept++;
        }

        job.Sequence.Truncate(kept);
        return true;
    }
}
