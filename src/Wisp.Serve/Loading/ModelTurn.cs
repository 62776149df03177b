using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;

namespace Wisp.Serve.Loading;

/// <summary>One request that names its model: what it says, and the model, until it is disposed of.</summary>
internal sealed class ModelTurn : IDisposable
{
    private readonly JsonDocument _body;
    private readonly ModelLease _lease;

    private ModelTurn(JsonDocument body, Fields fields, ModelLease lease) =>
        (_body, Fields, _lease) = (body, fields, lease);

    public Fields Fields { get; }

    public LoadedModel Model => _lease.Model;

    /// <exception cref="ApiException">The model writes no text.</exception>
    public WritingModel Writer => _lease.Model.Writer;

    /// <exception cref="ApiException">The body is no JSON object, or its model cannot be had.</exception>
    public static async Task<ModelTurn> Begin(HttpContext context, ModelPool pool)
    {
        var body = await JsonReply.Read(context);
        try
        {
            var fields = new Fields(body.RootElement);
            return new ModelTurn(body, fields, await pool.Take(fields.Text("model"), context.RequestAborted));
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _lease.Dispose();
        _body.Dispose();
    }
}
