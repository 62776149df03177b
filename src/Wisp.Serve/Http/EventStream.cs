using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Wisp.Serve.Http;

/// <summary>
/// An answer that is sent piece by piece: server-sent events as OpenAI writes them, or one JSON document a line as
/// Ollama does. Every piece goes out at once.
/// </summary>
internal sealed class EventStream
{
    private readonly HttpResponse _response;
    private readonly bool _events;

    private EventStream(HttpResponse response, bool events) => (_response, _events) = (response, events);

    public static EventStream Events(HttpContext context) => Begin(context, "text/event-stream", events: true);

    /// <summary>A stream of events that has begun.</summary>
    public static EventStream GoOn(HttpContext context) => new(context.Response, events: true);

    /// <summary>A stream of lines that has begun.</summary>
    public static EventStream GoOnLines(HttpContext context) => new(context.Response, events: false);

    public static EventStream Lines(HttpContext context) => Begin(context, "application/x-ndjson", events: false);

    /// <param name="name">The name of the event, which OpenAI's Responses have and its completions do not.</param>
    public async Task Send<T>(T piece, JsonTypeInfo<T> type, CancellationToken cancel, string? name = null)
    {
        var body = _response.BodyWriter;
        if (_events)
        {
            if (name is not null)
                body.Write("event: "u8, name, "\n"u8);
            body.Write("data: "u8);
        }

        using (var json = new Utf8JsonWriter(body, JsonReply.Writing))
            JsonSerializer.Serialize(json, piece, type);
        body.Write(_events ? "\n\n"u8 : "\n"u8);
        await body.FlushAsync(cancel);
    }

    /// <summary>The end of OpenAI's streams.</summary>
    public async Task Done(CancellationToken cancel)
    {
        _response.BodyWriter.Write("data: [DONE]\n\n"u8);
        await _response.BodyWriter.FlushAsync(cancel);
    }

    private static EventStream Begin(HttpContext context, string type, bool events)
    {
        context.Response.ContentType = type;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // a proxy that waits would hide the stream
        return new EventStream(context.Response, events);
    }
}
