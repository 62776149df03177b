namespace Wisp.Ai;

/// <summary>
/// ChatML as a template, for models that come without one: each message between &lt;|im_start|&gt; and
/// &lt;|im_end|&gt;, calls of functions as Hermes and Qwen write them. A model that was never trained on chats answers
/// to it as it can.
/// </summary>
public static class ChatMl
{
    /// <summary>For <see cref="ChatClientOptions.Template"/>.</summary>
    public const string Template = """
        {%- set has_system = messages[0].role == 'system' %}
        {%- if tools or has_system %}
            {{- '<|im_start|>system\n' }}
            {%- if has_system %}
                {{- messages[0].content }}
            {%- endif %}
            {%- if tools %}
                {{- '\n\n' if has_system else '' }}
                {{- 'These functions can be called:\n<tools>' }}
                {%- for tool in tools %}
                    {{- '\n' + tool | tojson }}
                {%- endfor %}
                {{- '\n</tools>\nTo call one, answer with its name and its arguments in JSON, each call like this:\n' }}
                {{- '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>' }}
            {%- endif %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
            {%- if message.role == 'tool' %}
                {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}
                    {{- '<|im_start|>user' }}
                {%- endif %}
                {{- '\n<tool_response>\n' + message.content + '\n</tool_response>' }}
                {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
                    {{- '<|im_end|>\n' }}
                {%- endif %}
            {%- elif not (loop.first and has_system) %}
                {{- '<|im_start|>' + message.role + '\n' + message.content }}
                {%- for call in message.tool_calls or [] %}
                    {{- '\n' if message.content or not loop.first else '' }}
                    {{- '<tool_call>\n{"name": ' + call.function.name | tojson }}
                    {{- ', "arguments": ' + call.function.arguments | tojson + '}\n</tool_call>' }}
                {%- endfor %}
                {{- '<|im_end|>\n' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}
        """;
}
