using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Run;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>wisp serve in this process, on a free port of the loopback, with the small chat model.</summary>
public sealed class LiveServer : IAsyncLifetime
{
    public const string Model = "wisp-chat";

    private WispServer? _server;

    // What is closed early is closed: the client would read the rest first.
    public HttpClient Http { get; } = new(new SocketsHttpHandler { MaxResponseDrainSize = 0 });

    internal WispServer Server => _server ?? throw new InvalidOperationException("not started");

    /// <summary>Of the chat model, which is the only one that tests load here.</summary>
    internal Engine Engine => Server.Models.Loaded.Single(loaded => loaded.Model.Id == Model).Model.Writer.Engine;

    public static string ModelFolder => Path.Combine(Root, "models");

    public static string ModelPath => Path.Combine(ModelFolder, $"{Model}.gguf");

    public async ValueTask InitializeAsync() => await Begin(new ServeOptions { Folders = { ModelFolder } }, new());

    /// <summary>A server of other options, ready.</summary>
    internal static async Task<LiveServer> Open(ServeOptions options, ListenOptions? listen = null)
    {
        var server = new LiveServer();
        await server.Begin(options, listen ?? new ListenOptions());
        return server;
    }

    private async Task Begin(ServeOptions options, ListenOptions listen)
    {
        options.Models.Add(ModelPath);
        _server = await WispServer.Start(options, listen with { Address = IPAddress.Loopback, Port = 0 });
        Http.BaseAddress = _server.Address;
        await _server.Ready;
    }

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

    /// <summary>The lines of a stream of JSON.</summary>
    public async Task<List<JsonNode>> Lines(string path, string body)
    {
        using var response = await Http.PostAsync(path, Body(body));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    /// <summary>A request whose answer does not end by itself: the tokens that end one are forbidden.</summary>
    internal string Endless(int tokens, bool stream = true) => new JsonObject
    {
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Tell me a story." }),
        ["max_tokens"] = tokens, ["stream"] = stream, ["seed"] = 1,
        ["logit_bias"] = new JsonObject(Server.Models.Loaded[0].Model.Writer.Tokenizer.EndOfGeneration.Select(
            id => KeyValuePair.Create(id.ToString(), (JsonNode?)JsonValue.Create(-100)))),
    }.ToJsonString();

    /// <summary>A streaming POST that has begun to be answered.</summary>
    internal async Task<HttpResponseMessage> Begin(string path, string body, CancellationToken cancel = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = Body(body) };
        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    public static StringContent Body(string json) => new(json, Encoding.UTF8, "application/json");

    public static string Quoted(string text) => JsonSerializer.Serialize(text);

    public static string Root
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
