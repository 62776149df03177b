using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Tests.Browser;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Serve.Page;

/// <summary>kill -9 of the real program while the page shows an answer being written.</summary>
[Trait("cost", "medium")]
public sealed partial class KilledServerTests(Chromium chromium) : IDisposable
{
    static KilledServerTests() => Assertions.SetDefaultExpectTimeout(Patience);

    /// <summary>In milliseconds: a busy machine is slow, and only what never comes should fail.</summary>
    internal const int Patience = 300_000;

    private readonly TempFolder _folder = new();
    private Process? _process;

    public void Dispose()
    {
        Kill();
        _folder.Dispose();
    }

    [Fact]
    public async Task Nothing_that_was_shown_as_saved_is_lost_and_the_page_goes_on()
    {
        var file = _folder["wisp/" + WispDatabase.FileName];
        using (var database = WispDatabase.Open(file))
            new Conversations(database, TimeProvider.System).Defaults =
                new ChatSettings { Temperature = 50, TopK = 0, TopP = 1, MinP = 0, MaxTokens = 380, Tools = false };
        var address = await Start(port: 0);
        await using var visit = await chromium.VisitAsync(address.ToString());
        var page = visit.Page;
        await page.GotoAsync("/");
        await page.Locator("body[data-ready]").WaitForAsync();

        // Whatever the page says is saved is written down at once, in the page itself.
        await page.EvaluateAsync("""
            window.shown = {};
            new MutationObserver(() => document.querySelectorAll('[data-saved]').forEach(e => {
                const id = e.dataset.id;
                if (id) window.shown[id] = Math.max(window.shown[id] ?? 0, Number(e.dataset.saved));
            })).observe(document.querySelector('#messages'), { subtree: true, childList: true, attributes: true });
            """);
        await page.FillAsync("#text", "Go on and on.");
        await page.Locator("#text").PressAsync("Enter");
        // Not WaitForFunction: the page's policy forbids what that does.
        while (!await page.EvaluateAsync<bool>("Object.values(window.shown).filter(n => n > 0).length > 1"))
            await Task.Delay(20);
        Kill();
        await page.FillAsync("#search", "go"); // an answer that was complete already would ask for nothing more
        await Assertions.Expect(page.Locator("#banner.gone")).ToBeVisibleAsync();
        var shown = await page.EvaluateAsync<Dictionary<string, int>>("window.shown");
        Assert.Contains(shown, entry => entry.Value == "Go on and on.".Length);

        using (var database = WispDatabase.Open(file))
            foreach (var (id, characters) in shown)
            {
                var kept = new Conversations(database, TimeProvider.System).Message(long.Parse(id));
                Assert.True(kept?.Text.Length >= characters, $"message {id}: {kept?.Text.Length} of {characters}");
            }

        await Start(address.Port);
        await Assertions.Expect(page.Locator("#banner")).ToBeHiddenAsync();
        await Assertions.Expect(page.Locator(".bubble")).ToHaveTextAsync("Go on and on.");
    }

    private async Task<Uri> Start(int port)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "wisp.dll"), "serve",
            "-m", LiveServer.ModelPath, "--port", $"{port}"])
        {
            RedirectStandardError = true,
            Environment = { ["XDG_DATA_HOME"] = _folder.Path, ["XDG_RUNTIME_DIR"] = _folder["run"] },
        };
        _process = Process.Start(start)!;
        while (await _process.StandardError.ReadLineAsync() is { } line)
            if (Address().Match(line) is { Success: true } match)
            {
                var rest = _process.StandardError.ReadToEndAsync(); // so that it never waits for a reader
                _ = rest.ContinueWith(_ => { }, TaskScheduler.Default);
                return new Uri(match.Value);
            }

        Assert.Fail("the server ended before it listened");
        throw new UnreachableException();
    }

    // SIGKILL, which nothing can catch.
    private void Kill()
    {
        if (_process is null)
            return;
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    [GeneratedRegex(@"http://[^\s]+")]
    private static partial Regex Address();
}
