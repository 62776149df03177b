using Wisp.Memory;
using Wisp.Model;

namespace Wisp.Kernel.Cores;

/// <summary>
/// ChatML part by part, as <see cref="Ai.ChatMl"/> writes whole conversations; plain names and colons where the
/// vocabulary lacks its control tokens. What is quoted never becomes a control token.
/// </summary>
public static class ChatCodec
{
    private const string Start = "<|im_start|>", End = "<|im_end|>";

    public static PromptCodec Of(Tokenizer tokenizer)
    {
        int start = tokenizer.IdOf(Start), end = tokenizer.IdOf(End);
        if (start < 0 || end < 0)
            return new PromptCodec((role, text) => Plain($"{Name(role)}: {text}\n"), Plain("assistant: "), Plain("\n"));

        int open = tokenizer.IdOf("<tool_response>"), close = tokenizer.IdOf("</tool_response>");
        return new PromptCodec(Encode, [start, .. Plain("assistant\n")], [end, .. Plain("\n")]);

        int[] Encode(PromptRole role, string text) => role == PromptRole.Tool
            ? [start, .. Plain("user\n"), .. Tag(open, "<tool_response>"), .. Plain($"\n{text}\n"),
                .. Tag(close, "</tool_response>"), end, .. Plain("\n")]
            : [start, .. Plain($"{Name(role)}\n{text}"), end, .. Plain("\n")];

        int[] Tag(int id, string spelling) => id >= 0 ? [id] : Plain(spelling);

        int[] Plain(string text) => [.. tokenizer.Encode(text)];
    }

    /// <summary>The tokens that end a turn.</summary>
    public static IEnumerable<int> Ends(Tokenizer tokenizer) =>
        new[] { tokenizer.IdOf(End), tokenizer.EndOfText }.Where(id => id >= 0);

    private static string Name(PromptRole role) => role switch
    {
        PromptRole.System => "system",
        PromptRole.Assistant => "assistant",
        PromptRole.Tool => "tool",
        _ => "user",
    };
}
