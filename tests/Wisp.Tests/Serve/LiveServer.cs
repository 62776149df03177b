using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>wisp serve in this process, on a free port of the loopback, with the small chat model.</summary>
public sealed class LiveServer : IAsyncLifetime
{
    private WispServer? _server;

    public const string Model = "wisp-chat";

    internal WispServer Server => _server ?? throw new InvalidOperationException("not started");

    public HttpClient Http { get; } = new();

    public async ValueTask InitializeAsync()
    {
        _server = await Start(new ServeOptions { Models = { ModelPath } });
        Http.BaseAddress = _server.Address;
        await _server.Ready;
    }

    public static string ModelPath => Path.Combine(Root, "models", $"{Model}.gguf");

    internal static Task<WispServer> Start(ServeOptions options) =>
        WispServer.Start(options, new ListenOptions { Address = IPAddress.Loopback, Port = 0 });

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_server is null)
            return;
        await _server.Stop();
        await _server.DisposeAsync();
    }

    /// <summary>The answer to a POST, its status checked.</summary>
    public async Task<JsonNode> Post(string path, string body, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var response = await Http.PostAsync(path, Body(body));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    public async Task<JsonNode> Get(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var response = await Http.GetAsync(path);
        Assert.Equal(status, response.StatusCode);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    /// <summary>The pieces of a stream of server-sent events, the last of which has to be [DONE].</summary>
    public async Task<List<JsonNode>> Stream(string path, string body)
    {
        using var response = await Http.PostAsync(path, Body(body));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, piece => Assert.StartsWith("data: ", piece));
        Assert.Equal("data: [DONE]", events[^1]);
        return [.. events[..^1].Select(piece => JsonNode.Parse(piece["data: ".Length..])!)];
    }

    public static StringContent Body(string json) => new(json, Encoding.UTF8, "application/json");

    public static string Quoted(string text) => JsonSerializer.Serialize(text);

    private static string Root
    {
        get
        {
            for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
                if (File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
                    return at.FullName;
            throw new DirectoryNotFoundException("the sources are not beside these tests");
        }
    }
}
