using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Wisp.Tests.Browser.Chromium))]

namespace Wisp.Tests.Browser;

/// <summary>
/// One Chromium for all tests that need a browser: take it as a parameter of the test class's constructor. It starts
/// with the first visit; where the machine has none, the test is skipped with the reason.
/// </summary>
public sealed class Chromium : IAsyncDisposable
{
    // No sandbox: tests often run as root in a container. The others keep the browser from calling home.
    private static readonly string[] s_flags =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ];

    private static readonly string[] s_names =
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private readonly SemaphoreSlim _starting = new(1);
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>A browser window with nothing remembered, which may talk to this site and to no other.</summary>
    /// <param name="site">Such as <c>http://127.0.0.1:8080</c>.</param>
    public async Task<Visit> VisitAsync(string site, Window? window = null)
    {
        var browser = await StartAsync();
        window ??= new Window();
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = site,
            ColorScheme = window.Dark ? ColorScheme.Dark : ColorScheme.Light,
            ViewportSize = new ViewportSize { Width = window.Width, Height = window.Height },
            HasTouch = window.Touch,
            IsMobile = window.Touch,
            DeviceScaleFactor = window.Scale,
            ReducedMotion = ReducedMotion.Reduce,
            Locale = "en-GB",
        });
        return await Visit.BeginAsync(context, site);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        _starting.Dispose();
    }

    private async Task<IBrowser> StartAsync()
    {
        var program = Find();
        Assert.SkipWhen(program is null, "Chromium is not installed");
        await _starting.WaitAsync();
        try
        {
            _playwright ??= await Playwright.CreateAsync();
            return _browser ??= await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
            {
                ExecutablePath = program, Args = s_flags, Headless = true,
            });
        }
        finally
        {
            _starting.Release();
        }
    }

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => s_names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
}

/// <summary>The window of a visit, in CSS pixels.</summary>
public sealed record Window(int Width = 1280, int Height = 800)
{
    /// <summary>The size and the fingers of a phone.</summary>
    public static Window Phone { get; } = new(390, 844) { Touch = true, Scale = 2 };

    public bool Dark { get; init; }

    public bool Touch { get; init; }

    public float Scale { get; init; } = 1;
}
