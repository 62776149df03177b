namespace Wisp.Ai;

/// <summary>How a family of models writes the call of a function.</summary>
public enum ToolStyle
{
    /// <summary>Not at all, or in a way that is not known here.</summary>
    None,

    /// <summary>Hermes and Qwen: &lt;tool_call&gt;{"name": ..., "arguments": {...}}&lt;/tool_call&gt;.</summary>
    Hermes,

    /// <summary>Llama 3: {"name": ..., "parameters": {...}}, and nothing else is the answer.</summary>
    Llama,

    /// <summary>Mistral until 2024: [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...].</summary>
    MistralList,

    /// <summary>Mistral since 2025: [TOOL_CALLS]name[ARGS]{...}, once for each call.</summary>
    MistralArguments,
}

/// <summary>The tags by which answers are taken apart, and which of them a template speaks.</summary>
internal static class ToolStyles
{
    public const string Think = "<think>", EndThink = "</think>";
    public const string HermesCall = "<tool_call>", EndHermesCall = "</tool_call>";
    public const string LlamaCall = "<|python_tag|>";
    public const string MistralCall = "[TOOL_CALLS]", MistralId = "[CALL_ID]", MistralArguments = "[ARGS]";

    /// <summary>Control tokens that are part of an answer; all others have no text.</summary>
    public static IReadOnlySet<string> Tags { get; } = new HashSet<string>
    {
        Think, EndThink, HermesCall, EndHermesCall, LlamaCall, MistralCall, MistralId, MistralArguments,
    };

    /// <summary>The style that a chat template teaches its model.</summary>
    public static ToolStyle Of(string template)
    {
        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);

        if (Has(MistralCall))
            return Has(MistralArguments) ? ToolStyle.MistralArguments : ToolStyle.MistralList;
        // Arguments in XML have the same outer tag.
        if (Has("<function=") || Has("<arg_key>"))
            return ToolStyle.None;
        if (Has(HermesCall))
            return ToolStyle.Hermes;
        return Has("\"parameters\": ") && Has("{\"name\": ") ? ToolStyle.Llama : ToolStyle.None;
    }
}
