using System.Security.Cryptography;
using System.Text;
using Wisp.Model;
using Wisp.Train.Data;

namespace Wisp.Train;

/// <summary>A tokenizer alone, as a GGUF file without tensors: what llama.cpp calls a vocab-only model.</summary>
public static class TokenizerFile
{
    public const string FileName = "tokenizer.gguf";

    public static void Write(string path, Tokenizer tokenizer) =>
        ModelFile.AddTokenizer(new GgufWriter().AddString("general.architecture", Architecture.Qwen3.Name),
            tokenizer).Write(path);

    /// <summary>The tokenizer of a tokenizer file or of any model file.</summary>
    public static Tokenizer Open(string path)
    {
        using var gguf = Gguf.Open(path);
        return ModelFile.ReadTokenizer(gguf) ?? throw new InvalidDataException($"{path}: holds no tokenizer.");
    }

    /// <summary>The vocabulary as the token files know it.</summary>
    public static TokenVocabulary VocabularyOf(Tokenizer tokenizer)
    {
        var text = new StringBuilder(tokenizer.Pre);
        foreach (var token in tokenizer.Tokens)
            text.Append('\n').Append(token);
        foreach (var merge in tokenizer.Merges)
            text.Append('\n').Append(merge);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
        return new TokenVocabulary(
            tokenizer.VocabularySize, tokenizer.EndOfText, hash, (utf8, ids) => tokenizer.Encode(utf8, ids));
    }
}
