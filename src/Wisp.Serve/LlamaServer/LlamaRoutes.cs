using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;
using Wisp.Serve.Watching;

namespace Wisp.Serve.LlamaServer;

/// <summary>
/// The routes that llama-server has beside OpenAI's: of the default model, or of the one named by "model" in the body
/// or the query.
/// </summary>
internal sealed class LlamaRoutes
{
    private readonly ModelPool _pool;
    private readonly ServeOptions _options;

    private readonly PrometheusText _metrics;

    private LlamaRoutes(ModelPool pool, ServeOptions options, PrometheusText metrics) =>
        (_pool, _options, _metrics) = (pool, options, metrics);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var own = new LlamaRoutes(services.GetRequiredService<ModelPool>(),
            services.GetRequiredService<ServeOptions>(), services.GetRequiredService<PrometheusText>());
        var faults = services.GetRequiredService<Faults>();
        routes.MapGet("/props", faults.Guard(ApiError.OpenAi, own.Props));
        routes.MapGet("/slots", faults.Guard(ApiError.OpenAi, own.Slots));
        routes.MapGet("/metrics", faults.Guard(ApiError.OpenAi, own.Metrics));
        Post("/tokenize", own.Tokenize);
        Post("/detokenize", own.Detokenize);
        Post("/apply-template", own.ApplyTemplate);

        void Post(string path, RequestDelegate handle) => routes.MapPost(path, faults.Guard(ApiError.OpenAi, handle));
    }

    private async Task Props(HttpContext context)
    {
        using var lease = await OfQuery(context);
        var model = lease.Model.Writer;
        var sampling = new Sampling();
        await JsonReply.Send(context, new Props(
            new GenerationSettings(model.Engine.Context, new SamplingParameters(
                sampling.Temperature, sampling.TopK, sampling.TopP, sampling.MinP, sampling.TypicalP,
                sampling.RepeatPenalty, sampling.PenaltyWindow, sampling.PresencePenalty, sampling.FrequencyPenalty)),
            _options.Parallel, Path.GetFileName(lease.Model.Entry.Path), model.Template?.Source ?? "",
            TextOf(model, model.Tokenizer.Bos), TextOf(model, model.Tokenizer.Eos), new Modalities(false, false),
            OpenAiRoutes.Fingerprint), LlamaJson.Default.Props);
    }

    private async Task Slots(HttpContext context)
    {
        using var lease = await OfQuery(context);
        var running = lease.Model.Gate.Running;
        await JsonReply.Send(context, [.. Enumerable.Range(0, _options.Parallel).Select(
            i => new Slot(i, lease.Model.Context, i < running))], LlamaJson.Default.IReadOnlyListSlot);
    }

    // The metrics of this program, and those of llama-server that dashboards read.
    private Task Metrics(HttpContext context)
    {
        var gates = _pool.Loaded.Select(loaded => loaded.Model.Gate).ToList();
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        return context.Response.WriteAsync(_metrics.Write() + $"""
            # HELP llamacpp:requests_processing Requests that run
            # TYPE llamacpp:requests_processing gauge
            llamacpp:requests_processing {gates.Sum(gate => gate.Running)}
            # HELP llamacpp:requests_deferred Requests that wait
            # TYPE llamacpp:requests_deferred gauge
            llamacpp:requests_deferred {gates.Sum(gate => gate.Waiting)}

            """, context.RequestAborted);
    }

    private async Task Tokenize(HttpContext context)
    {
        using var turn = await ModelTurn.Begin(context, _pool);
        var (fields, tokenizer) = (turn.Fields, turn.Writer.Tokenizer);
        var ids = tokenizer.Encode(fields.RequiredText("content"), fields.Flag("add_special") ?? false,
            fields.Flag("parse_special") ?? true);
        if (fields.Flag("with_pieces") == true)
            await JsonReply.Send(context, new Tokenized<TokenPiece>([.. ids.Select(Piece)]),
                LlamaJson.Default.TokenizedTokenPiece);
        else
            await JsonReply.Send(context, new Tokenized<int>(ids), LlamaJson.Default.TokenizedInt32);

        TokenPiece Piece(int id)
        {
            var bytes = tokenizer.BytesOf(id).ToArray();
            var text = Encoding.UTF8.GetString(bytes);
            return Encoding.UTF8.GetBytes(text).AsSpan().SequenceEqual(bytes) ? new TokenPiece(id) { Piece = text }
                : new TokenPiece(id) { Bytes = [.. bytes.Select(value => (int)value)] };
        }
    }

    private async Task Detokenize(HttpContext context)
    {
        using var turn = await ModelTurn.Begin(context, _pool);
        var (fields, tokenizer) = (turn.Fields, turn.Writer.Tokenizer);
        var tokens = fields.Any("tokens") ?? throw fields.Missing("tokens");
        var text = tokenizer.DecodeText(TokenIds.Read(tokens, "tokens", tokenizer.VocabularySize));
        await JsonReply.Send(context, new Detokenized(text), LlamaJson.Default.Detokenized);
    }

    private async Task ApplyTemplate(HttpContext context)
    {
        using var turn = await ModelTurn.Begin(context, _pool);
        var model = turn.Writer;
        var request = ChatRequest.Read(turn.Fields, model.Tokenizer.VocabularySize);
        await JsonReply.Send(context, new AppliedTemplate(model.Chat.Prompt(request.Messages, request.Options)),
            LlamaJson.Default.AppliedTemplate);
    }

    private Task<ModelLease> OfQuery(HttpContext context) => _pool.Take(
        context.Request.Query["model"] is [{ Length: > 0 } name] ? name : null, context.RequestAborted);

    private static string TextOf(WritingModel model, int token) =>
        token < 0 ? "" : Encoding.UTF8.GetString(model.Tokenizer.BytesOf(token));
}
