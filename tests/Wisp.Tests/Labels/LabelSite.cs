using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Wisp.Labels;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Labels;

/// <summary>The label page of a folder, served for a test.</summary>
internal sealed class LabelSite : IAsyncDisposable
{
    private readonly LabelLog _log;
    private readonly LabelDesk _desk;

    private LabelSite(LabelLog log, LabelDesk desk, LabelServer server)
    {
        (_log, _desk, Server) = (log, desk, server);
        Http = new HttpClient { BaseAddress = new Uri(server.Site) };
        Http.DefaultRequestHeaders.Add(LabelServer.TokenHeader, server.Token);
    }

    public LabelServer Server { get; }

    /// <summary>As the page asks: with the token.</summary>
    public HttpClient Http { get; }

    public static async Task<LabelSite> StartAsync(
        TempFolder folder, IEnumerable<Comparison> comparisons, DeskOptions? options = null, bool more = false)
    {
        options ??= new DeskOptions("Ann", RepeatShare: 0);
        var log = LabelLog.Open(folder["labels.jsonl"]);
        var done = LabelDesk.DoneBy(options.Labeller, log.Reading);
        var all = comparisons.ToList();
        var fresh = Channel.CreateUnbounded<Comparison>();
        foreach (var comparison in all)
            if (!done.Contains(comparison.Key))
                fresh.Writer.TryWrite(comparison);
        if (!more)
            fresh.Writer.Complete();
        var desk = new LabelDesk(log, options, fresh.Reader);
        var progress = new LabelProgress(
            desk, options.Labeller, all.Select(comparison => comparison.Key).ToHashSet(), log.Path);
        return new LabelSite(log, desk, await LabelServer.StartAsync(desk, progress, port: 0));
    }

    public async Task<JsonObject> Current() =>
        (JsonObject)JsonNode.Parse(await Http.GetStringAsync("/api/current"))!;

    public async Task<(int Status, JsonObject Json)> Post(string path, JsonNode body)
    {
        using var content = new StringContent(
            body.ToJsonString(), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var response = await Http.PostAsync($"/api/{path}", content);
        return ((int)response.StatusCode, (JsonObject)JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
        _desk.Dispose();
        _log.Dispose();
    }
}
