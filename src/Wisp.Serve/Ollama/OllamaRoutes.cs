using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>The routes under /api that Ollama's clients use, and the shape of their errors.</summary>
internal sealed class OllamaRoutes
{
    private readonly ModelPool _pool;

    // By the file's name and time; what cannot be read is not listed.
    private readonly ConcurrentDictionary<(ShelfEntry, DateTimeOffset), ModelDetails?> _details = [];

    private OllamaRoutes(ModelPool pool) => _pool = pool;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var pool = routes.ServiceProvider.GetRequiredService<ModelPool>();
        var time = routes.ServiceProvider.GetRequiredService<ServeOptions>().Time;
        var faults = routes.ServiceProvider.GetRequiredService<Faults>();
        var own = new OllamaRoutes(pool);
        Post("/api/chat", new OllamaChat(pool, time).Handle);
        Post("/api/generate", new OllamaGenerate(pool, time).Handle);
        Post("/api/embed", new OllamaVectors(pool, time).Embed);
        Post("/api/embeddings", new OllamaVectors(pool, time).Embedding);
        Post("/api/show", own.Show);
        Get("/api/tags", own.Tags);
        Get("/api/ps", own.Running);
        Get("/api/version", context => JsonReply.Send(context, new OllamaVersion(OpenAiRoutes.Version),
            OllamaJson.Default.OllamaVersion));

        void Post(string path, RequestDelegate handle) => routes.MapPost(path, faults.Guard(Error, handle));

        void Get(string path, RequestDelegate handle) => routes.MapGet(path, faults.Guard(Error, handle));
    }

    private static Task Error(HttpContext context, ApiException fault)
    {
        // Clients look for Ollama's own words.
        var reply = new OllamaError(fault.Code == "model_not_found" ? fault.Message
            .Replace("The model", "model", StringComparison.Ordinal)
            .Replace("does not exist", "not found", StringComparison.Ordinal) : fault.Message);
        return context.Response.HasStarted
            ? EventStream.GoOnLines(context).Send(reply, OllamaJson.Default.OllamaError, context.RequestAborted)
            : JsonReply.Send(context, reply, OllamaJson.Default.OllamaError, fault.Status);
    }

    private Task Tags(HttpContext context)
    {
        var tags = new List<OllamaTag>();
        foreach (var entry in _pool.Shelf.Entries)
            if (DetailsOf(entry) is { } details)
                tags.Add(Tag(entry, details) with { ModifiedAt = OllamaTurn.TimeOf(entry.Modified) });
        return JsonReply.Send(context, new OllamaTags(tags), OllamaJson.Default.OllamaTags);
    }

    private Task Running(HttpContext context)
    {
        var tags = _pool.Loaded.Select(loaded => Tag(loaded.Model.Entry, DetailsOf(loaded.Model.Entry)!) with
        {
            Size = loaded.Model.Bytes,
            SizeVram = 0,
            ContextLength = loaded.Model.Context,
            // What stays for ever has no time; clients want one.
            ExpiresAt = OllamaTurn.TimeOf(loaded.Until ?? DateTimeOffset.MaxValue.AddDays(-1)),
        });
        return JsonReply.Send(context, new OllamaTags([.. tags]), OllamaJson.Default.OllamaTags);
    }

    private async Task Show(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        var name = fields.Text("model") ?? fields.RequiredText("name");
        var entry = _pool.Shelf.Find(name) ?? throw _pool.NotFound(name);
        var details = DetailsOf(entry) ?? throw new ApiException(500, $"The model '{entry.Id}' cannot be read.");
        var metadata = details.Metadata;
        if (fields.Flag("verbose") != true)
            metadata = metadata.Where(pair => !pair.Key.StartsWith("tokenizer.", StringComparison.Ordinal))
                .ToDictionary();
        List<string> capabilities = details.Encodes ? ["embedding"] : ["completion"];
        if (details.Template.Contains("tools", StringComparison.Ordinal))
            capabilities.Add("tools");
        if (details.Template.Contains("<think>", StringComparison.Ordinal))
            capabilities.Add("thinking");
        await JsonReply.Send(context, new OllamaShow($"FROM {entry.Id}\n", "", details.Template, Details(details),
            metadata, capabilities, OllamaTurn.TimeOf(entry.Modified)), OllamaJson.Default.OllamaShow);
    }

    private ModelDetails? DetailsOf(ShelfEntry entry) => _details.GetOrAdd((entry, entry.Modified), static key =>
    {
        try
        {
            return ModelDetails.Read(key.Item1);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    });

    private static OllamaTag Tag(ShelfEntry entry, ModelDetails details) =>
        new(entry.Id, entry.Id, entry.Bytes, details.Digest, Details(details));

    private static OllamaDetails Details(ModelDetails details) => new(
        "", "gguf", details.Architecture, [details.Architecture], details.Size, details.Type);
}
