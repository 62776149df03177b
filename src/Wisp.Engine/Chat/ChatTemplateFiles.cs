using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Model;

namespace Wisp.Chat;

/// <summary>
/// Finds the chat templates that come with a model: the keys tokenizer.chat_template and tokenizer.chat_template.NAME
/// of a GGUF file, and tokenizer_config.json, chat_template.jinja, chat_template.json and additional_chat_templates of
/// a Hugging Face folder.
/// </summary>
public static class ChatTemplateFiles
{
    private const string Key = "tokenizer.chat_template";
    private const string Default = "default";

    // The tokenizer_config.json of models in use stays under 2 MB, with the vocabulary's special tokens in it.
    private const int MaxBytes = 64 << 20;

    /// <param name="name">Of one among several templates; null means the default one.</param>
    /// <param name="source">A template to use instead of the file's own, with the file's tokens.</param>
    /// <returns>Null where the file has no template at all.</returns>
    /// <exception cref="InvalidDataException">There are templates, but none of this name.</exception>
    /// <exception cref="TemplateException">The template cannot be read.</exception>
    public static ChatTemplate? FromGguf(Gguf gguf, string? name = null, string? source = null)
    {
        var named = new Dictionary<string, string>();
        if (gguf.TryGetString(Key, out var own))
            named[Default] = own;
        foreach (var (key, value) in gguf.Metadata)
            if (key.StartsWith(Key + ".", StringComparison.Ordinal) && value.Type == GgufType.String)
                named[key[(Key.Length + 1)..]] = gguf.GetString(key);
        var text = source ?? Choose(named, name, gguf.Path);
        return text is null ? null : new ChatTemplate(text, Token(gguf, "bos"), Token(gguf, "eos"));
    }

    // The text of the token whose id the metadata gives.
    private static string? Token(Gguf gguf, string which)
    {
        if (!gguf.TryGetUInt($"tokenizer.ggml.{which}_token_id", out var id) ||
            !gguf.TryGetStrings("tokenizer.ggml.tokens", out var tokens))
            return null;
        return id < tokens.Length ? tokens[id] : throw new InvalidDataException(
            $"{gguf.Path}: key tokenizer.ggml.{which}_token_id is {id}, and there are {tokens.Length} tokens.");
    }

    /// <inheritdoc cref="FromGguf"/>
    /// <param name="folder">Of a model: with tokenizer_config.json in it, or one of the files for templates.</param>
    public static ChatTemplate? FromFolder(string folder, string? name = null, string? source = null)
    {
        var named = new Dictionary<string, string>();
        var path = Path.Combine(folder, "tokenizer_config.json");
        var config = ReadObject(path);
        Collect(named, config, path);
        var processor = Path.Combine(folder, "chat_template.json");
        Collect(named, ReadObject(processor), processor);
        // A file of its own wins over what the configuration says, as in transformers.
        if (ReadText(Path.Combine(folder, "chat_template.jinja")) is { } own)
            named[Default] = own;
        var more = Path.Combine(folder, "additional_chat_templates");
        if (Directory.Exists(more))
            foreach (var file in Directory.GetFiles(more, "*.jinja").Order(StringComparer.Ordinal))
                named[Path.GetFileNameWithoutExtension(file)] = ReadText(file)!;
        var text = source ?? Choose(named, name, folder);
        return text is null ? null
            : new ChatTemplate(text, Token(config, "bos_token", path), Token(config, "eos_token", path));
    }

    private static string? Choose(Dictionary<string, string> named, string? name, string place)
    {
        if (named.Count == 0)
            return null;
        if (named.TryGetValue(name ?? Default, out var text))
            return text;
        if (name is null && named.Count == 1)
            return named.Values.Single();
        throw new InvalidDataException($"{place}: has no chat template '{name ?? Default}'; there are: " +
            $"{string.Join(", ", named.Keys.Order(StringComparer.Ordinal))}.");
    }

    // One template, or a list of templates with names.
    private static void Collect(Dictionary<string, string> named, JsonObject? config, string path)
    {
        var found = config?["chat_template"];
        if (found is null)
            return;
        if (Text(found, path) is { } text)
        {
            named[Default] = text;
            return;
        }

        foreach (var item in found as JsonArray ?? [null])
        {
            if (item is not JsonObject entry || Text(entry["name"], path) is not { } name ||
                Text(entry["template"], path) is not { } template)
                throw new InvalidDataException($"{path}: field chat_template is neither a text " +
                    "nor a list of objects with the texts name and template.");
            named[name] = template;
        }
    }

    // A token stands as its text, or as an object with the text in its field content.
    private static string? Token(JsonObject? config, string field, string path) =>
        Text(config?[field], path) ?? Text((config?[field] as JsonObject)?["content"], path);

    private static string? Text(JsonNode? node, string path)
    {
        if (node is not JsonValue value || value.GetValueKind() != JsonValueKind.String)
            return null;
        try
        {
            return value.GetValue<string>();
        }
        catch (InvalidOperationException e)
        {
            // An escape may stand for half a character, which shows only now.
            throw new InvalidDataException($"{path}: {value.GetPath()} is no text: {e.Message}", e);
        }
    }

    private static string? ReadText(string path)
    {
        if (!File.Exists(path))
            return null;
        return new FileInfo(path).Length <= MaxBytes ? File.ReadAllText(path)
            : throw new InvalidDataException($"{path}: is over {MaxBytes >> 20} MB, which no chat template is.");
    }

    private static JsonObject? ReadObject(string path)
    {
        if (ReadText(path) is not { } text)
            return null;
        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(text, documentOptions: options) as JsonObject ??
                throw new InvalidDataException($"{path}: holds no JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: is no JSON: {e.Message}", e);
        }
    }
}
