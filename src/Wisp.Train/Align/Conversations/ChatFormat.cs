using System.Text.Json.Nodes;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// ChatML with the tool calls of Hermes and Qwen3: the form of every conversation that our models see. The renderer and
/// the template say the same; a test holds the two together.
/// </summary>
public static class ChatFormat
{
    internal const string Start = "<|im_start|>", End = "<|im_end|>", Think = "<think>", EndThink = "</think>",
        Call = "<tool_call>", EndCall = "</tool_call>", Result = "<tool_response>", EndResult = "</tool_response>";

    internal const string ToolsBefore = "You may call these functions:\n<tools>", ToolsAfter = "\n</tools>";

    /// <summary>The same as a Jinja program, for everyone else who runs the model.</summary>
    /// <remarks>
    /// llama.cpp knows the format of the calls by the spelling of their tokens in here. Thoughts stay in what was said
    /// before: a small model gains nothing by losing its own text, and the tokens read so far stay a prefix.
    /// </remarks>
    public const string Template = """
        {%- if tools or (messages and messages[0].role == 'system') %}
            {{- '<|im_start|>system\n' }}
            {%- if messages and messages[0].role == 'system' %}
                {{- messages[0].content | trim }}
                {%- if tools %}
                    {{- '\n\n' }}
                {%- endif %}
            {%- endif %}
            {%- if tools %}
                {{- 'You may call these functions:\n<tools>' }}
                {%- for tool in tools %}
                    {{- '\n' }}
                    {{- tool | tojson }}
                {%- endfor %}
                {{- '\n</tools>' }}
            {%- endif %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
            {%- set content = (message.content or '') | trim %}
            {%- if message.role == 'system' %}
                {%- if not loop.first %}
                    {{- raise_exception('A system turn stands first.') }}
                {%- endif %}
            {%- elif message.role == 'user' %}
                {{- '<|im_start|>user\n' + content + '<|im_end|>\n' }}
            {%- elif message.role == 'assistant' %}
                {{- '<|im_start|>assistant\n' }}
                {%- if message.reasoning_content %}
                    {{- '<think>\n' + (message.reasoning_content | trim) + '\n</think>\n\n' }}
                {%- endif %}
                {{- content }}
                {%- for call in message.tool_calls or [] %}
                    {%- if content or not loop.first %}
                        {{- '\n' }}
                    {%- endif %}
                    {%- set function = call.function or call %}
                    {{- '<tool_call>\n{"name": "' + function.name + '", "arguments": ' }}
                    {%- if function.arguments is string %}
                        {{- function.arguments }}
                    {%- else %}
                        {{- function.arguments | tojson }}
                    {%- endif %}
                    {{- '}\n</tool_call>' }}
                {%- endfor %}
                {{- '<|im_end|>\n' }}
            {%- elif message.role == 'tool' %}
                {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}
                    {{- '<|im_start|>user' }}
                {%- endif %}
                {{- '\n<tool_response>\n' + content + '\n</tool_response>' }}
                {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
                    {{- '<|im_end|>\n' }}
                {%- endif %}
            {%- else %}
                {{- raise_exception('There is no role ' + message.role + '.') }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}
        """;

    /// <summary>A conversation as the messages that OpenAI and chat templates speak of.</summary>
    public static JsonArray Messages(Conversation conversation)
    {
        var messages = new JsonArray();
        foreach (var turn in conversation.Turns)
        {
            var message = new JsonObject { ["role"] = Conversation.Name(turn.Role), ["content"] = turn.Text };
            if (turn.Thought is not null)
                message["reasoning_content"] = turn.Thought;
            if (turn.Calls.Count > 0)
                message["tool_calls"] = new JsonArray([.. turn.Calls.Select(call => new JsonObject
                {
                    ["type"] = "function",
                    ["function"] = new JsonObject
                    {
                        ["name"] = call.Name, ["arguments"] = call.Arguments.DeepClone(),
                    },
                })]);
            messages.Add((JsonNode)message);
        }

        return messages;
    }
}
