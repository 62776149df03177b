using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi.Responses;

namespace Wisp.Serve.OpenAi;

/// <summary>The routes under /v1 and the shape of their errors.</summary>
internal static class OpenAiRoutes
{
    public static string Version { get; } = typeof(OpenAiRoutes).Assembly.GetName().Version!.ToString(3);

    /// <summary>Which program answered.</summary>
    public static string Fingerprint { get; } = $"wisp-{Version}";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var pool = routes.ServiceProvider.GetRequiredService<ModelPool>();
        var options = routes.ServiceProvider.GetRequiredService<ServeOptions>();
        var faults = routes.ServiceProvider.GetRequiredService<Faults>();
        Post("/v1/chat/completions", new ChatCompletions(pool, options.Time).Handle);
        Post("/v1/completions", new Completions(pool, options.Time).Handle);
        Post("/v1/embeddings", new Embeddings(pool).Handle);
        var responses = new ResponseRoutes(
            pool, routes.ServiceProvider.GetRequiredService<ResponseStore>(), options.Time);
        routes.MapPost("/v1/responses", faults.Guard(ApiError.Responses, responses.Create));
        routes.MapGet("/v1/responses/{id}", faults.Guard(ApiError.OpenAi, responses.Find));
        routes.MapGet("/v1/responses/{id}/input_items", faults.Guard(ApiError.OpenAi, responses.Input));
        routes.MapDelete("/v1/responses/{id}", faults.Guard(ApiError.OpenAi, responses.Delete));
        routes.MapGet("/v1/models", faults.Guard(ApiError.OpenAi, context => ListModels(context, pool)));
        routes.MapGet("/v1/models/{**name}", faults.Guard(ApiError.OpenAi, context => OneModel(context, pool)));

        void Post(string path, RequestDelegate handle) =>
            routes.MapPost(path, faults.Guard(ApiError.OpenAi, handle));
    }

    private static Task ListModels(HttpContext context, ModelPool pool) => JsonReply.Send(
        context, new ModelList("list", [.. pool.Shelf.Entries.Select(Card)]), OpenAiJson.Default.ModelList);

    private static Task OneModel(HttpContext context, ModelPool pool)
    {
        var name = (string)context.Request.RouteValues["name"]!;
        return JsonReply.Send(context, Card(pool.Shelf.Find(name) ?? throw pool.NotFound(name)),
            OpenAiJson.Default.ModelCard);
    }

    private static ModelCard Card(ShelfEntry entry) =>
        new(entry.Id, "model", entry.Modified.ToUnixTimeSeconds(), "wisp");
}
