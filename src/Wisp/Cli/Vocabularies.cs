using Wisp.Model;

namespace Wisp.Cli;

/// <summary>From what a person calls a model to its tokenizer alone, without the weights.</summary>
internal static class Vocabularies
{
    /// <summary>The tokenizer of a GGUF file, with or without tensors, or of a Hugging Face folder.</summary>
    public static Tokenizer Open(string? name)
    {
        if (name is not null && File.Exists(Path.Combine(name, TokenizerJson.FileName)))
            return TokenizerJson.Read(name);
        var path = Models.Find(name);
        using var gguf = Gguf.Open(path);
        return Tokenizer.Read(gguf) ?? throw new UserException($"{path}: holds no tokenizer.");
    }
}
