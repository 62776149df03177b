using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve;

/// <summary>The server of <c>wisp serve</c>, in the process that makes it.</summary>
public sealed class WispServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private WispServer(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Ends when the default model has answered once; fails with what keeps it from it.</summary>
    public Task Ready => _app.Services.GetRequiredService<WarmUp>().Ready;

    /// <summary>The default model and how much it holds, once it is ready.</summary>
    public string Describe()
    {
        var models = Models.Loaded;
        var others = Models.Shelf.Entries.Count - 1;
        return models.Count == 0 ? "no model is loaded" : $"{models[0].Model.Id}, context " +
            $"{models[0].Model.Context:N0} tokens, loaded in {models[0].Model.LoadTime.TotalSeconds:0.0} s" +
            (others > 0 ? $"; {others} more on demand" : "");
    }

    internal ModelPool Models => _app.Services.GetRequiredService<ModelPool>();

    /// <summary>Listens and begins to load the default model.</summary>
    /// <exception cref="IOException">The address is taken.</exception>
    public static async Task<WispServer> Start(
        ServeOptions options, ListenOptions listen, CancellationToken cancel = default)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        // What is asked for is all: an appsettings.json in the folder, or a variable, could open another door.
        builder.Configuration.Sources.Clear();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxRequestBytes;
            kestrel.Limits.MaxConcurrentConnections = listen.MaxConnections;
            // Whoever sends or reads slower than this holds a connection for nothing. A body has to come at 240 bytes a
            // second after five seconds, and so has to be read what is sent.
            kestrel.Limits.RequestHeadersTimeout = listen.Patience;
            kestrel.Limits.MinRequestBodyDataRate = new(240, listen.Patience);
            kestrel.Limits.MinResponseDataRate = new(240, listen.Patience);
            kestrel.Listen(listen.Address, listen.Port);
        });
        builder.Logging.ClearProviders();
        listen.Logging?.Invoke(builder.Logging);
        builder.Services.AddWisp(options);
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = listen.Drain);
        builder.Services.AddSingleton(new DoorOptions
        {
            ApiKeys = [.. listen.ApiKeys], Hosts = [.. listen.AllowedHosts], Origins = [.. listen.AllowedOrigins],
            OpenToOthers = !IPAddress.IsLoopback(listen.Address),
        });
        builder.Services.AddSingleton<Doorkeeper>();
        var app = builder.Build();
        try
        {
            var door = app.Services.GetRequiredService<Doorkeeper>();
            app.Use(next => context => door.Handle(context, next));
            app.MapWisp();
            app.MapFallback("{**path}", Unknown.Handle);
            await app.StartAsync(cancel);
            return new WispServer(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes no new connections and finishes the answers that are being written.</summary>
    public Task Stop(CancellationToken cancel = default) => _app.StopAsync(cancel);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Whoever started the server stops it: the host's own lifetime would swallow a second Ctrl-C.</summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>Where a server listens, to whom, and how it logs.</summary>
public sealed record ListenOptions
{
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0 takes one that is free.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>Keys that open the server, as bearer tokens; without any it is open.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Names it may be called by beside localhost and its addresses; "*" for all.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Origins of web pages that may call it beside its own; "*" for all.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    public int MaxConnections { get; init; } = 1024;

    /// <summary>How long a client may take for the headers of a request, and to begin to send or read.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long answers that are being written may take when the server stops.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where log messages go; nowhere without it.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }
}
