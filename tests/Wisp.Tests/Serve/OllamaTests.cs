using System.Net;
using System.Text.Json.Nodes;
using Wisp.Serve;
using Wisp.Serve.Ollama;

namespace Wisp.Tests.Serve;

public class OllamaTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Ask = """
        "model": "wisp-chat:latest", "options": {"seed": 5, "num_predict": 12, "no_such_option": 1}, "nobody": true
        """;

    [Theory]
    [InlineData("/api/chat", "\"messages\": [{\"role\": \"user\", \"content\": \"Tell me a story.\"}]")]
    [InlineData("/api/generate", "\"prompt\": \"Tell me a story.\"")]
    [InlineData("/api/generate", "\"prompt\": \"The fox\", \"raw\": true")]
    public async Task An_answer_comes_in_lines_or_whole_and_is_the_same(string path, string what)
    {
        var lines = await server.Lines(path, $$"""{ {{Ask}}, {{what}} }""");
        var whole = await server.Post(path, $$"""{ {{Ask}}, {{what}}, "stream": false }""");
        Assert.Equal(Text(whole), string.Concat(lines.Select(Text)));
        Assert.All(lines[..^1], line => Assert.False((bool)line["done"]!));
        foreach (var last in (JsonNode[])[lines[^1], whole])
        {
            Assert.True((bool)last["done"]!);
            Assert.Contains((string)last["done_reason"]!, (string[])["stop", "length"]);
            Assert.True((long)last["total_duration"]! > 0);
            Assert.InRange((int)last["eval_count"]!, 1, 12);
        }

        static string Text(JsonNode reply) => (string)(reply["message"]?["content"] ?? reply["response"])!;
    }

    [Fact]
    public async Task Faults_have_the_shape_of_Ollama()
    {
        Assert.Contains("not found", (string)(await server.Post(
            "/api/chat", """{"model": "nobody", "messages": []}""", HttpStatusCode.NotFound))["error"]!);
        Assert.Contains("keep_alive", (string)(await server.Post("/api/generate",
            """{"model": "wisp-chat", "keep_alive": "soon"}""", HttpStatusCode.BadRequest))["error"]!);
        Assert.Contains("text only", (string)(await server.Post("/api/generate",
            """{"model": "wisp-chat", "prompt": "x", "images": ["AAAA"]}""", HttpStatusCode.BadRequest))["error"]!);
        Assert.Contains("parse", (string)(await server.Post("/api/chat", "{", HttpStatusCode.BadRequest))["error"]!);
    }

    [Fact]
    public async Task A_model_is_loaded_when_it_is_asked_for_and_let_go_when_it_is_told()
    {
        await using var own = await LiveServer.Open(new ServeOptions { Folders = { LiveServer.ModelFolder } });
        Assert.Equal(["wisp-chat"], await Loaded());
        var loaded = await own.Post("/api/generate", """{"model": "wisp-base", "stream": false, "keep_alive": "5m"}""");
        Assert.Equal("load", (string)loaded["done_reason"]!);
        Assert.Equal(["wisp-base", "wisp-chat"], await Loaded());
        // A text goes on where the model has no chat template.
        var text = await own.Post("/api/generate", """
            {"model": "wisp-base", "prompt": "The fox", "stream": false, "options": {"num_predict": 5}}
            """);
        Assert.NotEmpty((string)text["response"]!);
        var chat = await own.Post("/api/chat", """
            {"model": "wisp-base", "messages": [{"role": "user", "content": "Hi"}]}
            """, HttpStatusCode.BadRequest);
        Assert.Contains("no chat template", (string)chat["error"]!);
        var gone = await own.Post("/api/generate", """{"model": "wisp-base", "stream": false, "keep_alive": 0}""");
        Assert.Equal("unload", (string)gone["done_reason"]!);
        while ((await Loaded()).Length > 1)
            await Task.Yield();

        async Task<string[]> Loaded() => [.. (await own.Get("/api/ps"))["models"]!.AsArray()
            .Select(model => (string)model!["name"]!).Order(StringComparer.Ordinal)];
    }

    [Theory]
    [InlineData("5m", 300)]
    [InlineData("1h30m", 5400)]
    [InlineData("1.5s", 1.5)]
    [InlineData("300ms", 0.3)]
    [InlineData("-1s", -1)]
    [InlineData("42", 42)]
    public void Durations_are_read_as_Go_writes_them(string text, double seconds)
    {
        Assert.True(Duration.TryParse(text, out var found));
        Assert.Equal(seconds, found, 1e-9);
    }

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("5 m")]
    [InlineData("m5")]
    [InlineData("1d")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Duration.TryParse(text, out _));
}
