using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Wisp.Tests.Browser;

/// <summary>A page that a test drives, and what went on behind it.</summary>
public sealed class Visit : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _foreign = [], _faults = [];

    private Visit(IBrowserContext context, IPage page) => (_context, Page) = (context, page);

    public IPage Page { get; }

    /// <summary>Requests to other hosts, none of which was let through.</summary>
    public IReadOnlyCollection<string> Foreign => _foreign;

    /// <summary>What the page wrote to the console as an error, such as a breach of its policy, or threw.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    internal static async Task<Visit> BeginAsync(IBrowserContext context, string site)
    {
        var own = new Uri(site);
        var visit = new Visit(context, await context.NewPageAsync());
        await context.RouteAsync("**/*", route =>
        {
            if (IsOwn(route.Request.Url))
                return route.ContinueAsync();
            visit._foreign.Enqueue(route.Request.Url);
            return route.AbortAsync();
        });
        visit.Page.WebSocket += (_, socket) =>
        {
            if (!IsOwn(socket.Url))
                visit._foreign.Enqueue(socket.Url);
        };
        visit.Page.PageError += (_, error) => visit._faults.Enqueue(error);
        visit.Page.Console += (_, message) =>
        {
            if (message.Type == "error")
                visit._faults.Enqueue(message.Text);
        };
        return visit;

        bool IsOwn(string url) => Uri.TryCreate(url, UriKind.Absolute, out var asked)
            && (asked.Scheme is "data" or "blob" || asked.Authority == own.Authority);
    }

    /// <summary>Nobody else was asked for anything and nothing went wrong.</summary>
    public void AssertClean()
    {
        Assert.Empty(Foreign);
        Assert.Empty(Faults);
    }

    /// <summary>Keys one after the other, named as Playwright does: <c>1</c>, <c>Enter</c>, <c>Control+z</c>.</summary>
    public async Task PressAsync(params string[] keys)
    {
        foreach (var key in keys)
            await Page.Keyboard.PressAsync(key);
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();
}
