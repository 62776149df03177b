using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wisp.Ai;
using Wisp.Kernel;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Serve.Watching;

namespace Wisp.Serve.Page;

/// <summary>
/// POST /page/answers: has a message answered and sends the answer while it is written, a JSON document a line. Of a
/// text only the blocks that changed are sent. When the connection closes the answer ends, and what there is of it is
/// kept.
/// </summary>
internal sealed class PageAnswers(
    ModelPool pool, Conversations kept, PageKernel kernel, PageAsks asks, TimeProvider time)
{
    // A screen shows no more pictures a second.
    private static readonly TimeSpan s_sendEvery = TimeSpan.FromMilliseconds(33);

    public async Task Handle(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        var question = kept.Message(fields.Whole("message") ?? throw fields.Missing("message"));
        if (question is not { Role: MessageRole.User })
            throw new ApiException(404, "There is no such message to answer.");
        var settings = kept.Find(question.Conversation)!.Settings;
        var cancel = context.RequestAborted;
        using var lease = await pool.Take(settings.Model, cancel);
        var chat = lease.Model.Writer.Chat;
        await lease.Model.Run("chat", 1, async work =>
        {
            work.Asked("temperature", settings.Temperature);
            work.Asked("top_p", settings.TopP);
            work.Asked("top_k", settings.TopK);
            work.Asked("max_tokens", settings.MaxTokens);
            work.Asked("seed", settings.Seed);
            work.Tell("messages", question.Text);
            await Write(context, lease.Model, chat, question, settings, work);
        });
    }

    private async Task Write(HttpContext context, LoadedModel model, WispChatClient chat, Message question,
        ChatSettings settings, Work work)
    {
        var agents = await kernel.Open(model, context.RequestAborted);
        var exchange = new Exchange(kept, time, agents, kernel.Tools(model));
        await using var steps = exchange.Answer(chat, question, settings, null, context.RequestAborted)
            .GetAsyncEnumerator(context.RequestAborted);
        // Until the first word a fault is an answer of its own, with its status.
        await steps.MoveNextAsync();
        context.Response.ContentType = "application/x-ndjson";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // a proxy that waits would hide the stream
        using var stream = new Stream(context, chat.Context, exchange.LeftOut,
            (before, now) => asks.Show(agents, before, now));
        work.Wrote();
        work.Answers($"page-{steps.Current.Answer.Id}");
        await stream.Send(steps.Current);
        var sentAt = time.GetTimestamp();
        while (await steps.MoveNextAsync())
        {
            var step = steps.Current;
            if (step.Answer is { State: not MessageState.Writing, Cost: { } cost })
            {
                work.Cost(cost.PromptTokens, 0, cost.Tokens, ReasonOf(step.Answer.State));
                work.Tell("answer", step.Answer.Text);
            }

            var isText = step is { IsSaved: false, News.Kind: PartKind.Text or PartKind.Thought };
            if (isText && time.GetElapsedTime(sentAt) < s_sendEvery)
                continue;
            await stream.Send(step);
            sentAt = time.GetTimestamp();
        }
    }

    // As the API's routes tell it.
    private static string ReasonOf(MessageState end) => end switch
    {
        MessageState.Whole => "stop",
        MessageState.Length => "length",
        _ => end.ToString().ToLowerInvariant(),
    };

    /// <summary>What the page has of the answer, so that only news goes out.</summary>
    private sealed class Stream(
        HttpContext context, int window, int leftOut, Action<AskReport?, AskReport?> show) : IDisposable
    {
        private readonly List<List<byte[]>> _blocks = [];
        private readonly List<MessagePart> _sent = [];
        private bool _begun;
        private AskReport? _ask;

        public void Dispose() => show(_ask, null);

        public async Task Send(ExchangeStep step)
        {
            var answer = step.Answer;
            if (!_begun)
                Line("begin", json =>
                {
                    json.WriteNumber("id", answer.Id);
                    json.WriteNumber("parent", answer.Parent!.Value);
                    json.WriteString("model", answer.Model);
                    json.WriteNumber("context", window);
                    json.WriteNumber("leftOut", leftOut);
                });
            _begun = true;
            for (var i = 0; i < answer.Parts.Count; i++)
                if (i >= _sent.Count || _sent[i] != answer.Parts[i])
                    Part(i, answer.Parts[i]);
            if (step.Ask != _ask)
            {
                show(_ask, step.Ask);
                _ask = step.Ask;
                Line("ask", json =>
                {
                    if (_ask is null)
                        return;
                    json.WriteNumber("number", _ask.Number);
                    json.WriteString("text", _ask.Text);
                });
            }

            if (step.IsSaved)
                Line("saved", json => json.WriteNumber("characters", answer.Text.Length));
            if (answer.State != MessageState.Writing)
                Line("end", json =>
                {
                    json.WritePropertyName("message");
                    PageWire.Write(json, answer);
                });
            else if (answer.Cost is { } cost)
                Line("pace", json => json.WriteNumber("seconds", Math.Round(cost.Seconds, 2)));
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }

        private void Part(int index, MessagePart part)
        {
            while (_blocks.Count <= index)
            {
                _blocks.Add([]);
                _sent.Add(new MessagePart { Kind = part.Kind });
            }

            _sent[index] = part;
            if (part.Kind != PartKind.Text)
            {
                Line("part", json =>
                {
                    json.WriteNumber("index", index);
                    json.WritePropertyName("part");
                    PageWire.Write(json, part, withTree: false);
                });
                return;
            }

            var (old, now) = (_blocks[index], MarkdownTree.Blocks(part.Text ?? ""));
            var same = 0;
            while (same < old.Count && same < now.Count && old[same].AsSpan().SequenceEqual(now[same]))
                same++;
            _blocks[index] = now;
            Line("blocks", json =>
            {
                json.WriteNumber("index", index);
                json.WriteNumber("from", same);
                json.WriteStartArray("blocks");
                foreach (var block in now.Skip(same))
                    json.WriteRawValue(block, skipInputValidation: true);
                json.WriteEndArray();
            });
        }

        private void Line(string type, Action<Utf8JsonWriter> write)
        {
            using (var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonReply.Writing))
            {
                json.WriteStartObject();
                json.WriteString("type", type);
                write(json);
                json.WriteEndObject();
            }

            context.Response.BodyWriter.Write("\n"u8);
        }
    }
}
