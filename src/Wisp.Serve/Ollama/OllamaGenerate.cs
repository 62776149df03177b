using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Wisp.Grammar;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>
/// POST /api/generate: an answer to a prompt where the model has a chat template, and else, or with "raw", a text that
/// goes on.
/// </summary>
internal sealed class OllamaGenerate(ModelPool pool, TimeProvider time)
{
    private const int DefaultTokens = 256;

    public async Task Handle(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        using var turn = await OllamaTurn.Begin(context, fields, pool, time);
        var prompt = fields.Text("prompt") ?? "";
        OllamaMessages.Images(fields);
        if (fields.Text("suffix") is { Length: > 0 })
            throw ApiException.Invalid("'suffix' is set; the text between two others is not written here.", "suffix");
        if (fields.Text("template") is { Length: > 0 })
            throw ApiException.Invalid(
                "'template' is set; the model's own template is used here, or none with \"raw\".", "template");
        if (prompt.Length == 0)
            await turn.LoadOnly(new OllamaReply(turn.Name, turn.Now, true) { Response = "" });
        else if (fields.Flag("raw") == true || turn.Writer.Template is null)
            await Continue(turn, fields, prompt);
        else
            await OllamaChat.Answer(turn, Messages(fields, prompt),
                OllamaRequest.Options(fields, turn.Writer.Tokenizer.VocabularySize), Shape);
    }

    private static List<ChatMessage> Messages(Fields fields, string prompt)
    {
        var messages = new List<ChatMessage>();
        if (fields.Text("system") is { Length: > 0 } system)
            messages.Add(new ChatMessage(ChatRole.System, system));
        messages.Add(new ChatMessage(ChatRole.User, prompt));
        return messages;
    }

    private static OllamaReply Shape(OllamaReply reply, Said said) => reply with
    {
        Response = said.Text,
        Thinking = said.Thoughts,
    };

    private static Task Continue(OllamaTurn turn, Fields fields, string prompt)
    {
        var model = turn.Writer;
        var tokens = Generation.Prompt(model.Tokenizer, prompt, parseSpecial: true);
        if (tokens.Count >= model.Engine.Context)
            throw new PromptTooLongException($"The prompt has {tokens.Count:N0} tokens; the context of this model " +
                $"holds {model.Engine.Context:N0}, with the answer. Shorten it.");
        var options = fields.Object("options");
        var sampling = OllamaRequest.Sampling(options, model.Tokenizer.VocabularySize);
        var run = new TextRun(model.Engine, model.Tokenizer, new EngineRequest
        {
            Prompt = tokens, Sampling = sampling, End = model.Tokenizer.EndOfGeneration,
            MaxTokens = Math.Min(
                OllamaRequest.MaxTokens(options) ?? DefaultTokens, model.Engine.Context - tokens.Count),
            Seed = (options is null ? null : SamplingFields.Seed(options))
                ?? unchecked((ulong)Random.Shared.NextInt64()),
            Allowed = Grammar(fields, model) is { } mask ? new GrammarGuide(mask).Allowed : null,
            Breakers = sampling.DryMultiplier > 0 ? SequenceBreakers.Of(model.Tokenizer, sampling.DryBreakers) : null,
        }, OllamaRequest.Stops(options));
        return turn.Model.Run("text_completion", 1, async work =>
        {
            work.Tell("prompt", prompt);
            var lines = turn.Streams ? EventStream.Lines(turn.Context) : null;
            var parts = new CompletionParts(run, "", model.Tokenizer);
            await foreach (var piece in run.Read(turn.Cancel))
            {
                turn.Written();
                work.Wrote();
                parts.Add(piece);
                if (lines is not null && piece.Text.Length > 0)
                    await lines.Send(new OllamaReply(turn.Name, turn.Now, false) { Response = piece.Text },
                        OllamaJson.Default.OllamaReply, turn.Cancel);
            }

            work.Cost(tokens.Count, run.Usage.CachedTokens, run.Usage.GeneratedTokens, parts.Reason);
            work.Tell("answer", parts.Text);
            var last = turn.Cost(new OllamaReply(turn.Name, turn.Now, true)
            {
                Response = lines is null ? parts.Text : "", DoneReason = parts.Reason,
            }, tokens.Count, run.Usage.GeneratedTokens);
            if (lines is not null)
                await lines.Send(last, OllamaJson.Default.OllamaReply, turn.Cancel);
            else
                await JsonReply.Send(turn.Context, last, OllamaJson.Default.OllamaReply);
        });
    }

    private static TokenMask? Grammar(Fields fields, WritingModel model) => OllamaRequest.Format(fields) switch
    {
        ChatResponseFormatJson { Schema: { } schema } => model.MaskOf(
            () => JsonSchema.Compile(schema.GetRawText(), "format"), "format"),
        ChatResponseFormatJson => model.MaskOf(JsonSchema.AnyObject, "format"),
        _ => null,
    };
}
