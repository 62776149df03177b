using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Serve.Page;

namespace Wisp.Tests.Serve.Page;

/// <summary>What the page asks its server for, without a browser.</summary>
public sealed class PageRoutesTests(LiveServer live) : IClassFixture<LiveServer>
{
    private static readonly JsonObject s_sure = new() { ["temperature"] = 0 };

    [Fact]
    public async Task The_page_comes_with_a_policy_that_lets_nothing_in()
    {
        using var page = await live.Http.GetAsync("/");
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy);
        Assert.Contains("script-src 'self';", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.DoesNotContain("http", policy);
        var html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("<script>", html);
        Assert.DoesNotContain("style=", html);
        Assert.DoesNotContain("onclick", html);

        // Every file that it names is there, and a second visit costs nothing.
        foreach (var name in new[] { "/", "/page.css", "/main.js", "/markdown.js", "/icon.svg" })
        {
            using var first = await live.Http.GetAsync(name);
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
            using var again = new HttpRequestMessage(HttpMethod.Get, name);
            again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
            Assert.Equal(HttpStatusCode.NotModified, (await live.Http.SendAsync(again)).StatusCode);
        }
    }

    [Fact]
    public async Task A_message_is_kept_answered_and_found()
    {
        var id = await Create(s_sure);
        var question = await live.Post("/page/messages", $$"""{"conversation":{{id}},"text":"What is 12 * 34?"}""");
        var news = await Answer(question["id"]!.GetValue<long>());
        Assert.Equal("begin", news[0]["type"]!.GetValue<string>());
        var end = news[^1]["message"]!;
        Assert.Equal("whole", end["state"]!.GetValue<string>());
        Assert.Contains("408", end["parts"]!.AsArray()[^1]!["text"]!.GetValue<string>());
        Assert.Contains(news, one => one["type"]!.GetValue<string>() == "saved");

        var whole = await live.Get($"/page/conversations/{id}");
        Assert.True(JsonNode.DeepEquals(end, whole["messages"]!.AsArray()[^1]));
        Assert.Equal("What is 12 * 34?", whole["conversation"]!["title"]!.GetValue<string>());
        Assert.Contains((await live.Get("/page/conversations?search=12%20*%2034")).AsArray(),
            one => one!["id"]!.GetValue<long>() == id);
        var tokens = await live.Get($"/page/messages/{end["id"]}/tokens");
        Assert.Equal(end["tokens"]!.GetValue<int>(), tokens.AsArray().Count);
        Assert.Contains("## You", await live.Http.GetStringAsync($"/page/conversations/{id}/markdown"));
    }

    [Fact]
    public async Task A_context_that_is_full_is_said_before_anything_is_written()
    {
        var id = await Create(s_sure);
        var text = string.Concat(Enumerable.Repeat("The fox sleeps. ", 500));
        var question = await live.Post("/page/messages",
            new JsonObject { ["conversation"] = id, ["text"] = text }.ToJsonString());
        var fault = await live.Post("/page/answers", $$"""{"message":{{question["id"]}}}""", HttpStatusCode.BadRequest);
        Assert.Equal("context_length_exceeded", fault["error"]!["code"]!.GetValue<string>());
        Assert.Single((await live.Get($"/page/conversations/{id}"))["messages"]!.AsArray());
    }

