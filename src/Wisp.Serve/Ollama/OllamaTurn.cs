using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve.Ollama;

/// <summary>One request to a writing model: its name, its model, and the clock.</summary>
internal sealed class OllamaTurn : IDisposable
{
    private readonly ModelLease _lease;
    private readonly TimeProvider _time;
    private readonly long _begin, _loaded;
    private long _first;

    private OllamaTurn(HttpContext context, ModelLease lease, TimeProvider time, long begin)
    {
        (Context, _lease, _time, _begin) = (context, lease, time, begin);
        _loaded = time.GetTimestamp();
    }

    public HttpContext Context { get; }

    public required bool Streams { get; init; }

    public LoadedModel Model => _lease.Model;

    public WritingModel Writer => _lease.Model.Writer;

    public string Name => _lease.Model.Id;

    public CancellationToken Cancel => Context.RequestAborted;

    public string Now => TimeOf(_time.GetUtcNow());

    /// <summary>RFC 3339, as Ollama writes it.</summary>
    public static string TimeOf(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ");

    public static async Task<OllamaTurn> Begin(
        HttpContext context, Fields fields, ModelPool pool, TimeProvider time)
    {
        var begin = time.GetTimestamp();
        var keep = OllamaRequest.KeepAlive(fields);
        var lease = await pool.Take(fields.Text("model") ?? fields.RequiredText("name"), context.RequestAborted);
        lease.KeepFor = keep;
        return new OllamaTurn(context, lease, time, begin) { Streams = fields.Flag("stream") ?? true };
    }

    /// <summary>Without anything to answer a request loads the model, or lets it go with a keep_alive of 0.</summary>
    public Task LoadOnly(OllamaReply reply) => JsonReply.Send(Context,
        reply with { DoneReason = _lease.KeepFor == TimeSpan.Zero ? "unload" : "load" },
        OllamaJson.Default.OllamaReply);

    /// <summary>To be called whenever something was written.</summary>
    public void Written()
    {
        if (_first == 0)
            _first = _time.GetTimestamp();
    }

    public OllamaReply Cost(OllamaReply reply, long prompt, long written)
    {
        var now = _time.GetTimestamp();
        var first = _first == 0 ? now : _first;
        return reply with
        {
            TotalDuration = Nanoseconds(_begin, now),
            LoadDuration = Nanoseconds(_begin, _loaded),
            PromptEvalCount = prompt,
            PromptEvalDuration = Nanoseconds(_loaded, first),
            EvalCount = written,
            EvalDuration = Nanoseconds(first, now),
        };
    }

    public void Dispose() => _lease.Dispose();

    private long Nanoseconds(long from, long to) => (long)_time.GetElapsedTime(from, to).TotalNanoseconds;
}
