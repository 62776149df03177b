using Microsoft.Playwright;
using Wisp.Agents;
using Wisp.Kernel;
using Wisp.Kernel.Budgets;
using Wisp.Serve;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Tests.Browser;
using Wisp.Tests.Serve.Talk;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Serve.Page;

/// <summary>The page as a person uses it, in a browser.</summary>
[Trait("cost", "medium")]
public sealed class PageTests(Chromium chromium) : IAsyncLifetime
{
    // Answers that go on until they are stopped: every token is as likely as any other.
    private static readonly ChatSettings s_wild =
        new() { Temperature = 50, TopK = 0, TopP = 1, MinP = 0, MaxTokens = 380, Tools = false };

    private static readonly ChatSettings s_sure = new() { Temperature = 0 };

    static PageTests() => Assertions.SetDefaultExpectTimeout(KilledServerTests.Patience);

    private readonly TempFolder _folder = new();
    private LiveServer _server = null!;
    private Visit _visit = null!;

    private IPage Page => _visit.Page;

    private Conversations Kept => new(_database, TimeProvider.System);

    private WispDatabase _database = null!;

    public async ValueTask InitializeAsync()
    {
        _database = WispDatabase.Open(_folder[WispDatabase.FileName]);
        Kept.Defaults = s_sure;
        _server = await LiveServer.Open(new ServeOptions { Database = _folder[WispDatabase.FileName] });
        await Come(_server);
    }

    public async ValueTask DisposeAsync()
    {
        if (_visit is not null)
            await _visit.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_conversation_is_sent_streamed_kept_and_found_again()
    {
        await Open();
        await Send("What is 12 * 34?");
        await Assertions.Expect(Answers.Last).ToContainTextAsync("408");
        await Assertions.Expect(Page.Locator(".call")).ToContainTextAsync("12 * 34= 408");
        await Send("Hello!");
        await Assertions.Expect(Answers).ToHaveCountAsync(2);
        var before = await Page.Locator("#messages").InnerTextAsync();

        await Page.ReloadAsync();
        await Ready();
        await Assertions.Expect(Answers).ToHaveCountAsync(2);
        Assert.Equal(before, await Page.Locator("#messages").InnerTextAsync());

        // From an empty page it is found by a word in it.
        await Page.Keyboard.PressAsync("Control+Shift+O");
        await Assertions.Expect(Page.Locator(".welcome")).ToBeVisibleAsync();
        await Page.Keyboard.PressAsync("Control+k");
        await Page.Keyboard.TypeAsync("nothing of the kind");
        await Assertions.Expect(Page.Locator("#list")).ToContainTextAsync("Nothing found");
        await Page.FillAsync("#search", "408");
        await Page.Locator("#list a").ClickAsync();
        await Assertions.Expect(Answers).ToHaveCountAsync(2);
        _visit.AssertClean();
    }

    [Fact]
    public async Task Esc_stops_an_answer_and_what_was_written_stays()
    {
        Kept.Defaults = s_wild;
        await Open();
        await Send("Go on and on.", wait: false);
        // Looked for in every frame: the answer lasts a second, which is what an expectation waits between two looks.
        await Page.EvaluateAsync("""
            () => new Promise(seen => {
                const look = () => document.querySelector('.writing .markdown')?.textContent
                    ? seen() : requestAnimationFrame(look);
                look();
            })
            """).WaitAsync(TimeSpan.FromMinutes(5)); // as long as an expectation waits; a page's promise has no end
        await Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(Page.Locator(".note.stopped")).ToHaveTextAsync("Stopped.");
        var kept = Kept.Message(Kept.Find(Kept.List()[0].Id)!.Leaf!.Value)!;
        Assert.Equal(MessageState.Stopped, kept.State);
        Assert.True(kept.Text.Length > 0);
        await Assertions.Expect(Page.Locator("#send")).ToBeVisibleAsync();
        _visit.AssertClean();
    }

    [Fact]
    public async Task Editing_and_answering_anew_make_versions_to_go_between()
    {
        await Open();
        await Send("What is 12 * 34?");
        await Answers.Last.HoverAsync();
        await Page.Keyboard.PressAsync("Escape"); // leaves the box, so that letters are keys
        await Page.Keyboard.PressAsync("r");
        await Assertions.Expect(Answers.Last.Locator(".branches")).ToHaveTextAsync("2/2");

        await Page.Keyboard.PressAsync("e");
        await Page.Locator(".editor textarea").FillAsync("What is 2 + 3?");
        await Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Answers.Last.Locator(".markdown")).ToContainTextAsync("5");
        await Assertions.Expect(Page.Locator(".message.user .branches")).ToHaveTextAsync("2/2");
        await Page.RunAndWaitForResponseAsync(
            () => Page.Locator(".message.user .branches button").First.ClickAsync(),
            response => response.Request.Method == "PATCH");
        await Assertions.Expect(Page.Locator(".bubble")).ToHaveTextAsync("What is 12 * 34?");
        await Assertions.Expect(Answers.Last).ToContainTextAsync("408");
        await Page.ReloadAsync();
        await Ready();
        await Assertions.Expect(Page.Locator(".bubble")).ToHaveTextAsync("What is 12 * 34?");
        _visit.AssertClean();
    }

