using System.Text.Json.Nodes;
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
        return EventStream.GoOn(context).Send(reply, OpenAiJson.Default.ErrorReply, context.RequestAborted);
    }

    /// <summary>The same, but for the streams of responses, whose errors are events.</summary>
    public static Task Responses(HttpContext context, ApiException fault) => !context.Response.HasStarted
        ? OpenAi(context, fault)
        : EventStream.GoOn(context).Send(new JsonObject
        {
            ["type"] = "error", ["code"] = fault.Code, ["message"] = fault.Message, ["param"] = fault.Param,
        }, OpenAiJson.Default.JsonObject, context.RequestAborted, "error");
}
