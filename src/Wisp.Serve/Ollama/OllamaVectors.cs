using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Ollama;

/// <summary>POST /api/embed and its older form /api/embeddings.</summary>
internal sealed class OllamaVectors(ModelPool pool, TimeProvider time)
{
    public async Task Embed(HttpContext context)
    {
        var begin = time.GetTimestamp();
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        using var lease = await Take(context, fields);
        var loaded = time.GetTimestamp();
        var vectors = lease.Model.Vectors;
        Embeddings.RequireWidth(fields, vectors);
        var truncate = fields.Flag("truncate") ?? true;
        List<int[]> inputs = [.. (fields.TextOrTexts("input") ?? throw fields.Missing("input"))
            .Select(text => vectors.Tokenize(text, truncate))];
        await lease.Model.Run("embeddings", 1, async work =>
        {
            var found = inputs.Count == 0 ? [] : await vectors.Of(inputs, context.RequestAborted);
            var tokens = inputs.Sum(input => (long)input.Length);
            work.Cost(tokens, 0, 0);
            await JsonReply.Send(context, new OllamaEmbed(lease.Model.Id, found,
                (long)time.GetElapsedTime(begin).TotalNanoseconds,
                (long)time.GetElapsedTime(begin, loaded).TotalNanoseconds, tokens), OllamaJson.Default.OllamaEmbed);
        });
    }

    public async Task Embedding(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        using var lease = await Take(context, fields);
        var vectors = lease.Model.Vectors;
        var tokens = vectors.Tokenize(fields.RequiredText("prompt"), truncate: true);
        await lease.Model.Run("embeddings", 1, async work =>
        {
            work.Cost(tokens.Length, 0, 0);
            await JsonReply.Send(context, new OllamaEmbedding((await vectors.Of([tokens], context.RequestAborted))[0]),
                OllamaJson.Default.OllamaEmbedding);
        });
    }

    private async Task<ModelLease> Take(HttpContext context, Fields fields)
    {
        var keep = OllamaRequest.KeepAlive(fields);
        var lease = await pool.Take(fields.Text("model") ?? fields.RequiredText("name"), context.RequestAborted);
        lease.KeepFor = keep;
        return lease;
    }
}
