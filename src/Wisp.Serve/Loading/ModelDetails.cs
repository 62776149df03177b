using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Serve.Loading;

/// <summary>What the header of a model's file tells.</summary>
internal sealed record ModelDetails
{
    public required string Architecture { get; init; }

    public required long Parameters { get; init; }

    /// <summary>The type of most weights, such as "Q8_0".</summary>
    public required string Type { get; init; }

    public required string Template { get; init; }

    /// <summary>Whether it gives vectors and writes no text.</summary>
    public required bool Encodes { get; init; }

    /// <summary>All of the metadata but lists.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Metadata { get; init; }

    /// <summary>
    /// 64 hexadecimal digits that change with the file: of its name, length and time, for the content of a large file
    /// would take minutes to read.
    /// </summary>
    public required string Digest { get; init; }

    /// <summary>Parameters as people say them: 4.9M, 1.5B.</summary>
    public string Size => Parameters switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{Parameters / 1e9:0.0}B"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{Parameters / 1e6:0.0}M"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Parameters / 1e3:0.0}K"),
    };

    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static ModelDetails Read(ShelfEntry entry)
    {
        using var gguf = Gguf.Open(entry.Path);
        var metadata = new Dictionary<string, JsonElement>();
        foreach (var (key, value) in gguf.Metadata)
            if (Scalar(gguf, value) is { } element)
                metadata[key] = element;
        var parameters = gguf.Tensors.Sum(tensor => tensor.Elements);
        metadata["general.parameter_count"] = JsonElement.Parse(parameters.ToString(CultureInfo.InvariantCulture));
        return new ModelDetails
        {
            Architecture = gguf.GetString("general.architecture"), Parameters = parameters,
            Type = gguf.Tensors.GroupBy(tensor => tensor.DType).OrderByDescending(group => group.Sum(t => t.Bytes))
                .Select(group => group.Key.ToString()).FirstOrDefault("none"),
            Template = gguf.TryGetString("tokenizer.chat_template", out var template) ? template : "",
            Encodes = TextEmbedder.IsEncoder(gguf), Metadata = metadata,
            Digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
                $"{entry.Id} {entry.Bytes} {entry.Modified.UtcTicks}"))),
        };
    }

    private static JsonElement? Scalar(Gguf gguf, GgufValue value) => value.Type == GgufType.Array ? null
        : gguf.Items(value).Single() switch
        {
            string text => JsonElement.Parse($"\"{JsonEncodedText.Encode(text)}\""),
            bool flag => JsonElement.Parse(flag ? "true" : "false"),
            float real when !float.IsFinite(real) => null,
            double real when !double.IsFinite(real) => null,
            IFormattable number => JsonElement.Parse(number.ToString(null, CultureInfo.InvariantCulture)),
            _ => null,
        };
}
