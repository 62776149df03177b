using Wisp.Model;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// Our chat format for Ollama, which runs no Jinja: it knows a fixed list of templates by their spelling, and any other
/// model gets the bare prompt. A Modelfile gives it the same format as a Go template.
/// </summary>
/// <remarks>
/// The text is that of <see cref="ChatFormat.Template"/> but for two things that Go templates cannot do: JSON has no
/// blanks, and texts are not trimmed. Ollama finds calls by the first text after <c>.ToolCalls</c>, which therefore
/// is the tag alone.
/// </remarks>
public static class OllamaModelfile
{
    internal const string Template = """
        {{- if or .System .Tools }}<|im_start|>system
        {{ .System }}{{ if .Tools }}{{ if .System }}

        {{ end }}You may call these functions:
        <tools>{{ range .Tools }}
        {{ . }}{{ end }}
        </tools>{{ end }}<|im_end|>
        {{ end }}
        {{- $result := false }}
        {{- range $n, $m := .Messages }}
        {{- if and $result (ne .Role "tool") }}<|im_end|>
        {{ end }}
        {{- if eq .Role "user" }}<|im_start|>user
        {{ .Content }}<|im_end|>
        {{ else if eq .Role "assistant" }}<|im_start|>assistant
        {{ if .Thinking }}<think>
        {{ .Thinking }}
        </think>

        {{ end }}{{ .Content }}{{ if .Content }}{{ with .ToolCalls }}
        {{ end }}{{ end }}
        {{- if .ToolCalls }}{{ range $i, $call := .ToolCalls }}<tool_call>{{ "\n" -}}
        {"name": "{{ $call.Function.Name }}", "arguments": {{ $call.Function.Arguments }}}
        </tool_call>{{ if ne (len (slice $m.ToolCalls $i)) 1 }}
        {{ end }}{{ end }}{{ end }}<|im_end|>
        {{ else if eq .Role "tool" }}{{ if not $result }}<|im_start|>user{{ end }}
        <tool_response>
        {{ .Content }}
        </tool_response>
        {{- end }}
        {{- $result = eq .Role "tool" }}
        {{- end }}
        {{- if $result }}<|im_end|>
        {{ end }}<|im_start|>assistant

        """;

    /// <summary>What <c>ollama create NAME -f Modelfile</c> reads.</summary>
    /// <param name="from">The model's file, as Ollama is to find it.</param>
    /// <exception cref="InvalidDataException">The model has another template than ours.</exception>
    public static string Of(Gguf model, string from)
    {
        if (!model.TryGetString("tokenizer.chat_template", out var template) || template != ChatFormat.Template)
            throw new InvalidDataException(
                $"{model.Path}: its chat template is not that of our own chat models, which is the only one that is " +
                "known as a Go template.");
        if (from.AsSpan().ContainsAny('\n', '\r'))
            throw new InvalidDataException($"{from}: a Modelfile cannot name such a path. Move the model.");
        return $""""
            FROM {from}
            TEMPLATE """{Template}"""
            PARAMETER stop <|im_end|>
            PARAMETER stop <|endoftext|>

            """";
    }
}
