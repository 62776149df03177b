using System.Text.Json;

namespace Wisp.Model;

/// <summary>
/// The tokenizer of a Hugging Face folder: tokenizer.json, with tokenizer_config.json, special_tokens_map.json,
/// generation_config.json and config.json for what it does not say. It is read into the same tokenizers as a GGUF file,
/// and written so that reading gives back every pair that a GGUF file had.
/// </summary>
/// <remarks>
/// As llama.cpp's converter does, reading leaves Unicode normalisation form C away. What the files cannot say stands in
/// tokenizer_config.json under <see cref="OwnKey"/>.
/// </remarks>
public static class TokenizerJson
{
    public const string FileName = "tokenizer.json";

    public const string ConfigName = "tokenizer_config.json";

    /// <summary>The pairs of a GGUF file that differ from what the rest of the folder says, and those it
    /// lacks.</summary>
    public const string OwnKey = "wisp_gguf";

    /// <exception cref="InvalidDataException">A file is missing or damaged, or needs what is not supported.</exception>
    public static Tokenizer Read(string folder)
    {
        var tokenizer = JsonPart.Open(Path.Combine(folder, FileName));
        if (!tokenizer.Exists)
            throw new InvalidDataException(
                $"{folder}: has no {FileName}. A tokenizer.model or vocab.json alone cannot be read; save the " +
                "tokenizer with a fast tokenizer of Hugging Face.");
        return Of(tokenizer, JsonPart.Open(Path.Combine(folder, ConfigName)), new TokenizerJsonSides(
            JsonPart.Open(Path.Combine(folder, "special_tokens_map.json")),
            JsonPart.Open(Path.Combine(folder, "generation_config.json")),
            JsonPart.Open(Path.Combine(folder, "config.json"))));
    }

    /// <param name="chatTemplate">Goes into tokenizer_config.json, where Hugging Face looks for it.</param>
    public static void Write(string folder, Tokenizer tokenizer, string? chatTemplate = null)
    {
        var (json, config) = Bytes(tokenizer.Vocabulary, chatTemplate);
        AtomicFile.Write(Path.Combine(folder, FileName), stream => stream.Write(json), json.Length);
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(config), config.Length);
    }

    internal static Tokenizer Of(JsonPart tokenizer, JsonPart config, TokenizerJsonSides sides)
    {
        var vocabulary = OwnPairs.Apply(new TokenizerJsonReader(tokenizer, config, sides).Read(), config[OwnKey]);
        try
        {
            return Tokenizer.Of(vocabulary);
        }
        catch (InvalidDataException e)
        {
            throw tokenizer.Refusal(e.Message);
        }
    }

    /// <summary>Both files: tokenizer.json and tokenizer_config.json.</summary>
    internal static (byte[] Json, byte[] Config) Bytes(Vocabulary vocabulary, string? chatTemplate)
    {
        var json = Written(writer => TokenizerJsonWriter.Write(writer, vocabulary));
        var config = Written(writer => Config(writer, null));
        // What the files say by themselves shows what has to be said besides.
        var said = new TokenizerJsonReader(
            JsonPart.Parse(json, FileName), JsonPart.Parse(config, ConfigName), default).Read();
        return (json, Written(writer => Config(writer, said)));

        void Config(Utf8JsonWriter writer, Vocabulary? known)
        {
            writer.WriteStartObject();
            TokenizerJsonWriter.WriteConfig(writer, vocabulary);
            if (chatTemplate is not null)
                writer.WriteString("chat_template", chatTemplate);
            if (known is not null)
                OwnPairs.Write(writer, vocabulary, known);
            writer.WriteEndObject();
        }
    }

    private static byte[] Written(Action<Utf8JsonWriter> write)
    {
        var stream = new MemoryStream();
        var options = new JsonWriterOptions
        {
            Indented = true,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // a file, not a web page
        };
        using (var writer = new Utf8JsonWriter(stream, options))
            write(writer);
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}

/// <summary>The smaller files beside a tokenizer.json.</summary>
internal readonly record struct TokenizerJsonSides(JsonPart SpecialTokens, JsonPart Generation, JsonPart Model);
