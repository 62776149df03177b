using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;

namespace Wisp.Serve.OpenAi;

/// <summary>POST /v1/embeddings.</summary>
internal sealed class Embeddings(ModelPool pool)
{
    private const int MaxInputs = 2048;

    public async Task Handle(HttpContext context)
    {
        using var turn = await ModelTurn.Begin(context, pool);
        var (fields, vectors) = (turn.Fields, turn.Model.Vectors);
        var inputs = Inputs(fields, vectors);
        var format = fields.Text("encoding_format") ?? "float";
        if (format is not ("float" or "base64"))
            throw MessageReader.OneOf("encoding_format", format, "float", "base64");
        RequireWidth(fields, vectors);
        fields.Ignore("user");
        fields.RefuseUnknown();

        await turn.Model.Run("embeddings", 1, async work =>
        {
            var found = await vectors.Of(inputs, context.RequestAborted);
            var tokens = inputs.Sum(input => (long)input.Length);
            work.Cost(tokens, 0, 0);
            if (format == "float")
                await Send(found, tokens, OpenAiJson.Default.EmbeddingListSingleArray);
            else
                await Send([.. found.Select(Base64)], tokens, OpenAiJson.Default.EmbeddingListString);
        });

        Task Send<T>(IReadOnlyList<T> list, long tokens, JsonTypeInfo<EmbeddingList<T>> type) => JsonReply.Send(context,
            new EmbeddingList<T>("list",
                [.. list.Select((vector, i) => new EmbeddingItem<T>("embedding", i, vector))], turn.Model.Id,
                new EmbeddingUsage(tokens, tokens)), type);
    }

    /// <summary>Shorter vectors are refused: nothing in a model's file says that they mean anything.</summary>
    public static void RequireWidth(Fields fields, Vectors vectors)
    {
        if (fields.Count("dimensions", 1) is { } wanted && wanted != vectors.Width)
            throw ApiException.Invalid($"'dimensions' is {wanted}; this model gives {vectors.Width}, and nothing in " +
                "its file says that shorter vectors mean anything.", "dimensions", "invalid_value");
    }

    private static List<int[]> Inputs(Fields fields, Vectors vectors)
    {
        if (fields.Any("input") is not { } given)
            throw fields.Missing("input");
        List<int[]> inputs = given.ValueKind switch
        {
            JsonValueKind.String => [Text(given, "input")],
            JsonValueKind.Array when given.GetArrayLength() > 0 && given[0].ValueKind == JsonValueKind.Number =>
                [Tokens(given, "input")],
            JsonValueKind.Array => [.. fields.List("input")!.Select(item =>
                item.Value.ValueKind == JsonValueKind.Array ? Tokens(item.Value, item.Path)
                    : Text(item.Value, item.Path))],
            _ => throw Fields.WrongType("input", "a string, an array of strings or an array of tokens", given),
        };
        return inputs.Count is > 0 and <= MaxInputs ? inputs : throw ApiException.Invalid(
            $"'input' holds {inputs.Count} texts; there may be 1 to {MaxInputs}.", "input", "invalid_value");

        int[] Text(JsonElement value, string path) => vectors.Tokenize(Fields.TextOf(value, path), truncate: false);

        // The embedder knows its vocabulary and its context, and refuses with both numbers.
        int[] Tokens(JsonElement value, string path) => TokenIds.Read(value, path, int.MaxValue);
    }

    private static string Base64(float[] vector)
    {
        var bytes = new byte[sizeof(float) * vector.Length];
        Buffer.BlockCopy(vector, 0, bytes, 0, bytes.Length);
        return Convert.ToBase64String(bytes);
    }
}
