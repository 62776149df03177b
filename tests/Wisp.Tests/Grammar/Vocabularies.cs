using System.Text;
using Wisp.Grammar;
using Wisp.Model;

namespace Wisp.Tests.Grammar;

/// <summary>Vocabularies of GGUF files as a grammar sees them: bytes by id, and ends.</summary>
internal static class Vocabularies
{
    private static readonly string[] s_ends =
        ["<|endoftext|>", "<|im_end|>", "</s>", "<|end|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>"];

    /// <param name="withSpecial">
    /// Gives control tokens the bytes of their text, as llama.cpp's grammars see them.
    /// </param>
    public static TokenTrie Read(string path, bool withSpecial, bool lenient)
    {
        using var gguf = Gguf.Open(path);
        var tokens = gguf.GetStrings("tokenizer.ggml.tokens");
        var types = gguf.GetInts("tokenizer.ggml.token_type");
        var byByte = gguf.GetString("tokenizer.ggml.model") == "gpt2";
        var pieces = tokens.Select((token, id) => Piece(token, types[id], byByte, withSpecial)).ToArray();
        var end = gguf.TryGetUInt("tokenizer.ggml.eos_token_id", out var id) ? (int)id : -1;
        var ends = Enumerable.Range(0, pieces.Length).Where(token => token == end || s_ends.Contains(tokens[token]));
        return new TokenTrie(pieces, ends, lenient);
    }

    private static byte[] Piece(string token, int type, bool byByte, bool withSpecial)
    {
        if (type is (int)TokenType.Control or (int)TokenType.Unknown)
            return withSpecial ? Encoding.UTF8.GetBytes(token) : [];
        if (!byByte && type == (int)TokenType.Byte)
            return [Convert.ToByte(token[3..5], 16)];
        var bytes = new byte[Encoding.UTF8.GetByteCount(token)];
        if (byByte && type == (int)TokenType.Normal && ByteText.TryDecode(bytes, token))
            return bytes[..token.Length];
        return Encoding.UTF8.GetBytes(byByte ? token : token.Replace('\u2581', ' '));
    }
}
