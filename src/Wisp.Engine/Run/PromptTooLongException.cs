namespace Wisp.Run;

/// <summary>A prompt that does not fit the context; the message has both numbers.</summary>
public sealed class PromptTooLongException(string message) : ArgumentException(message);
