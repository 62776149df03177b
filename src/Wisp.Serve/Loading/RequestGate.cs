using Wisp.Serve.Http;

namespace Wisp.Serve.Loading;

/// <summary>How many requests a model has, and when there are too many.</summary>
internal sealed class RequestGate(ServeOptions options)
{
    // Until requests have ended, what one is expected to take.
    private static readonly TimeSpan s_firstGuess = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private double _seconds = s_firstGuess.TotalSeconds; // of a request, the latest ones counting most
    private int _inside;

    /// <summary>Requests that run or wait.</summary>
    public int Inside => Volatile.Read(ref _inside);

    public int Running => Math.Min(Inside, options.Parallel);

    public int Waiting => Math.Max(0, Inside - options.Parallel);

    /// <summary>Lets a request in; dispose of the pass when it has ended.</summary>
    /// <exception cref="ApiException">As many as may wait are waiting: 429.</exception>
    public Pass Enter(int requests = 1)
    {
        lock (_lock)
        {
            if (_inside + requests > options.Parallel + options.Queue)
            {
                // Whoever comes back then finds about half of the queue served.
                var wait = Math.Clamp(_seconds * (1 + (options.Queue / 2.0)) / options.Parallel, 1, 600);
                throw new ApiException(429, $"{options.Parallel} requests are running and {options.Queue} may wait; " +
                    $"try again in {Math.Ceiling(wait):0} s.")
                {
                    Code = "queue_full", RetryAfter = TimeSpan.FromSeconds(Math.Ceiling(wait)),
                };
            }

            _inside += requests;
        }

        return new Pass(this, requests, options.Time.GetTimestamp());
    }

    private void Leave(int requests, TimeSpan took)
    {
        lock (_lock)
        {
            _inside -= requests;
            _seconds += (took.TotalSeconds - _seconds) / 8;
        }
    }

    /// <summary>A place that is given back once.</summary>
    internal sealed class Pass(RequestGate gate, int requests, long begin) : IDisposable
    {
        private bool _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, true))
                return;
            gate.Leave(requests, gate.Elapsed(begin));
        }
    }

    private TimeSpan Elapsed(long begin) => options.Time.GetElapsedTime(begin);
}
