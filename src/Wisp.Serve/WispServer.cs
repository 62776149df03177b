using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Wisp.Serve.Loading;

namespace Wisp.Serve;

/// <summary>The server of <c>wisp serve</c>, in the process that makes it.</summary>
public sealed class WispServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private WispServer(WebApplication app) => _app = app;

    /// <summary>Where it listens; known after the start.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Ends when the default model has answered once; fails with what keeps it from it.</summary>
    public Task Ready => _app.Services.GetRequiredService<WarmUp>().Ready;

    internal ModelPool Models => _app.Services.GetRequiredService<ModelPool>();

    /// <summary>Listens and begins to load the default model.</summary>
    /// <exception cref="IOException">The address is taken.</exception>
    public static async Task<WispServer> Start(
        ServeOptions options, ListenOptions listen, CancellationToken cancel = default)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = options.MaxRequestBytes;
            kestrel.AddServerHeader = false;
            kestrel.Listen(listen.Address, listen.Port);
        });
        builder.Logging.ClearProviders();
        listen.Logging?.Invoke(builder.Logging);
        builder.Services.AddWisp(options);
        var app = builder.Build();
        app.MapWisp();
        await app.StartAsync(cancel);
        return new WispServer(app);
    }

    /// <summary>Takes no new connections and finishes the answers that are being written.</summary>
    public Task Stop(CancellationToken cancel = default) => _app.StopAsync(cancel);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}

/// <summary>Where a server listens and how it logs.</summary>
public sealed record ListenOptions
{
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0 takes one that is free.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>Where log messages go; nowhere without it.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }
}
