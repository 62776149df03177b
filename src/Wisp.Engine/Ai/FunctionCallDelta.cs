using Microsoft.Extensions.AI;

namespace Wisp.Ai;

/// <summary>
/// A piece of a call while the model writes it, where <see cref="WispChatOptions.StreamCalls"/> asks for it. The first
/// piece of a call has its name; the pieces together are the JSON of its arguments.
/// </summary>
public sealed class FunctionCallDelta(string callId, string? name, string arguments) : AIContent
{
    public string CallId { get; } = callId;

    /// <summary>The function, in the first piece of its call; null in those after it.</summary>
    public string? Name { get; } = name;

    public string Arguments { get; } = arguments;
}
