using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.Watching;

namespace Wisp.Serve.OpenAi;

/// <summary>POST /v1/completions: goes on with texts, without a chat template.</summary>
internal sealed class Completions(ModelPool pool, TimeProvider time)
{
    public async Task Handle(HttpContext context)
    {
        var cancel = context.RequestAborted;
        using var turn = await ModelTurn.Begin(context, pool);
        var model = turn.Writer;
        var request = CompletionRequest.Read(turn.Fields, model);
        List<TextRun> runs = [.. request.Requests(model.Engine.Context).Select(asked =>
            new TextRun(model.Engine, model.Tokenizer, asked, request.Stop))];
        await turn.Model.Run("text_completion", runs.Count, async work =>
        {
            var head = new CompletionReply($"cmpl-{Guid.NewGuid():N}", "text_completion",
                time.GetUtcNow().ToUnixTimeSeconds(), turn.Model.Id, OpenAiRoutes.Fingerprint, [], null);
            work.Answers(head.Id);
            work.Asked("choice.count", runs.Count > 1 ? runs.Count : null);
            foreach (var (_, prompt) in request.Prompts)
                work.Tell("prompt", prompt);
            var parts = runs.Select(
                (run, i) => new CompletionParts(run, Echoed(request, i), model.Tokenizer)).ToArray();
            var pieces = Read(runs, parts, work, cancel);
            if (request.Stream)
                await Stream(context, head, request, parts, pieces);
            else
                await Whole(context, head, request, parts, pieces);
            var usage = Total(request, runs);
            work.Cost(usage.PromptTokens, usage.PromptTokensDetails.CachedTokens, usage.CompletionTokens,
                [.. parts.Select(part => part.Reason)]);
            foreach (var part in parts)
                work.Tell("answer", part.Text);
        });
    }

    private static async Task Whole(
        HttpContext context, CompletionReply head, CompletionRequest request, CompletionParts[] parts,
        IAsyncEnumerable<(int Index, TextPiece Piece)> pieces)
    {
        await foreach (var _ in pieces)
        {
        }

        var choices = parts.Select((part, i) => new CompletionChoice(part.Text, i)
        {
            FinishReason = part.Reason, Logprobs = request.LogProbabilities is null ? null : part.TakeScores(),
        });
        await JsonReply.Send(context, head with
        {
            Choices = [.. choices],
            Usage = Total(request, [.. parts.Select(part => part.Run)]),
        }, OpenAiJson.Default.CompletionReply);
    }

    private static async Task Stream(
        HttpContext context, CompletionReply head, CompletionRequest request, CompletionParts[] parts,
        IAsyncEnumerable<(int Index, TextPiece Piece)> pieces)
    {
        var cancel = context.RequestAborted;
        var stream = EventStream.Events(context);
        for (var i = 0; i < parts.Length && request.Echo; i++)
            await Send(new CompletionChoice(Echoed(request, i), i));
        await foreach (var (index, piece) in pieces)
            if (piece.Text.Length > 0 || piece.IsLast)
                await Send(new CompletionChoice(piece.Text, index)
                {
                    FinishReason = piece.IsLast ? parts[index].Reason : null,
                    Logprobs = request.LogProbabilities is null ? null : parts[index].TakeScores(),
                });

        if (request.IncludeUsage)
            await stream.Send(head with { Usage = Total(request, [.. parts.Select(part => part.Run)]) },
                OpenAiJson.Default.CompletionReply, cancel);
        await stream.Done(cancel);

        Task Send(CompletionChoice choice) =>
            stream.Send(head with { Choices = [choice] }, OpenAiJson.Default.CompletionReply, cancel);
    }

    // Every piece passes here, so that all that is told of a text is told in one place.
    private static async IAsyncEnumerable<(int Index, TextPiece Piece)> Read(
        List<TextRun> runs, CompletionParts[] parts, Work work, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var (index, piece) in Streams.Merge([.. runs.Select(run => run.Read(cancel))], cancel))
        {
            work.Wrote();
            parts[index].Add(piece);
            yield return (index, piece);
        }
    }

    private static string Echoed(CompletionRequest request, int run) =>
        request.Echo ? request.Prompts[run / request.Choices].Text : "";

    // A prompt counts once, however many choices it has.
    private static Usage Total(CompletionRequest request, List<TextRun> runs)
    {
        var prompt = request.Prompts.Sum(prompt => (long)prompt.Tokens.Count);
        var written = runs.Sum(run => (long)run.Usage.GeneratedTokens);
        var cached = runs.Where((_, i) => i % request.Choices == 0).Sum(run => (long)run.Usage.CachedTokens);
        return new Usage(prompt, written, prompt + written, new PromptTokensDetails(cached),
            new CompletionTokensDetails(0));
    }
}
