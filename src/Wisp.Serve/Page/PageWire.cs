using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Serve.Page;

/// <summary>What the page reads, written as JSON.</summary>
internal static class PageWire
{
    /// <summary>A message with the trees of what is said in it.</summary>
    public static void Write(Utf8JsonWriter json, Message message)
    {
        json.WriteStartObject();
        json.WriteNumber("id", message.Id);
        if (message.Parent is { } parent)
            json.WriteNumber("parent", parent);
        json.WriteString("role", message.Role == MessageRole.User ? "user" : "assistant");
        json.WriteString("state", message.State.ToString().ToLowerInvariant());
        json.WriteNumber("created", message.Created.ToUnixTimeMilliseconds());
        if (message.Model is not null)
            json.WriteString("model", message.Model);
        if (message.Fault is not null)
            json.WriteString("fault", message.Fault);
        if (message.Cost is { } cost)
        {
            json.WriteNumber("promptTokens", cost.PromptTokens);
            json.WriteNumber("tokens", cost.Tokens);
            json.WriteNumber("speed", Math.Round(cost.Speed, 1));
        }

        json.WriteStartArray("parts");
        foreach (var part in message.Parts)
            Write(json, part, withTree: message.Role == MessageRole.Assistant);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, MessagePart part, bool withTree)
    {
        json.WriteStartObject();
        json.WriteString("kind", part.Kind.ToString().ToLowerInvariant());
        if (part.Name is not null)
            json.WriteString("name", part.Name);
        if (part.Arguments is not null)
            json.WriteString("arguments", part.Arguments);
        if (part.Text is not null)
            json.WriteString("text", part.Text);
        if (withTree && part is { Kind: PartKind.Text, Text: not null })
        {
            json.WritePropertyName("blocks");
            MarkdownTree.WriteAll(json, part.Text);
        }

        json.WriteEndObject();
    }

    public static ConversationWire Of(Conversation conversation) => new(conversation.Id, conversation.Title,
        conversation.Leaf, conversation.Changed.ToUnixTimeMilliseconds(), conversation.Settings);

    /// <summary>Sends JSON that is written by hand.</summary>
    public static async Task Send(HttpContext context, Action<Utf8JsonWriter> write)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        using (var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonReply.Writing))
            write(json);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}

internal sealed record ConversationWire(long Id, string Title, long? Leaf, long Changed, ChatSettings Settings);

internal sealed record ModelWire(string Id, bool Loaded, int? Context);

internal sealed record StateWire(
    string Version, string? Model, IReadOnlyList<ModelWire> Models, ChatSettings Defaults, ChatSettings Sampling);

internal sealed record FaultWire(string Message, string? Code);

internal sealed record FaultReply(FaultWire Error);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<ConversationWire>))]
[JsonSerializable(typeof(ConversationWire))]
[JsonSerializable(typeof(StateWire))]
[JsonSerializable(typeof(FaultReply))]
[JsonSerializable(typeof(IReadOnlyList<ScoredToken>))]
internal sealed partial class PageJson : JsonSerializerContext;
