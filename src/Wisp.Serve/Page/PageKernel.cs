using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wisp.Agents;
using Wisp.Kernel.Cores;
using Wisp.Serve.Loading;

namespace Wisp.Serve.Page;

/// <summary>
/// The kernel in which answers of the page are processes. A server of the user's hosts the user's kernel from when its
/// model is ready, unless another program does already.
/// </summary>
internal sealed partial class PageKernel(
    ServeOptions options, ModelPool pool, WarmUp warmUp, ILogger<PageKernel> log) : IHostedService, IAsyncDisposable
{
    private readonly UserKernel _kernel = new(options.UserFolder, options.KernelSocket)
    {
        Tell = line => Told(log, line),
    };

    private readonly CancellationTokenSource _end = new();
    private Task _hosting = Task.CompletedTask;

    /// <summary>What an answer of the page may call, by what is mounted now.</summary>
    public Toolbox Tools(LoadedModel model) =>
        options.OffersFiles ? Toolbox.Of(options.UserFolder, model.Context) : Toolbox.Calculator;

    /// <param name="model">By whose tokens texts are measured where the kernel is made here.</param>
    public Task<IAgentKernel> Open(LoadedModel model, CancellationToken cancel) => _kernel.OpenAsync(
        new LocalKernelParts(ChatCodec.Of(model.Writer.Tokenizer), model.Context, model.Entry.Path)
        {
            Default = new ChatModel(new PooledChat(pool)), Time = options.Time,
        }, cancel);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.KernelSocket is not null)
            _hosting = Host();
        return Task.CompletedTask;
    }

    // Answers that are being written go on until the server is disposed of.
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_end.IsCancellationRequested)
            return; // the host knows it under two names
        await _end.CancelAsync();
        await _hosting;
        await _kernel.DisposeAsync();
        _end.Dispose();
    }

    private async Task Host()
    {
        try
        {
            await warmUp.Ready.WaitAsync(_end.Token);
            using var lease = await pool.Take(null, _end.Token);
            _ = lease.Model.Writer.Chat; // throws for one that only continues texts
            await Open(lease.Model, _end.Token);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // No model that chats is there, which is said to whoever asks for one; then a kernel is opened too.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Line}")]
    private static partial void Told(ILogger log, string line);
}
