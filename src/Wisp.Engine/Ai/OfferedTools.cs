using Microsoft.Extensions.AI;

namespace Wisp.Ai;

/// <summary>The functions of a request, and whether one must be called.</summary>
/// <param name="Shown">Those that the template tells of.</param>
/// <param name="Callable">Those that may be called; the same, or the one that must be.</param>
internal sealed record OfferedTools(
    IReadOnlyList<AIFunctionDeclaration> Shown, IReadOnlyList<AIFunctionDeclaration> Callable, bool Required)
{
    /// <exception cref="ArgumentException">A name stands twice, or the required function is not there.</exception>
    /// <exception cref="NotSupportedException">The model calls no functions, or a tool is none.</exception>
    public static OfferedTools Of(ChatOptions asked, ToolStyle style)
    {
        var functions = new List<AIFunctionDeclaration>();
        foreach (var tool in asked.Tools ?? [])
        {
            if (tool is not AIFunctionDeclaration function)
                throw new NotSupportedException($"ChatOptions.Tools holds a {tool?.GetType().Name ?? "null"}; " +
                    "functions (AIFunctionDeclaration) can be called here and nothing else.");
            if (function.Name.Length == 0
                || (style == ToolStyle.MistralArguments && !AnswerParser.IsName(function.Name)))
                throw new ArgumentException($"ChatOptions.Tools holds a function of the name '{function.Name}', " +
                    "which this model could not write. Letters, digits, _ and - are safe.");
            if (functions.Exists(other => other.Name == function.Name))
                throw new ArgumentException($"ChatOptions.Tools holds two functions of the name '{function.Name}'. " +
                    "Give one of them another.");
            functions.Add(function);
        }

        if (asked.ToolMode is NoneChatToolMode || (functions.Count == 0 && asked.ToolMode is not RequiredChatToolMode))
            return new OfferedTools([], [], false);
        if (style == ToolStyle.None)
            throw new NotSupportedException("ChatOptions.Tools is set, and the chat template of this model tells of " +
                "no functions in a way that is known here (Hermes and Qwen, Llama 3, Mistral). Give another template " +
                $"in {nameof(ChatClientOptions)}.{nameof(ChatClientOptions.Template)}, such as ChatMl.Template.");
        switch (asked.ToolMode)
        {
            case null or AutoChatToolMode:
                return new OfferedTools(functions, functions, false);
            case RequiredChatToolMode when functions.Count == 0:
                throw new ArgumentException("ChatOptions.ToolMode requires a call, and ChatOptions.Tools is empty.");
            case RequiredChatToolMode { RequiredFunctionName: null }:
                return new OfferedTools(functions, functions, true);
            case RequiredChatToolMode { RequiredFunctionName: var name }:
                return new OfferedTools(functions, [functions.Find(function => function.Name == name)
                    ?? throw new ArgumentException($"ChatOptions.ToolMode requires the function '{name}'; " +
                        $"ChatOptions.Tools holds {string.Join(", ", functions.Select(f => f.Name))}.")], true);
            default:
                throw new NotSupportedException($"ChatOptions.ToolMode is a {asked.ToolMode.GetType().Name}; there " +
                    "are Auto, None, RequireAny and RequireSpecific.");
        }
    }
}
