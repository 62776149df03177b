using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.LlamaServer;

/// <summary>GET /health: 200 once the default model has answered a first time, 503 before.</summary>
internal static class Health
{
    private static readonly byte[] s_ok = """{"status":"ok"}"""u8.ToArray();

    public static void Map(IEndpointRouteBuilder routes)
    {
        var warmUp = routes.ServiceProvider.GetRequiredService<WarmUp>();
        var faults = routes.ServiceProvider.GetRequiredService<Faults>();
        foreach (var path in (string[])["/health", "/v1/health"])
            routes.MapGet(path, faults.Guard(ApiError.OpenAi, context => Handle(context, warmUp)));
    }

    private static Task Handle(HttpContext context, WarmUp warmUp)
    {
        if (!warmUp.Ready.IsCompletedSuccessfully)
            throw warmUp.Ready.Exception?.InnerException is { } fault
                ? new ApiException(503, $"The model could not be loaded: {fault.Message}", fault)
                : new ApiException(503, "Loading model") { RetryAfter = TimeSpan.FromSeconds(1) };
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(s_ok, context.RequestAborted).AsTask();
    }
}
