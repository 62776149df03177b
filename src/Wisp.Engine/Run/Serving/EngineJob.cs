namespace Wisp.Run;

/// <summary>One request on the engine's thread: its sequence, its sampler, and how far it has come.</summary>
internal sealed class EngineJob : IDisposable
{
    private readonly int _vocabulary;
    private readonly List<int> _written = [];
    private LogProbabilities? _scores;
    private Sampler? _sampler; // made with the first pick: a request that waits for memory needs none
    private int[] _history;
    private int _length;
    private int _guessed;

    public EngineJob(EngineStream stream, KvCache cache, int vocabulary)
    {
        Stream = stream;
        var request = stream.Request;
        _history = [.. request.Prompt];
        _length = _history.Length;
        _vocabulary = vocabulary;
        Sequence = cache.Create(_history, new KvDomain(request.Domain, request.Adapter));
        Cached = Sequence.Length;
    }

    public EngineStream Stream { get; }

    public KvSequence Sequence { get; }

    /// <summary>Tokens of the prompt that were in the cache.</summary>
    public int Cached { get; private set; }

    /// <summary>Known tokens that the decoder has not read yet; the last one's logits pick the next.</summary>
    public ReadOnlySpan<int> Unread => _history.AsSpan(Sequence.Length, _length - Sequence.Length);

    public bool IsReadingPrompt => Sequence.Length < Stream.Request.Prompt.Count - 1;

    /// <summary>Blocks that the rest of the request may still take.</summary>
    public int BlocksLeft => Sequence.BlocksToAppend(
        Stream.Request.Prompt.Count + Stream.Request.MaxTokens - Sequence.Length);

    /// <summary>Whether the next block of both prompts is the same, after the same tokens.</summary>
    public bool WantsSameBlock(EngineJob other) =>
        Sequence.StandsWith(other.Sequence) && Unread.Length >= KvBlock.Size && other.Unread.Length > KvBlock.Size
        && Unread[..KvBlock.Size].SequenceEqual(other.Unread[..KvBlock.Size]);

    /// <summary>Takes what other requests have computed meanwhile.</summary>
    public void Extend()
    {
        if (IsReadingPrompt)
            Cached += Sequence.Extend(Unread);
    }

    /// <summary>
    /// The tokens that followed the last time the text ended as it does now, at most so many: a guess at what follows,
    /// after Saxena 2023, "Prompt Lookup Decoding". Empty where the last two tokens never stood together before.
    /// </summary>
    public ReadOnlySpan<int> Guess(int most)
    {
        most = Math.Min(most, Stream.Request.MaxTokens - _written.Count - 1);
        if (most <= 0 || _length < 3)
            return [];
        var text = _history.AsSpan(0, _length);
        var at = text[..^1].LastIndexOf(text[^2..]);
        return at < 0 ? [] : text.Slice(at + 2, Math.Min(most, _length - at - 2));
    }

    /// <summary>
    /// Picks the token that follows and hands it out. Returns whether the text goes on.
    /// </summary>
    public bool Pick(ReadOnlySpan<float> logits, bool guessed)
    {
        var request = Stream.Request;
        _sampler ??= new Sampler(request.Sampling, request.Seed, _vocabulary, request.Breakers);
        if (request.LogProbabilities is { } count)
            _scores ??= new LogProbabilities(_vocabulary, count);
        var allowed = request.Allowed is { } mask ? mask(_written) : default;
        var token = _sampler.Pick(logits, _history.AsSpan(0, _length), allowed.Span);
        TokenScore? chosen = null;
        TokenScore[] best = [];
        if (_scores is not null)
        {
            chosen = _scores.Read(logits, token, out var likely);
            best = likely.ToArray();
        }

        if (request.End.Contains(token))
        {
            Stream.EndToken = new EngineToken(token, chosen, best);
            return Ended(GenerationEnd.EndToken);
        }

        if (_length == _history.Length)
            Array.Resize(ref _history, 2 * _length);
        _history[_length++] = token;
        _written.Add(token);
        _guessed += guessed ? 1 : 0;
        Stream.Write(new EngineToken(token, chosen, best));
        return _written.Count < request.MaxTokens || Ended(GenerationEnd.Count);
    }

    /// <summary>The token written last.</summary>
    public int LastToken => _history[_length - 1];

    public bool Ended(GenerationEnd end, Exception? fault = null)
    {
        Stream.Usage = new EngineUsage(Stream.Request.Prompt.Count, Cached, _written.Count, _guessed);
        Stream.Finish(end, fault);
        return false;
    }

    public void Dispose() => Sequence.Dispose();
}
