using Microsoft.Extensions.Hosting;

namespace Wisp.Serve.Loading;

/// <summary>Loads the default model as the host starts; requests are served meanwhile, and /health says 503.</summary>
internal sealed class WarmUp(ModelPool pool) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _end = new();

    /// <summary>Ends when the default model has answered once, or with what keeps it from it.</summary>
    public Task Ready { get; private set; } = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (pool.Shelf.DefaultId is { } id)
            Ready = Load(id);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _end.CancelAsync();
        await Ready.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    public void Dispose() => _end.Dispose();

    private async Task Load(string id)
    {
        using var lease = await pool.Take(id, _end.Token);
    }
}
