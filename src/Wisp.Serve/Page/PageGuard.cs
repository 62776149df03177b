using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;

namespace Wisp.Serve.Page;

/// <summary>
/// Keeps other pages of the browser away from this one's data, also those that <see cref="Doorkeeper"/> was told to let
/// call the API: conversations are the page's own.
/// </summary>
internal static class PageGuard
{
    /// <exception cref="ApiException">403: the request comes from elsewhere.</exception>
    public static void Check(HttpContext context)
    {
        var request = context.Request;
        if (request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
            throw new ApiException(403, "Another web site asked for this; only the page of this server may.");
        // A browser asks before it sends a foreign page's JSON, and is told no: there is no CORS here.
        var writes = HttpMethods.IsPost(request.Method) || HttpMethods.IsPatch(request.Method)
            || HttpMethods.IsPut(request.Method);
        if (writes && !request.HasJsonContentType())
            throw new ApiException(415, "The body must be JSON: Content-Type: application/json.");
    }

    /// <summary>Errors in the page's shape.</summary>
    public static Task Write(HttpContext context, ApiException fault)
    {
        var reply = new FaultReply(new FaultWire(fault.Message, fault.Code));
        if (!context.Response.HasStarted)
            return JsonReply.Send(context, reply, PageJson.Default.FaultReply, fault.Status);
        // In a stream that has begun, the error is its last line.
        using (var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonReply.Writing))
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteString("message", fault.Message);
            json.WriteEndObject();
        }

        context.Response.BodyWriter.Write("\n"u8);
        return context.Response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }
}
