using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Serve.Page;

/// <summary>The page at / and what it asks for under /page. That is the page's own: programs use /v1.</summary>
internal static class PageRoutes
{
    private const int MostCharacters = 1_000_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        PageAssets.Map(routes);
        var provider = routes.ServiceProvider;
        var (pool, faults) = (provider.GetRequiredService<ModelPool>(), provider.GetRequiredService<Faults>());
        var kept = provider.GetRequiredService<Conversations>();
        kept.Purge();
        var asks = new PageAsks();
        var answers = new PageAnswers(pool, kept, provider.GetRequiredService<PageKernel>(), asks,
            provider.GetRequiredService<ServeOptions>().Time);
        var group = routes.MapGroup("/page");
        Get("/state", context => State(context, pool, kept));
        Get("/conversations", context => JsonReply.Send(context,
            [.. kept.List(context.Request.Query["search"].ToString()).Select(PageWire.Of)],
            PageJson.Default.IReadOnlyListConversationWire));
        Post("/conversations", async context =>
        {
            using var body = await JsonReply.Read(context);
            await SendOne(context, kept.Create(SettingsReader.Read(new Fields(body.RootElement).Object("settings"))));
        });
        Get("/conversations/{id:long}", context => Whole(context, kept));
        group.MapPatch("/conversations/{id:long}", Guarded(context => Change(context, kept)));
        group.MapDelete("/conversations/{id:long}", Guarded(context => Done(context, kept.Delete(Id(context)))));
        Post("/conversations/{id:long}/restore", context => Done(context, kept.Restore(Id(context))));
        Get("/conversations/{id:long}/markdown", context => Export(context, kept));
        group.MapPut("/settings", Guarded(async context =>
        {
            using var body = await JsonReply.Read(context);
            kept.Defaults = SettingsReader.Read(new Fields(body.RootElement)) with { System = null };
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        Post("/messages", context => Say(context, kept));
        Get("/messages/{id:long}/tokens", context => JsonReply.Send(context, kept.Scores(Id(context))
            ?? throw new ApiException(404, "Nothing is known of the tokens of this answer."),
            PageJson.Default.IReadOnlyListScoredToken));
        Post("/answers", answers.Handle);
        Post("/asks", asks.Handle);

        void Get(string path, RequestDelegate handle) => group.MapGet(path, Guarded(handle));
        void Post(string path, RequestDelegate handle) => group.MapPost(path, Guarded(handle));
        RequestDelegate Guarded(RequestDelegate handle) => faults.Guard(PageGuard.Write, context =>
        {
            PageGuard.Check(context);
            context.Response.Headers.CacheControl = "no-store";
            return handle(context);
        });
    }

    private static Task State(HttpContext context, ModelPool pool, Conversations kept)
    {
        var loaded = pool.Loaded.ToDictionary(entry => entry.Model.Id, entry => entry.Model);
        var chain = new Sampling();
        return JsonReply.Send(context, new StateWire(
            typeof(PageRoutes).Assembly.GetName().Version?.ToString(3) ?? "", pool.Shelf.DefaultId,
            [.. pool.Shelf.Entries.Select(entry => new ModelWire(entry.Id, loaded.ContainsKey(entry.Id),
                loaded.GetValueOrDefault(entry.Id)?.Context))], kept.Defaults, new ChatSettings
                {
                    Temperature = chain.Temperature, TopK = chain.TopK, TopP = chain.TopP, MinP = chain.MinP,
                    RepeatPenalty = chain.RepeatPenalty,
                }), PageJson.Default.StateWire);
    }

    private static Task Whole(HttpContext context, Conversations kept)
    {
        var conversation = Found(context, kept);
        var messages = kept.Messages(conversation.Id);
        return PageWire.Send(context, json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("conversation");
            JsonSerializer.Serialize(json, PageWire.Of(conversation), PageJson.Default.ConversationWire);
            json.WriteStartArray("messages");
            foreach (var message in messages)
                PageWire.Write(json, message);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static async Task Change(HttpContext context, Conversations kept)
    {
        var id = Found(context, kept).Id;
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        if (fields.Text("title") is { } title)
            kept.Rename(id, title.Trim() is { Length: > 0 and <= 500 } given ? given
                : throw ApiException.Invalid("A title has 1 to 500 characters.", "title"));
        if (fields.Object("settings") is { } settings)
            kept.Configure(id, SettingsReader.Read(settings));
        if (fields.Whole("leaf") is { } leaf)
            kept.Show(id, kept.Message(leaf)?.Conversation == id ? leaf
                : throw ApiException.Invalid($"Message {leaf} is not one of conversation {id}.", "leaf"));
        await SendOne(context, kept.Find(id)!);
    }

    private static async Task Say(HttpContext context, Conversations kept)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        var text = fields.RequiredText("text");
        if (string.IsNullOrWhiteSpace(text) || text.Length > MostCharacters)
            throw ApiException.Invalid($"A message has 1 to {MostCharacters:N0} characters.", "text");
        var message = kept.Add(new Message
        {
            Conversation = fields.Whole("conversation") ?? throw fields.Missing("conversation"),
            Parent = fields.Whole("parent"), Role = MessageRole.User, Parts = [Message.Said(text)],
        });
        await PageWire.Send(context, json => PageWire.Write(json, message));
    }

    private static async Task Export(HttpContext context, Conversations kept)
    {
        var conversation = Found(context, kept);
        context.Response.ContentType = "text/markdown; charset=utf-8";
        context.Response.Headers.ContentDisposition = string.Create(CultureInfo.InvariantCulture,
            $"attachment; filename=\"conversation-{conversation.Id}.md\"");
        await context.Response.WriteAsync(
            Transcript.ToMarkdown(conversation.Title, kept.Branch(conversation.Leaf)), context.RequestAborted);
    }

    private static Task SendOne(HttpContext context, Conversation conversation) =>
        JsonReply.Send(context, PageWire.Of(conversation), PageJson.Default.ConversationWire);

    private static Task Done(HttpContext context, bool done)
    {
        context.Response.StatusCode = done ? StatusCodes.Status204NoContent
            : throw new ApiException(404, $"There is no conversation {Id(context)}.");
        return Task.CompletedTask;
    }

    private static Conversation Found(HttpContext context, Conversations kept) => kept.Find(Id(context))
        ?? throw new ApiException(404, $"There is no conversation {Id(context)}.");

    private static long Id(HttpContext context) =>
        long.Parse((string)context.Request.RouteValues["id"]!, CultureInfo.InvariantCulture);
}
