using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>
/// Serves the label page to this machine alone. The address carries a token behind its '#', which browsers send to
/// nobody; the page sends it back in a header, which no other page can do.
/// </summary>
internal sealed class LabelServer : IAsyncDisposable
{
    internal const string TokenHeader = "X-Wisp-Token";

    private const int MaxBody = 1 << 14; // a ranking is some tens of bytes

    private readonly WebApplication _app;
    private readonly LabelDesk _desk;
    private readonly LabelProgress _progress;
    private readonly string _token = RandomNumberGenerator.GetHexString(32, lowercase: true);

    private LabelServer(LabelDesk desk, LabelProgress progress, int port)
    {
        (_desk, _progress) = (desk, progress);
        // The content root is the program's own folder: no settings of the folder that someone happens to stand in.
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, Args = [] });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
        });
        _app = builder.Build();
        _app.Use(GuardAsync);
        _app.MapLabelPage();
        _app.MapGet("/api/current", (HttpContext context) => AnswerAsync(context, CurrentAsync));
        _app.MapPost("/api/judgment", (HttpContext context) => AnswerAsync(context, JudgeAsync));
        _app.MapPost("/api/skip", (HttpContext context) => AnswerAsync(context, SkipAsync));
        _app.MapPost("/api/undo", (HttpContext context) => AnswerAsync(context, UndoAsync));
    }

    /// <summary>How long a request for the current comparison waits for candidates before it says so.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What to open: the site, and the token that lets the page in.</summary>
    public string Url => $"{Site}/#{_token}";

    public string Site { get; private set; } = "";

    internal string Token => _token;

    /// <param name="port">0 takes any that is free.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<LabelServer> StartAsync(
        LabelDesk desk, LabelProgress progress, int port, CancellationToken cancel = default)
    {
        var server = new LabelServer(desk, progress, port);
        try
        {
            await server._app.StartAsync(cancel).ConfigureAwait(false);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        server.Site = server._app.Urls.Single();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // A name that resolves to this machine must not make it serve another site's page (DNS rebinding), and what is
    // asked of the API comes from our page.
    private Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        var host = context.Request.Host;
        if (host.Host is not ("127.0.0.1" or "localhost"))
            return RefuseAsync(context, HttpStatusCode.MisdirectedRequest, "This is served as 127.0.0.1 only.");
        if (!context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal))
            return next(context);
        if (context.Request.Headers.Origin is [{ } origin] && origin != $"http://{host}")
            return RefuseAsync(context, HttpStatusCode.Forbidden, "Another page may not ask this.");
        var given = Encoding.UTF8.GetBytes(context.Request.Headers[TokenHeader].ToString());
        return CryptographicOperations.FixedTimeEquals(given, Encoding.UTF8.GetBytes(_token)) ? next(context)
            : RefuseAsync(context, HttpStatusCode.Unauthorized,
                "This address is from an earlier start of wisp label. Open the one that it shows now.");
    }

    private static async Task AnswerAsync(HttpContext context, Func<HttpContext, Task<JsonObject>> answer)
    {
        try
        {
            var json = await answer(context).ConfigureAwait(false);
            await WriteAsync(context, HttpStatusCode.OK, json).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for it any more.
        }
        catch (BadHttpRequestException e)
        {
            await RefuseAsync(context, (HttpStatusCode)e.StatusCode, e.Message).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ArgumentException or JsonException or InvalidOperationException)
        {
            await RefuseAsync(context, HttpStatusCode.BadRequest, e.Message.Split(" (Parameter")[0])
                .ConfigureAwait(false);
        }
        catch (IOException e)
        {
            await RefuseAsync(context, HttpStatusCode.InsufficientStorage, $"Not saved: {e.Message}")
                .ConfigureAwait(false);
        }
    }

    private async Task<JsonObject> CurrentAsync(HttpContext context)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        soon.CancelAfter(Patience);
        JsonObject json;
        try
        {
            json = await _desk.CurrentAsync(soon.Token).ConfigureAwait(false) is { } presentation
                ? LabelWire.Of(presentation) : new JsonObject { ["state"] = "done" };
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            json = new JsonObject { ["state"] = "waiting" };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            json = new JsonObject { ["state"] = "failed", ["error"] = Cli.Failure.Describe(e) };
        }

        json["progress"] = await _progress.ReadAsync().ConfigureAwait(false);
        return json;
    }

    private async Task<JsonObject> JudgeAsync(HttpContext context)
    {
        var request = await BodyAsync(context).ConfigureAwait(false);
        int[] places = [.. Needed(request, "places").AsArray()
            .Select(place => place?.GetValue<int>() ?? throw new ArgumentException("A place is null."))];
        return await AfterAsync(
            context, await _desk.JudgeAsync(Id(request), places, Seconds(request)).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    private async Task<JsonObject> SkipAsync(HttpContext context)
    {
        var request = await BodyAsync(context).ConfigureAwait(false);
        return await AfterAsync(context, await _desk.SkipAsync(Id(request), Seconds(request)).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    private async Task<JsonObject> UndoAsync(HttpContext context)
    {
        await _desk.UndoAsync().ConfigureAwait(false);
        return await CurrentAsync(context).ConfigureAwait(false);
    }

    // What is next comes with the same answer; where the page was behind, that is all it needs too.
    private async Task<JsonObject> AfterAsync(HttpContext context, bool saved)
    {
        var json = await CurrentAsync(context).ConfigureAwait(false);
        json["saved"] = saved;
        return json;
    }

    private static async Task<JsonObject> BodyAsync(HttpContext context)
    {
        if (context.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
            throw new ArgumentException("The request has no JSON.");
        return await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted)
            .ConfigureAwait(false) as JsonObject ?? throw new ArgumentException("The request is no JSON object.");
    }

    private static JsonNode Needed(JsonObject request, string field) =>
        request[field] ?? throw new ArgumentException($"The request has no '{field}'.");

    private static string Id(JsonObject request) => Needed(request, "id").GetValue<string>();

    private static double Seconds(JsonObject request) => Needed(request, "seconds").GetValue<double>();

    private static Task RefuseAsync(HttpContext context, HttpStatusCode status, string error) =>
        WriteAsync(context, status, new JsonObject { ["error"] = error });

    private static Task WriteAsync(HttpContext context, HttpStatusCode status, JsonObject json)
    {
        if (context.Response.HasStarted)
            return Task.CompletedTask;
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync(json.ToJsonString(), context.RequestAborted);
    }

    /// <summary>The command that started the server hears Ctrl-C, and stops it.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
