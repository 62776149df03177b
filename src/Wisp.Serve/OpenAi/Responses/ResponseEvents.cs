using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>The numbered events of one response.</summary>
internal sealed class ResponseEvents(HttpContext context)
{
    private readonly EventStream _stream = EventStream.Events(context);
    private int _number;

    /// <summary>A whole JSON answer.</summary>
    public static async Task Whole(HttpContext context, JsonObject reply)
    {
        context.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonReply.Writing))
            reply.WriteTo(json);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    public Task Send(string type, JsonObject response) =>
        Send(new JsonObject { ["type"] = type, ["response"] = response.DeepClone() });

    public Task Send(JsonObject one)
    {
        one["sequence_number"] = _number++;
        return _stream.Send(one, OpenAiJson.Default.JsonObject, context.RequestAborted, (string)one["type"]!);
    }
}
