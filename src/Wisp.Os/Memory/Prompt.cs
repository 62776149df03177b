namespace Wisp.Memory;

/// <summary>Who speaks in a part of a prompt.</summary>
public enum PromptRole
{
    System,
    User,
    Assistant,

    /// <summary>The result of a call.</summary>
    Tool,
}

/// <summary>
/// One part of what a model reads. Its tokens are made once, when it is made, so an unchanged part never changes the
/// tokens of a prompt.
/// </summary>
public sealed record PromptPart(PromptRole Role, string Text, ReadOnlyMemory<int> Tokens);

/// <summary>A result that goes back to the model, with what asked for it.</summary>
public sealed record CallResult(Kernel.Syscall Call, Kernel.SysResult Result);

/// <summary>How a model's texts become tokens.</summary>
/// <param name="Encode">A whole part, with all that stands around its text.</param>
/// <param name="Opening">What stands before an answer of the model.</param>
/// <param name="Closing">What stands after it.</param>
public sealed record PromptCodec(Func<PromptRole, string, int[]> Encode, int[] Opening, int[] Closing)
{
    /// <summary>An answer as a part, with the very tokens that the model wrote: encoding it again could cut it
    /// differently.</summary>
    public PromptPart Answer(string text, ReadOnlySpan<int> written) =>
        new(PromptRole.Assistant, text, (int[])[.. Opening, .. written, .. Closing]);

    public PromptPart Part(PromptRole role, string text) => new(role, text, Encode(role, text));
}