    [Fact]
    public async Task Hostile_Markdown_runs_nothing_and_asks_nobody()
    {
        var conversation = Kept.Create(new ChatSettings());
        var question = Kept.Add(new Message
        {
            Conversation = conversation.Id, Role = MessageRole.User, Parts = [Message.Said(Hostile)],
        });
        Kept.Add(new Message
        {
            Conversation = conversation.Id, Parent = question.Id, Role = MessageRole.Assistant,
            Parts = [Message.Said(Hostile), new MessagePart { Kind = PartKind.Thought, Text = Hostile },
                new MessagePart { Kind = PartKind.Call, Name = Hostile, Arguments = Hostile, Text = Hostile }],
        });
        Kept.Rename(conversation.Id, "<img src=https://evil.example/title.png onerror=alert(1)>");
        var dialogs = 0;
        Page.Dialog += (_, dialog) =>
        {
            dialogs++;
            _ = dialog.DismissAsync();
        };
        await Open($"#/{conversation.Id}");
        await Assertions.Expect(Answers).ToHaveCountAsync(1);

        string[] tags = ["script", "iframe", "object", "embed", "form[action]", "video", "link", "style", "base"];
        foreach (var tag in tags)
            Assert.Equal(0, await Page.Locator($"#messages {tag}, #list {tag}").CountAsync());
        Assert.Equal(0, await Page.Locator("#messages img, #list img").CountAsync());
        Assert.False(await Page.EvaluateAsync<bool>(
            "[...document.querySelectorAll('*')].some(e => [...e.attributes].some(a => a.name.startsWith('on')))"));
        var links = await Page.EvaluateAsync<string[]>(
            "[...document.querySelectorAll('#messages a')].map(a => [a.protocol, a.target, a.rel].join(' '))");
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.Matches("^(https?|mailto): _blank noopener noreferrer nofollow$", link));
        await Assertions.Expect(Answers).ToContainTextAsync("(https://evil.example/login)"); // where "your bank" leads
        Assert.Null(await Page.EvaluateAsync<string?>("window.harmed ?? null"));
        Assert.Equal(0, dialogs);
        _visit.AssertClean();
    }

    [Fact]
    public async Task Shares_of_tokens_are_shown_on_demand()
    {
        await Open();
        await Send("Hello!");
        await Page.Keyboard.PressAsync("Escape");
        await Page.Keyboard.PressAsync("t");
        var tokens = Page.Locator(".token");
        await Assertions.Expect(tokens.First).ToBeVisibleAsync();
        var text = string.Concat(await tokens.AllTextContentsAsync());
        await tokens.First.ClickAsync();
        await Assertions.Expect(Page.Locator(".alternatives tr.is")).ToHaveCountAsync(1);
        Assert.True(await Page.Locator(".alternatives tr").CountAsync() > 3);
        await Page.Keyboard.PressAsync("t");
        await Assertions.Expect(tokens).ToHaveCountAsync(0);
        Assert.Contains(text.Trim(), await Answers.Last.InnerTextAsync());
        _visit.AssertClean();
    }

    [Fact]
    public async Task A_conversation_is_renamed_deleted_and_brought_back()
    {
        await Open();
        await Send("Hello!");
        await Page.Locator(".row").HoverAsync();
        await Page.Locator(".row [title=Rename]").ClickAsync();
        await Page.Keyboard.TypeAsync("My title");
        await Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Page.Locator("#title")).ToHaveTextAsync("My title");
        await Page.Locator(".row").HoverAsync();
        await Page.Locator(".row [title=Delete]").ClickAsync();
        await Assertions.Expect(Page.Locator(".row")).ToHaveCountAsync(0);
        await Page.Locator(".toast .link").ClickAsync();
        await Assertions.Expect(Page.Locator(".row a")).ToHaveTextAsync("My title");
        await Assertions.Expect(Answers).ToHaveCountAsync(1);
        _visit.AssertClean();
    }

    [Fact]
    public async Task Settings_hold_for_the_conversation_and_can_be_kept()
    {
        await Open();
        await Page.Keyboard.PressAsync("Escape");
        await Page.Keyboard.PressAsync("?");
        await Assertions.Expect(Page.Locator("#keys div", new() { HasText = "Send" }).Locator("kbd"))
            .ToHaveTextAsync("Enter");
        await Page.Keyboard.PressAsync("Escape");
        await Page.Keyboard.PressAsync(",");
        var most = Page.Locator("#settings label", new() { HasText = "Most tokens" }).Locator("input");
        await most.FillAsync("3");
        await most.BlurAsync();
        await Page.Keyboard.PressAsync("Escape");
        await Send("Tell me a story about a fox.");
        await Assertions.Expect(Page.Locator(".note.length")).ToBeVisibleAsync();
        Assert.Equal(3, Kept.List()[0].Settings.MaxTokens);
        _visit.AssertClean();
    }

    [Fact]
    public async Task On_a_phone_the_conversations_slide_in()
    {
        await Come(_server, Window.Phone);
        await Open();
        await Assertions.Expect(Page.Locator("#side")).ToBeHiddenAsync();
        await Page.FillAsync("#text", "Hello!");
        await Page.Locator("#send").TapAsync();
        await Assertions.Expect(Answers).ToHaveCountAsync(1);
        await Page.Locator("#menu").TapAsync();
        await Assertions.Expect(Page.Locator("#side")).ToBeVisibleAsync();
        await Page.Locator("#list a").TapAsync();
        Assert.True(await Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        _visit.AssertClean();
    }

    [Theory]
    [InlineData("Yes")]
    [InlineData("No")]
    public async Task An_answer_that_asks_waits_for_a_person(string said)
    {
        // A kernel of the user's that asks before any tool is called; the server finds it at its socket.
        var socket = _folder["run/k.sock"];
        await using var user = new UserKernel(_folder["user"], socket);
        await user.OpenAsync(ScriptedChat.Parts() with
        {
            Options = new KernelOptions
            {
                Limits = new Dictionary<Resource, Limit> { [Resource.ToolCalls] = new(High: 0, Max: null) },
            },
        });
        await using var server = await LiveServer.Open(new ServeOptions
        {
            Database = _folder[WispDatabase.FileName], UserFolder = _folder["user"], KernelSocket = socket,
        });
        await Come(server);
        await Open();
        await Send("What is 12 * 34?", wait: false);
        await Assertions.Expect(Page.Locator(".ask")).ToContainTextAsync("34?: tool.call needs 1 more of ToolCalls");
        await Page.Locator(".ask button", new() { HasText = said }).ClickAsync();
        await Assertions.Expect(Answers).ToHaveCountAsync(1);
        await Assertions.Expect(Page.Locator(".ask")).ToHaveCountAsync(0);
        await Assertions.Expect(Page.Locator(".call"))
            .ToContainTextAsync(said == "Yes" ? "= 408" : "error: The user said no");
        _visit.AssertClean();
    }

    [Fact]
    public async Task A_server_with_a_key_asks_for_it()
    {
        await using var server = await LiveServer.Open(
            new ServeOptions(), new ListenOptions { ApiKeys = ["open sesame"] });
        await Come(server);
        await Page.GotoAsync("/");
        await Page.FillAsync("#key input", "wrong");
        await Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Page.Locator("#key")).ToContainTextAsync("does not open");
        await Page.FillAsync("#key input", "open sesame");
        await Page.Keyboard.PressAsync("Enter");
        await Ready();
        await Send("Hello!");
        Assert.Empty(_visit.Foreign);
    }

    private const string Hostile = """
        <script>window.harmed = 1; fetch('https://evil.example/')</script>
        <img src="https://evil.example/a.png" onerror="window.harmed = 1"><svg onload="window.harmed = 1">
        <iframe src="https://evil.example/f"></iframe><style>body { background: url(https://evil.example/c) }</style>
        <link rel="stylesheet" href="https://evil.example/x.css"><base href="https://evil.example/">
        <form action="https://evil.example/form"><input autofocus onfocus="window.harmed = 1"></form>

        ![pixel](https://evil.example/pixel.png) ![local](//evil.example/p.png)
        ![data](data:image/svg+xml,<svg onload=alert(1)>)
        [![both](https://evil.example/in.png)](https://evil.example/out)

        [run](javascript:window.harmed=1) [tab](java&#9;script:window.harmed=1) [case](JaVaScRiPt:alert(1))
        [data](data:text/html,<script>alert(1)</script>) [file](file:///etc/passwd) [relative](/page/conversations)
        <javascript:alert(1)> <https://plain.example/> https://bare.example/ [your bank](https://evil.example/login)
        [title](https://evil.example/ "onmouseover=alert(1)") [ref]

        [ref]: javascript:window.harmed=1

        ```html" onclick="window.harmed=1
        </code></pre><script>window.harmed = 1</script>
        ```

        | <img src=https://evil.example/t.png> | [x](javascript:alert(1)) |
        |---|---|
        | ![t](https://evil.example/cell.png) | `<script>` |

        - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - deep
        > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > > deep
        """;

    private async Task Come(LiveServer server, Window? window = null)
    {
        if (_visit is not null)
            await _visit.DisposeAsync();
        _visit = await chromium.VisitAsync(server.Http.BaseAddress!.ToString(), window);
        Page.SetDefaultTimeout(KilledServerTests.Patience);
    }

    private ILocator Answers => Page.Locator(".message.assistant:not(.writing)");

    private async Task Open(string hash = "")
    {
        await Page.GotoAsync("/" + hash);
        await Ready();
    }

    private Task Ready() => Page.Locator("body[data-ready]").WaitForAsync();

    private async Task Send(string text, bool wait = true)
    {
        var before = await Answers.CountAsync();
        await Page.FillAsync("#text", text);
        await Page.Locator("#text").PressAsync("Enter");
        if (wait)
            await Assertions.Expect(Answers).ToHaveCountAsync(before + 1);
    }
}
