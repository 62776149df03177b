using System.Text;
using System.Text.Json;

namespace Wisp.Model.Containers;

/// <summary>
/// What the files around tokenizer.json say of tokens: which begin and end a text, and the template of a chat.
/// </summary>
internal static class HuggingFaceTokens
{
    /// <summary>What llama.cpp calls the tokenizer of a model that runs on ids; without the word it refuses the file.
    /// </summary>
    public const string NoVocabulary = "no_vocab";

    private const long MaxTemplateBytes = 1 << 20;

    private static readonly (string Key, string Field)[] s_ids =
    [
        ("tokenizer.ggml.bos_token_id", "bos_token_id"),
        ("tokenizer.ggml.eos_token_id", "eos_token_id"),
        ("tokenizer.ggml.padding_token_id", "pad_token_id"),
    ];

    /// <summary>The ids of generation_config.json, else config.json; the template of the file of its own or of
    /// tokenizer_config.json.</summary>
    public static void ToGguf(string folder, JsonFile config, GgufWriter writer)
    {
        if (File.Exists(Path.Combine(folder, TokenizerJson.FileName)))
            TokenizerJson.Read(folder).Write(writer);
        else
            WithoutVocabulary(folder, config, writer);

        var template = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(template))
        {
            if (new FileInfo(template).Length is var bytes && bytes > MaxTemplateBytes)
                throw new InvalidDataException($"{template}: has {bytes} bytes; {MaxTemplateBytes} are the limit.");
            writer.AddString("tokenizer.chat_template", File.ReadAllText(template));
        }
        else if (JsonFile.OpenIfThere(Path.Combine(folder, "tokenizer_config.json")) is { } tokenizer &&
            tokenizer.TextOrNull("chat_template") is { } text)
            writer.AddString("tokenizer.chat_template", text);
    }

    private static void WithoutVocabulary(string folder, JsonFile config, GgufWriter writer)
    {
        writer.AddString("tokenizer.ggml.model", NoVocabulary);
        var generation = JsonFile.OpenIfThere(Path.Combine(folder, "generation_config.json"));
        foreach (var (key, field) in s_ids)
            if ((generation?.TokenId(field) ?? config.TokenId(field)) is { } id)
                writer.AddUInt(key, id);
    }

    /// <summary>Writes the files of a model's tokens, and returns their paths.</summary>
    public static IReadOnlyList<string> Write(Gguf gguf, string folder)
    {
        var files = new List<string>();
        var generation = Path.Combine(folder, "generation_config.json");
        AtomicFile.Write(generation, stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            WriteIds(gguf, json);
            json.WriteEndObject();
        });
        files.Add(generation);
        var template = gguf.TryGetString("tokenizer.chat_template", out var text) ? text : null;
        if (Tokenizer.Read(gguf) is { } tokenizer)
        {
            TokenizerJson.Write(folder, tokenizer, template);
            files.Add(Path.Combine(folder, TokenizerJson.FileName));
        }
        else if (template is not null)
        {
            files.Add(Path.Combine(folder, "chat_template.jinja"));
            AtomicFile.Write(files[^1], stream => stream.Write(Encoding.UTF8.GetBytes(template)));
        }

        return files;
    }

    public static void WriteIds(Gguf gguf, Utf8JsonWriter json)
    {
        foreach (var (key, field) in s_ids)
            if (gguf.TryGetUInt(key, out var id))
                json.WriteNumber(field, id);
    }
}
