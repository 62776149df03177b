using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve.OpenAi;

/// <summary>POST /v1/chat/completions.</summary>
internal sealed class ChatCompletions(ModelPool pool, TimeProvider time)
{
    public async Task Handle(HttpContext context)
    {
        var cancel = context.RequestAborted;
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        using var lease = await pool.Take(fields.Text("model"), cancel);
        var model = lease.Model;
        var request = ChatRequest.Read(fields, model.Tokenizer.VocabularySize);
        var chat = model.Chat;
        using var pass = model.Gate.Enter(request.Choices);
        // Faults of messages and options come here, before anything is sent.
        var answers = Enumerable.Range(0, request.Choices).Select(choice =>
            chat.GetStreamingResponseAsync(request.Messages, request.OptionsOf(choice), cancel)).ToList();
        var head = new ChatReply($"chatcmpl-{Guid.NewGuid():N}", "chat.completion",
            time.GetUtcNow().ToUnixTimeSeconds(), model.Id, OpenAiRoutes.Fingerprint, [], null);
        if (request.Stream)
            await Stream(context, head with { Object = "chat.completion.chunk" }, request, model.Tokenizer, answers);
        else
            await Whole(context, head, request, model.Tokenizer, answers);
    }

    private static async Task Whole(
        HttpContext context, ChatReply head, ChatRequest request, Model.Tokenizer tokenizer,
        List<IAsyncEnumerable<ChatResponseUpdate>> answers)
    {
        var choices = new ChatChoice[answers.Count];
        var cost = new UsageDetails?[answers.Count];
        await Task.WhenAll(answers.Select(async (answer, index) =>
        {
            var (text, thoughts, calls) = (new StringBuilder(), new StringBuilder(), new List<ToolCall>());
            var scores = new List<TokenLogProbability>();
            ChatFinishReason? end = null;
            await foreach (var update in answer)
            {
                end = update.FinishReason ?? end;
                scores.AddRange(Scores(update, tokenizer));
                foreach (var content in update.Contents)
                    switch (content)
                    {
                        case TextContent said: text.Append(said.Text); break;
                        case TextReasoningContent thought: thoughts.Append(thought.Text); break;
                        case FunctionCallContent call: calls.Add(CallOf(call, null)); break;
                        case UsageContent used: cost[index] = used.Details; break;
                    }
            }

            choices[index] = new ChatChoice(index, new ChatAnswerMessage
            {
                Role = "assistant", Content = text.Length == 0 && calls.Count > 0 ? null : text.ToString(),
                ReasoningContent = thoughts.Length > 0 ? thoughts.ToString() : null,
                ToolCalls = calls.Count > 0 ? calls : null,
            }, null)
            {
                Logprobs = request.LogProbabilities is null ? null : new ChatLogProbabilities(scores),
                FinishReason = Reason(end),
            };
        }));
        await JsonReply.Send(context, head with { Choices = choices, Usage = Total(cost) },
            OpenAiJson.Default.ChatReply);
    }

    private static async Task Stream(
        HttpContext context, ChatReply head, ChatRequest request, Model.Tokenizer tokenizer,
        List<IAsyncEnumerable<ChatResponseUpdate>> answers)
    {
        var cancel = context.RequestAborted;
        var stream = EventStream.Events(context);
        var cost = new UsageDetails?[answers.Count];
        var calls = new int[answers.Count];
        for (var i = 0; i < answers.Count; i++)
            await Send(new ChatChoice(i, null, new ChatAnswerMessage { Role = "assistant", Content = "" }));
        await foreach (var (index, update) in Streams.Merge(answers, cancel))
        {
            List<TokenLogProbability>? scores = [.. Scores(update, tokenizer)];
            foreach (var content in update.Contents)
            {
                var delta = content switch
                {
                    TextContent said => new ChatAnswerMessage { Content = said.Text },
                    TextReasoningContent thought => new ChatAnswerMessage { ReasoningContent = thought.Text },
                    FunctionCallContent call => new ChatAnswerMessage { ToolCalls = [CallOf(call, calls[index]++)] },
                    _ => null,
                };
                cost[index] = (content as UsageContent)?.Details ?? cost[index];
                if (delta is null)
                    continue;
                await Send(new ChatChoice(index, null, delta) { Logprobs = Told(scores) });
                scores = null; // told once
            }

            if (update.FinishReason is { } end)
                await Send(new ChatChoice(index, null, new ChatAnswerMessage())
                {
                    Logprobs = Told(scores), FinishReason = Reason(end),
                });
        }

        if (request.IncludeUsage)
            await stream.Send(head with { Usage = Total(cost) }, OpenAiJson.Default.ChatReply, cancel);
        await stream.Done(cancel);

        Task Send(ChatChoice choice) =>
            stream.Send(head with { Choices = [choice] }, OpenAiJson.Default.ChatReply, cancel);

        ChatLogProbabilities? Told(List<TokenLogProbability>? scores) =>
            request.LogProbabilities is null || scores is not { Count: > 0 } ? null : new ChatLogProbabilities(scores);
    }

    public static string Reason(ChatFinishReason? end) => end == ChatFinishReason.Length ? "length"
        : end == ChatFinishReason.ToolCalls ? "tool_calls" : "stop";

    public static Usage Total(IReadOnlyList<UsageDetails?> choices)
    {
        var prompt = choices[0]?.InputTokenCount ?? 0;
        var written = choices.Sum(cost => cost?.OutputTokenCount ?? 0);
        return new Usage(prompt, written, prompt + written,
            new PromptTokensDetails(choices[0]?.CachedInputTokenCount ?? 0),
            new CompletionTokensDetails(choices.Sum(cost => cost?.ReasoningTokenCount ?? 0)));
    }

    public static IEnumerable<TokenLogProbability> Scores(ChatResponseUpdate update, Model.Tokenizer tokenizer)
    {
        if (update.AdditionalProperties?.TryGetValue(WispChatClient.LogProbabilities, out var found) != true
            || found is not IReadOnlyList<EngineToken> tokens)
            yield break;
        foreach (var token in tokens)
            yield return Score(token.Chosen!.Value, [.. token.Best.Select(score => Score(score, null))]);

        TokenLogProbability Score(TokenScore score, IReadOnlyList<TokenLogProbability>? best)
        {
            var bytes = tokenizer.BytesOf(score.Token);
            return new TokenLogProbability(Encoding.UTF8.GetString(bytes),
                float.IsFinite(score.LogProbability) ? score.LogProbability : -9999, // as OpenAI writes "never"
                [.. bytes.ToArray().Select(value => (int)value)], best);
        }
    }

    private static ToolCall CallOf(FunctionCallContent call, int? index)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, JsonReply.Writing))
        {
            json.WriteStartObject();
            foreach (var (name, value) in call.Arguments ?? new Dictionary<string, object?>())
            {
                json.WritePropertyName(name);
                if (value is JsonElement element)
                    element.WriteTo(json);
                else
                    json.WriteNullValue(); // the client gives elements and nulls
            }

            json.WriteEndObject();
        }

        return new ToolCall(index, call.CallId, "function",
            new ToolCallFunction(call.Name, Encoding.UTF8.GetString(memory.ToArray())));
    }
}
