using Microsoft.AspNetCore.Http;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Http;

/// <summary>What no route answers to.</summary>
internal static class Unknown
{
    public static Task Handle(HttpContext context)
    {
        var fault = new ApiException(404, $"Unknown request URL: {context.Request.Method} {context.Request.Path}. " +
            "Check the path and the method.")
        {
            Code = "unknown_url",
        };
        return ApiError.OpenAi(context, fault);
    }
}
