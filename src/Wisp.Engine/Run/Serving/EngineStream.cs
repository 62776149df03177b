using System.Threading.Channels;

namespace Wisp.Run;

/// <summary>The answer to one request as it is written. Disposing it before the end cancels the request.</summary>
public sealed class EngineStream : IAsyncDisposable
{
    private readonly Channel<EngineToken> _tokens =
        Channel.CreateUnbounded<EngineToken>(new() { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenRegistration _registration;
    private volatile bool _cancelled;

    internal EngineStream(EngineRequest request, CancellationToken cancel)
    {
        Request = request;
        _registration = cancel.Register(() => _cancelled = true);
    }

    public EngineRequest Request { get; }

    /// <summary>Why the text ended; <see cref="GenerationEnd.None"/> while it goes on.</summary>
    public GenerationEnd End { get; private set; }

    /// <summary>The token that ended the text; null where none did, or not yet.</summary>
    public EngineToken? EndToken { get; internal set; }

    /// <summary>Complete once the text has ended.</summary>
    public EngineUsage Usage { get; internal set; }

    internal bool IsCancelled => _cancelled;

    /// <summary>The tokens, as they come.</summary>
    /// <exception cref="KvMemoryException">The request can never fit the memory.</exception>
    public IAsyncEnumerable<EngineToken> ReadAllAsync(CancellationToken cancel = default) =>
        _tokens.Reader.ReadAllAsync(cancel);

    public ValueTask DisposeAsync()
    {
        _cancelled = true;
        return _registration.DisposeAsync();
    }

    internal void Write(in EngineToken token) => _tokens.Writer.TryWrite(token);

    internal void Finish(GenerationEnd end, Exception? fault = null)
    {
        End = end;
        _tokens.Writer.TryComplete(fault);
        _registration.Unregister();
    }
}
