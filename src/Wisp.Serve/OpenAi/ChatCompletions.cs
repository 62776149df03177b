using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.Watching;

namespace Wisp.Serve.OpenAi;

/// <summary>POST /v1/chat/completions.</summary>
internal sealed class ChatCompletions(ModelPool pool, TimeProvider time)
{
    public async Task Handle(HttpContext context)
    {
        var cancel = context.RequestAborted;
        using var turn = await ModelTurn.Begin(context, pool);
        var model = turn.Writer;
        var chat = model.Chat;
        var request = ChatRequest.Read(turn.Fields, model.Tokenizer.VocabularySize);
        await turn.Model.Run("chat", request.Choices, async work =>
        {
            Describe(work, request);
            work.Tell("messages", turn.Fields.Any("messages")!.Value.GetRawText());
            // Faults of messages and options come here, before anything is sent.
            var answers = Enumerable.Range(0, request.Choices).Select(choice =>
                chat.GetStreamingResponseAsync(request.Messages, request.OptionsOf(choice), cancel)).ToList();
            var head = new ChatReply($"chatcmpl-{Guid.NewGuid():N}", "chat.completion",
                time.GetUtcNow().ToUnixTimeSeconds(), turn.Model.Id, OpenAiRoutes.Fingerprint, [], null);
            work.Answers(head.Id);
            var parts = answers.Select(_ => new AnswerParts(model.Tokenizer)).ToArray();
            var updates = Read(Streams.Merge(answers, cancel), parts, work);
            if (request.Stream)
                await Stream(context, head with { Object = "chat.completion.chunk" }, request, updates, parts);
            else
                await Whole(context, head, request, updates, parts);
            Total(parts, work);
        });
    }

    /// <summary>What a request asks for, by the names of the conventions.</summary>
    private static void Describe(Work work, ChatRequest request)
    {
        var sampling = request.Sampling;
        work.Asked("temperature", sampling.Temperature);
        work.Asked("top_p", sampling.TopP);
        work.Asked("top_k", sampling.TopK);
        work.Asked("frequency_penalty", sampling.FrequencyPenalty);
        work.Asked("presence_penalty", sampling.PresencePenalty);
        work.Asked("max_tokens", request.Options.MaxOutputTokens);
        work.Asked("seed", request.Options.Seed);
        work.Asked("choice.count", request.Choices > 1 ? request.Choices : null);
        work.Asked("stop_sequences", request.Options.StopSequences is { Count: > 0 } stops ? stops.ToArray() : null);
    }

    // Every update passes here, so that all that is told of an answer is told in one place.
    private static async IAsyncEnumerable<(int Index, ChatResponseUpdate Update)> Read(
        IAsyncEnumerable<(int, ChatResponseUpdate)> updates, AnswerParts[] parts, Work work)
    {
        await foreach (var (index, update) in updates)
        {
            work.Wrote();
            parts[index].Add(update);
            yield return (index, update);
        }
    }

    private static async Task Whole(
        HttpContext context, ChatReply head, ChatRequest request,
        IAsyncEnumerable<(int Index, ChatResponseUpdate Update)> updates, AnswerParts[] parts)
    {
        await foreach (var _ in updates)
        {
        }

        var choices = parts.Select((part, index) => new ChatChoice(index, part.Message, null)
        {
            Logprobs = request.LogProbabilities is null ? null : new ChatLogProbabilities(part.Scores),
            FinishReason = Reason(part.End),
        });
        await JsonReply.Send(context, head with { Choices = [.. choices], Usage = Total(parts) },
            OpenAiJson.Default.ChatReply);
    }

    private static async Task Stream(
        HttpContext context, ChatReply head, ChatRequest request,
        IAsyncEnumerable<(int Index, ChatResponseUpdate Update)> updates, AnswerParts[] parts)
    {
        var cancel = context.RequestAborted;
        var stream = EventStream.Events(context);
        var calls = Enumerable.Repeat(-1, parts.Length).ToArray(); // the number of the call that is written
        var told = new int[parts.Length]; // log-probabilities that were sent
        for (var i = 0; i < parts.Length; i++)
            await Send(new ChatChoice(i, null, new ChatAnswerMessage { Role = "assistant", Content = "" }));
        await foreach (var (index, update) in updates)
        {
            foreach (var content in update.Contents)
            {
                if (content is FunctionCallDelta { Name: not null })
                    calls[index]++;
                var delta = content switch
                {
                    TextContent said => new ChatAnswerMessage { Content = said.Text },
                    TextReasoningContent thought => new ChatAnswerMessage { ReasoningContent = thought.Text },
                    FunctionCallDelta call => new ChatAnswerMessage { ToolCalls = [PieceOf(call, calls[index])] },
                    _ => null,
                };
                if (delta is not null)
                    await Send(new ChatChoice(index, null, delta) { Logprobs = Scores(index) });
            }

            if (update.FinishReason is { } end)
                await Send(new ChatChoice(index, null, new ChatAnswerMessage())
                {
                    Logprobs = Scores(index), FinishReason = Reason(end),
                });
        }

        if (request.IncludeUsage)
            await stream.Send(head with { Usage = Total(parts) }, OpenAiJson.Default.ChatReply, cancel);
        await stream.Done(cancel);

        Task Send(ChatChoice choice) =>
            stream.Send(head with { Choices = [choice] }, OpenAiJson.Default.ChatReply, cancel);

        // Those of all tokens since the last piece: a token may show nothing by itself.
        ChatLogProbabilities? Scores(int index)
        {
            var fresh = parts[index].Scores.Skip(told[index]).ToList();
            told[index] += fresh.Count;
            return fresh.Count > 0 ? new ChatLogProbabilities(fresh) : null;
        }
    }

    private static ToolCall PieceOf(FunctionCallDelta call, int index) => call.Name is null
        ? new ToolCall(index, null, null, new ToolCallFunction(null, call.Arguments))
        : new ToolCall(index, call.CallId, "function", new ToolCallFunction(call.Name, call.Arguments));

    public static string Reason(ChatFinishReason? end) => end == ChatFinishReason.Length ? "length"
        : end == ChatFinishReason.ToolCalls ? "tool_calls" : "stop";

    /// <summary>The prompt counts once, however many choices there are.</summary>
    private static Usage Total(AnswerParts[] parts)
    {
        var prompt = parts[0].Cost?.InputTokenCount ?? 0;
        var written = parts.Sum(part => part.Cost?.OutputTokenCount ?? 0);
        return new Usage(prompt, written, prompt + written,
            new PromptTokensDetails(parts[0].Cost?.CachedInputTokenCount ?? 0),
            new CompletionTokensDetails(parts.Sum(part => part.Cost?.ReasoningTokenCount ?? 0)));
    }

    private static void Total(AnswerParts[] parts, Work work)
    {
        var usage = Total(parts);
        work.Cost(usage.PromptTokens, usage.PromptTokensDetails.CachedTokens, usage.CompletionTokens,
            [.. parts.Select(part => Reason(part.End))]);
        foreach (var part in parts)
            work.Tell("answer", part.Text);
    }
}
