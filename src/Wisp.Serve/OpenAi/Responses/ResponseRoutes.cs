using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve.OpenAi.Responses;

/// <summary>/v1/responses: answers that remember what went before them.</summary>
internal sealed class ResponseRoutes(ModelPool pool, ResponseStore store, TimeProvider time)
{
    /// <summary>POST /v1/responses.</summary>
    public async Task Create(HttpContext context)
    {
        var cancel = context.RequestAborted;
        using var turn = await ModelTurn.Begin(context, pool);
        var model = turn.Writer;
        var request = ResponseRequest.Read(turn.Fields, model.Tokenizer.VocabularySize);
        var messages = Before(request.Previous);
        messages.AddRange(request.Messages);
        await turn.Model.Run("chat", 1, async work =>
        {
            work.Asked("max_tokens", request.Options.MaxOutputTokens);
            work.Tell("input", request.Input.ToJsonString());
            var updates = model.Chat.GetStreamingResponseAsync(messages, request.Options, cancel);
            var number = Guid.NewGuid().ToString("N");
            var response = Head($"resp_{number}", turn.Model.Id, request);
            work.Answers($"resp_{number}");
            var output = new ResponseOutput(number, model.Tokenizer);
            var events = request.Stream ? new ResponseEvents(context) : null;
            if (events is not null)
            {
                await events.Send("response.created", response);
                await events.Send("response.in_progress", response);
            }

            await foreach (var update in updates)
            {
                work.Wrote();
                foreach (var one in output.Add(update))
                    await (events?.Send(one) ?? Task.CompletedTask);
            }

            foreach (var one in output.Finish())
                await (events?.Send(one) ?? Task.CompletedTask);
            End(response, output);
            work.Cost(output.Parts.Cost?.InputTokenCount ?? 0, output.Parts.Cost?.CachedInputTokenCount ?? 0,
                output.Parts.Cost?.OutputTokenCount ?? 0, ChatCompletions.Reason(output.Parts.End));
            work.Tell("output", output.Parts.Text);
            if (request.Store) // before it is told to be complete: what was told is kept
                store.Keep($"resp_{number}", request.Previous, request.Input, response);
            if (events is null)
                await ResponseEvents.Whole(context, response);
            else
                await events.Send($"response.{(string)response["status"]!}", response);
        });
    }

    /// <summary>GET /v1/responses/ID.</summary>
    public Task Find(HttpContext context) =>
        ResponseEvents.Whole(context, JsonNode.Parse(Kept(context).Reply)!.AsObject());

    /// <summary>GET /v1/responses/ID/input_items.</summary>
    public Task Input(HttpContext context)
    {
        var items = JsonNode.Parse(Kept(context).Input)!.AsArray();
        for (var i = 0; i < items.Count; i++)
            items[i]!.AsObject().TryAdd("id", $"item_{i}");
        return ResponseEvents.Whole(context, new JsonObject
        {
            ["object"] = "list", ["first_id"] = items.FirstOrDefault()?["id"]?.DeepClone(),
            ["last_id"] = items.LastOrDefault()?["id"]?.DeepClone(), ["has_more"] = false, ["data"] = items,
        });
    }

    /// <summary>DELETE /v1/responses/ID.</summary>
    public Task Delete(HttpContext context)
    {
        var id = IdOf(context);
        if (!store.Delete(id))
            throw NotFound(id);
        return ResponseEvents.Whole(context,
            new JsonObject { ["id"] = id, ["object"] = "response", ["deleted"] = true });
    }

    // All that was put in and came out before.
    private List<ChatMessage> Before(string? previous)
    {
        var messages = new List<ChatMessage>();
        if (previous is null)
            return messages;
        var turns = store.Conversation(previous);
        if (turns.Count == 0)
            throw new ApiException(400, $"Previous response with id '{previous}' not found.")
            {
                Param = "previous_response_id", Code = "previous_response_not_found",
            };
        foreach (var turn in turns)
        {
            ItemReader.Read(messages, ResponseStore.Items(turn.Input, "input"));
            var output = JsonElement.Parse(turn.Reply).GetProperty("output").GetRawText();
            ItemReader.Read(messages, ResponseStore.Items(output, "output"));
        }

        return messages;
    }

    private JsonObject Head(string id, string model, ResponseRequest request)
    {
        var response = new JsonObject
        {
            ["id"] = id, ["object"] = "response", ["created_at"] = time.GetUtcNow().ToUnixTimeSeconds(),
            ["status"] = "in_progress", ["error"] = null, ["incomplete_details"] = null, ["model"] = model,
            ["output"] = new JsonArray(),
        };
        foreach (var (name, value) in request.Echo)
            response[name] = value?.DeepClone();
        response["usage"] = null;
        return response;
    }

    private static void End(JsonObject response, ResponseOutput output)
    {
        var cut = output.Parts.End == ChatFinishReason.Length;
        response["status"] = cut ? "incomplete" : "completed";
        if (cut)
        {
            response["incomplete_details"] = new JsonObject { ["reason"] = "max_output_tokens" };
            if (output.Items.Count > 0)
                output.Items[^1]["status"] = "incomplete";
        }

        response["output"] = new JsonArray([.. output.Items.Select(item => item.DeepClone())]);
        var cost = output.Parts.Cost;
        response["usage"] = new JsonObject
        {
            ["input_tokens"] = cost?.InputTokenCount ?? 0,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = cost?.CachedInputTokenCount ?? 0 },
            ["output_tokens"] = cost?.OutputTokenCount ?? 0,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = cost?.ReasoningTokenCount ?? 0 },
            ["total_tokens"] = cost?.TotalTokenCount ?? 0,
        };
    }

    private KeptResponse Kept(HttpContext context) => store.Find(IdOf(context)) ?? throw NotFound(IdOf(context));

    private static string IdOf(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private static ApiException NotFound(string id) => new(404, $"Response with id '{id}' not found.")
    {
        Param = "id", Code = "response_not_found",
    };
}
