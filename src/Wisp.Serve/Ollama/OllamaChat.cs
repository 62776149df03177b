using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>POST /api/chat, and POST /api/generate where the model has a chat template.</summary>
internal sealed class OllamaChat(ModelPool pool, TimeProvider time)
{
    public async Task Handle(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        using var turn = await OllamaTurn.Begin(context, fields, pool, time);
        var messages = OllamaMessages.Read(fields);
        if (messages.Count == 0)
        {
            await turn.LoadOnly(new OllamaReply(turn.Name, turn.Now, true) { Message = new("assistant", "") });
            return;
        }

        var options = OllamaRequest.Options(fields, turn.Writer.Tokenizer.VocabularySize);
        options.Tools = MessageReader.Tools(fields);
        await Answer(turn, messages, options, Spoken);
    }

    /// <summary>Sends an answer, in pieces or whole.</summary>
    /// <param name="shape">The reply of one route: text, thoughts and calls.</param>
    public static Task Answer(OllamaTurn turn, List<ChatMessage> messages, ChatOptions options, ReplyShape shape)
    {
        var chat = turn.Writer.Chat;
        return turn.Model.Run("chat", 1, async work =>
        {
            foreach (var message in messages)
                work.Tell(message.Role.Value, message.Text);
            var updates = chat.GetStreamingResponseAsync(messages, options, turn.Cancel);
            var parts = new AnswerParts(turn.Writer.Tokenizer);
            var calls = new List<OllamaCall>();
            var lines = turn.Streams ? EventStream.Lines(turn.Context) : null;
            await foreach (var update in updates.WithCancellation(turn.Cancel))
            {
                turn.Written();
                work.Wrote();
                parts.Add(update);
                foreach (var said in Pieces(update, parts, calls))
                    if (lines is not null)
                        await lines.Send(shape(new OllamaReply(turn.Name, turn.Now, false)
                        {
                            Logprobs = parts.Scores.Count > 0
                                ? [.. AnswerParts.ScoresOf(update, turn.Writer.Tokenizer)] : null,
                        }, said), OllamaJson.Default.OllamaReply, turn.Cancel);
            }

            var reason = parts.End == ChatFinishReason.Length ? "length" : "stop";
            work.Cost(parts.Cost?.InputTokenCount ?? 0, parts.Cost?.CachedInputTokenCount ?? 0,
                parts.Cost?.OutputTokenCount ?? 0, reason);
            work.Tell("answer", parts.Text);
            var last = turn.Cost(new OllamaReply(turn.Name, turn.Now, true)
            {
                DoneReason = reason, Logprobs = lines is null && parts.Scores.Count > 0 ? parts.Scores : null,
            }, parts.Cost?.InputTokenCount ?? 0, parts.Cost?.OutputTokenCount ?? 0);
            if (lines is not null)
                await lines.Send(shape(last, new Said("", null, [])), OllamaJson.Default.OllamaReply, turn.Cancel);
            else
                await JsonReply.Send(turn.Context, shape(last, new Said(
                    parts.Text, parts.Thoughts.Length > 0 ? parts.Thoughts : null, calls)),
                    OllamaJson.Default.OllamaReply);
        });
    }

    // What an update says: a text, a thought, or a call that is whole.
    private static IEnumerable<Said> Pieces(ChatResponseUpdate update, AnswerParts parts, List<OllamaCall> calls)
    {
        foreach (var content in update.Contents)
            switch (content)
            {
                case TextContent said:
                    yield return new Said(said.Text, null, []);
                    break;
                case TextReasoningContent thought:
                    yield return new Said("", thought.Text, []);
                    break;
                case FunctionCallContent call:
                    calls.Add(CallOf(parts.Calls.Last(written => written.Id == call.CallId), calls.Count));
                    yield return new Said("", null, [calls[^1]]);
                    break;
            }
    }

    private static OllamaReply Spoken(OllamaReply reply, Said said) => reply with
    {
        Message = new OllamaMessage("assistant", said.Text)
        {
            Thinking = said.Thoughts, ToolCalls = said.Calls.Count > 0 ? said.Calls : null,
        },
    };

    // Its JSON has been read, so it is an object.
    private static OllamaCall CallOf(ToolCall call, int index) => new(call.Id!, new OllamaFunction(
        index, call.Function.Name!, JsonElement.Parse(call.Function.Arguments!)));
}

/// <summary>What a piece of an answer says.</summary>
internal readonly record struct Said(string Text, string? Thoughts, IReadOnlyList<OllamaCall> Calls);

/// <summary>Puts what is said where a route's replies have it.</summary>
internal delegate OllamaReply ReplyShape(OllamaReply reply, Said said);
