using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;

namespace Wisp.Serve.OpenAi;

/// <summary>Errors in OpenAI's shape.</summary>
internal static class ApiError
{
    public static Task OpenAi(HttpContext context, ApiException fault)
    {
        var reply = new ErrorReply(new ErrorBody(fault.Message, fault.Type) { Param = fault.Param, Code = fault.Code });
        if (!context.Response.HasStarted)
            return JsonReply.Send(context, reply, OpenAiJson.Default.ErrorReply, fault.Status);
        // In a stream that has begun, the error is its last piece.
        var body = context.Response.BodyWriter;
        body.Write("data: "u8);
        using (var json = new Utf8JsonWriter(body, JsonReply.Writing))
            JsonSerializer.Serialize(json, reply, OpenAiJson.Default.ErrorReply);
        body.Write("\n\n"u8);
        return body.FlushAsync(context.RequestAborted).AsTask();
    }
}
