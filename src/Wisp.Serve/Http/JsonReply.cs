using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Wisp.Serve.Http;

/// <summary>Whole JSON answers, and JSON bodies of requests.</summary>
internal static class JsonReply
{
    /// <summary>Text as it is: what is sent is JSON and is never part of an HTML page.</summary>
    public static JsonWriterOptions Writing { get; } = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true,
    };

    public static async Task Send<T>(HttpContext context, T reply, JsonTypeInfo<T> type, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(context.Response.BodyWriter, Writing))
            JsonSerializer.Serialize(json, reply, type);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    /// <summary>The body of a request; the caller disposes of it when nothing reads it any more.</summary>
    /// <exception cref="ApiException">No JSON.</exception>
    public static async Task<JsonDocument> Read(HttpContext context)
    {
        try
        {
            return await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
        }
        catch (JsonException e)
        {
            throw new ApiException(400, "We could not parse the JSON body of your request" +
                (e.LineNumber is { } line ? $" (line {line + 1}, byte {e.BytePositionInLine})." : "."), e)
            {
                Code = "invalid_json",
            };
        }
    }
}