    [Theory]
    [InlineData("/page/messages", """{"conversation":1,"text":" "}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/messages", """{"conversation":987654,"text":"x"}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/messages", """{"text":"x"}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/messages", """{"conversation":""", HttpStatusCode.BadRequest)]
    [InlineData("/page/answers", """{"message":987654}""", HttpStatusCode.NotFound)]
    [InlineData("/page/asks", """{"ask":1,"yes":true}""", HttpStatusCode.NotFound)]
    [InlineData("/page/asks", """{"ask":1}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/conversations", """{"settings":{"topP":3}}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/conversations", """{"settings":{"temperature":"hot"}}""", HttpStatusCode.BadRequest)]
    [InlineData("/page/conversations/987654/restore", "{}", HttpStatusCode.NotFound)]
    public async Task What_cannot_be_is_refused_with_words(string path, string body, HttpStatusCode status) =>
        Assert.NotEmpty((await live.Post(path, body, status))["error"]!["message"]!.GetValue<string>());

    [Fact]
    public async Task Other_sites_of_the_browser_are_refused()
    {
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "/page/conversations");
        foreign.Headers.Add("Sec-Fetch-Site", "cross-site");
        Assert.Equal(HttpStatusCode.Forbidden, (await live.Http.SendAsync(foreign)).StatusCode);

        // A form of another page can send text without asking first.
        using var form = new StringContent("""{"settings":{}}""", Encoding.UTF8, "text/plain");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType,
            (await live.Http.PostAsync("/page/conversations", form)).StatusCode);

        // A foreign name that was made to lead to this machine.
        using var rebound = new HttpRequestMessage(HttpMethod.Get, "/page/conversations");
        rebound.Headers.Host = "evil.example:8080";
        Assert.Equal(HttpStatusCode.Forbidden, (await live.Http.SendAsync(rebound)).StatusCode);
    }

    [Theory]
    [InlineData("a *b* **c** `d`",
        """[["p",null,"a ",["em",null,"b"]," ",["strong",null,"c"]," ",["code",null,"d"]]]""")]
    [InlineData("<b onclick=x>hi</b>", """[["p",null,"<b onclick=x>hi</b>"]]""")]
    [InlineData("<script>alert(1)</script>", """[["p",null,"<script>alert(1)</script>"]]""")]
    [InlineData("![x](https://evil.example/i.png)",
        """[["p",null,["image",{"url":"https://evil.example/i.png"},"x"]]]""")]
    [InlineData("[x](javascript:alert(1))", """[["p",null,["span",{"url":"javascript:alert(1)"},"x"]]]""")]
    [InlineData("[x](data:text/html,y)", """[["p",null,["span",{"url":"data:text/html,y"},"x"]]]""")]
    [InlineData("[x](//evil.example)", """[["p",null,["span",{"url":"//evil.example"},"x"]]]""")]
    [InlineData("[x](https://a.example/)", """[["p",null,["a",{"href":"https://a.example/"},"x"]]]""")]
    [InlineData("```js\nx < y\n```", """[["pre",{"lang":"js"},"x < y"]]""")]
    [InlineData("3. a\n4. b", """[["ol",{"start":"3"},["li",null,"a"],["li",null,"b"]]]""")]
    [InlineData("- [x] a", """[["ul",null,["li",null,["check",{"checked":"true"}]," a"]]]""")]
    [InlineData("[x]: javascript:y\n\n[x]", """[["p",null,["span",{"url":"javascript:y"},"x"]]]""")]
    [InlineData("a\nb", """[["p",null,"a",["br",null],"b"]]""")]
    [InlineData("|a|b|\n|-|-:|", """[["table",null,["tr",null,["th",null,"a"],["th",{"align":"right"},"b"]]]]""")]
    public void Markdown_becomes_a_tree_of_few_tags(string text, string tree) => Assert.Equal(tree, Tree(text));

    [Theory]
    [InlineData("> ")]
    [InlineData("- ")]
    [InlineData("*a **b ")]
    [InlineData("![")]
    [InlineData("<div>")]
    public void Depth_is_no_danger(string nested)
    {
        using var tree = JsonDocument.Parse(Tree(string.Concat(Enumerable.Repeat(nested, 20_000)) + "end"),
            new JsonDocumentOptions { MaxDepth = 1000 });
        Assert.Equal(JsonValueKind.Array, tree.RootElement.ValueKind);
    }

    private static string Tree(string text) =>
        $"[{string.Join(',', MarkdownTree.Blocks(text).Select(block => Encoding.UTF8.GetString(block)))}]";

    private async Task<long> Create(JsonObject settings) => (await live.Post("/page/conversations",
        new JsonObject { ["settings"] = settings.DeepClone() }.ToJsonString()))["id"]!.GetValue<long>();

    private async Task<List<JsonNode>> Answer(long question)
    {
        using var body = new StringContent($$"""{"message":{{question}}}""", Encoding.UTF8, "application/json");
        using var response = await live.Http.PostAsync("/page/answers", body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }
}
