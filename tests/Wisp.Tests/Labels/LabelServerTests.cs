using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Wisp.Labels;
using Wisp.Tests.Train.Align.Labels;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Labels;

public sealed class LabelServerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Task<LabelSite> Site(int comparisons = 3, bool more = false) => LabelSite.StartAsync(
        _folder, Enumerable.Range(0, comparisons).Select(i => Judged.Comparison($"{i}", "secret:x", "hidden:y")),
        more: more);

    private static JsonObject Verdict(JsonNode current, params int[] places) => new()
    {
        ["id"] = current["id"]!.DeepClone(), ["seconds"] = 0.5,
        ["places"] = new JsonArray([.. places.Select(place => (JsonNode)place)]),
    };

    [Fact]
    public async Task One_comparison_after_the_other_until_all_is_done()
    {
        await using var site = await Site();
        var current = await site.Current();
        Assert.Equal(("judge", 0, 3), (current["state"]!.ToString(), (int)current["progress"]!["done"]!,
            (int)current["progress"]!["total"]!));
        Assert.False((bool)current["progress"]!["canUndo"]!);

        // Blind: neither names nor hashes nor seeds leave the program.
        Assert.DoesNotContain("secret", current.ToJsonString());
        Assert.DoesNotContain("hidden", current.ToJsonString());

        var (status, next) = await site.Post("judgment", Verdict(current, 1));
        Assert.Equal((200, true, "1"), (status, (bool)next["saved"]!, next["prompt"]![0]!["text"]!.ToString()));
        Assert.Single(File.ReadAllLines(_folder["labels.jsonl"])); // before the answer
        (_, next) = await site.Post("skip", Verdict(next));
        Assert.Equal("2", next["prompt"]![0]!["text"]!.ToString());
        (_, next) = await site.Post("undo", new JsonObject());
        Assert.Equal("1", next["prompt"]![0]!["text"]!.ToString());
        (_, next) = await site.Post("judgment", Verdict(next, 0));
        var (_, old) = await site.Post("judgment", Verdict(current, 0));
        Assert.Equal((false, "2"), ((bool)old["saved"]!, old["prompt"]![0]!["text"]!.ToString()));
        (_, next) = await site.Post("judgment", Verdict(next));
        Assert.Equal(("done", 3, 3), (next["state"]!.ToString(), (int)next["progress"]!["done"]!,
            (int)next["progress"]!["judgments"]!));
    }

    [Fact]
    public async Task Nobody_without_the_token_gets_in_and_no_other_page()
    {
        await using var site = await Site();
        using var stranger = new HttpClient { BaseAddress = new Uri(site.Server.Site) };
        foreach (var (method, path) in (IEnumerable<(HttpMethod, string)>)[(HttpMethod.Get, "current"),
            (HttpMethod.Post, "judgment"), (HttpMethod.Post, "skip"), (HttpMethod.Post, "undo")])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await Status(stranger, method, path));
            Assert.Equal(HttpStatusCode.Unauthorized, await Status(
                stranger, method, path, (LabelServer.TokenHeader, new string('0', 32))));
            Assert.Equal(HttpStatusCode.Forbidden, await Status(
                site.Http, method, path, ("Origin", "http://evil.example")));
            Assert.Equal(HttpStatusCode.Forbidden, await Status(site.Http, method, path, ("Origin", "null")));
            Assert.Equal(HttpStatusCode.MisdirectedRequest, await Status(
                site.Http, method, path, ("Host", "evil.example")));
        }

        Assert.Equal(HttpStatusCode.OK, await Status(
            site.Http, HttpMethod.Get, "current", ("Origin", site.Server.Site)));
        Assert.Empty(File.ReadAllLines(_folder["labels.jsonl"]));
        Assert.StartsWith("http://127.0.0.1:", site.Server.Url);
        Assert.EndsWith($"/#{site.Server.Token}", site.Server.Url);

        // Loopback only: the machine's other addresses do not answer.
        var port = new Uri(site.Server.Site).Port;
        foreach (var address in NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address)
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address)))
            await Assert.ThrowsAnyAsync<SocketException>(async () =>
            {
                using var client = new TcpClient();
                await client.ConnectAsync(address, port);
            });

        static async Task<HttpStatusCode> Status(
            HttpClient http, HttpMethod method, string path, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(method, $"/api/{path}");
            if (method == HttpMethod.Post)
                request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
            foreach (var (name, value) in headers)
                request.Headers.TryAddWithoutValidation(name, value);
            using var response = await http.SendAsync(request);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task The_page_comes_with_a_policy_that_lets_nothing_else_in()
    {
        await using var site = await Site();
        foreach (var (path, type) in (IEnumerable<(string, string)>)
            [("/", "text/html"), ("/label.css", "text/css"), ("/label.js", "text/javascript"),
            ("/api/current", "application/json")])
        {
            using var response = await site.Http.GetAsync(path);
            Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
            var policy = string.Join(' ', response.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'", policy);
            Assert.DoesNotContain("unsafe", policy);
            Assert.Equal("nosniff", string.Join(' ', response.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        }

        using var missing = await site.Http.GetAsync("/../labels.jsonl");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);

        // The files name no other place and hold nothing that their policy would refuse.
        foreach (var path in (string[])["/", "/label.css", "/label.js"])
        {
            var text = await site.Http.GetStringAsync(path);
            Assert.DoesNotContain("https:", text);
            Assert.DoesNotContain("innerHTML", text);
            Assert.DoesNotContain(" style=\"", text);
            Assert.DoesNotContain("onclick", text);
        }
    }

    [Theory]
    [InlineData("judgment", "{}", "no 'places'")]
    [InlineData("judgment", "[]", "no JSON object")]
    [InlineData("judgment", "{", "")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [2], \"seconds\": 1}", "There is no place 3; there are 2")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [-1], \"seconds\": 1}", "There is no place 0")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [0, 0], \"seconds\": 1}", "named twice")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [null], \"seconds\": 1}", "")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [\"0\"], \"seconds\": 1}", "")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": {}, \"seconds\": 1}", "")]
    [InlineData("judgment", "{\"id\": 7, \"places\": [0], \"seconds\": 1}", "")]
    [InlineData("judgment", "{\"id\": \"ID\", \"places\": [0], \"seconds\": \"long\"}", "")]
    [InlineData("judgment", "{\"id\": \"ID\", \"id\": \"ID\"}", "")]
    [InlineData("skip", "{\"id\": \"ID\"}", "no 'seconds'")]
    public async Task A_faulty_request_is_told_and_changes_nothing(string path, string body, string expected)
    {
        await using var site = await Site();
        var id = (await site.Current())["id"]!.ToString();
        using var content = new StringContent(body.Replace("ID", id), Encoding.UTF8, "application/json");
        using var response = await site.Http.PostAsync($"/api/{path}", content);
        var said = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(expected, JsonNode.Parse(said)!["error"]!.ToString());
        Assert.DoesNotContain("   at ", said);
        Assert.Equal(id, (await site.Current())["id"]!.ToString());
        Assert.Empty(File.ReadAllLines(_folder["labels.jsonl"]));
    }

    [Fact]
    public async Task A_request_too_large_or_of_another_kind_is_refused()
    {
        await using var site = await Site();
        using var large = new StringContent(
            $"{{\"id\": \"{new string('x', 1 << 15)}\"}}", Encoding.UTF8, "application/json");
        using var response = await site.Http.PostAsync("/api/judgment", large);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);

        // A form of another page may send this kind without asking; it is not even read.
        using var form = new StringContent("{\"id\": \"1\"}", Encoding.UTF8, "text/plain");
        using var answer = await site.Http.PostAsync("/api/judgment", form);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Hostile_text_arrives_as_the_text_it_is()
    {
        string[] texts =
        [
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u202e reversed \u2066", "\0\u0007\u001b[31m",
            "{\"state\": \"done\"}", "</script><!--", "\ufeff\ud7ff\uffff", "a\r\nb\u2028c\u2029d",
        ];
        await using var site = await LabelSite.StartAsync(_folder, texts.Select(
            (text, i) => Judged.Comparison(text, text + "1", $"{i}")));
        foreach (var text in texts)
        {
            var current = await site.Current();
            Assert.Equal(text, current["prompt"]![0]!["text"]!.GetValue<string>());
            Assert.Contains(
                text + "1", current["candidates"]!.AsArray().Select(one => one!["text"]!.GetValue<string>()));
            await site.Post("judgment", Verdict(current, 0));
        }

        Assert.Equal(texts, (await File.ReadAllLinesAsync(_folder["labels.jsonl"]))
            .Select(line => JsonNode.Parse(line)!["prompt"]![0]!["content"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Who_waits_for_a_model_is_told_so()
    {
        await using var site = await Site(comparisons: 0, more: true);
        using var soon = new CancellationTokenSource();
        var asked = site.Http.GetAsync("/api/current", soon.Token);
        await soon.CancelAsync(); // a page that is closed meanwhile leaves the rest as it was
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        var (status, next) = await site.Post("undo", new JsonObject());
        Assert.Equal((200, "waiting"), (status, next["state"]!.ToString()));
    }
}
