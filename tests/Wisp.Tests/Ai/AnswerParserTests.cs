using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;

namespace Wisp.Tests.Ai;

public class AnswerParserTests
{
    private static readonly HashSet<string> s_functions = ["f", "get_weather"];

    /// <summary>The parts of an answer in one line: s is said, t thought, c called.</summary>
    private static string Read(string style, string text, Func<int, int> piece, bool thinking = false)
    {
        var parser = new AnswerParser(Enum.Parse<ToolStyle>(style), s_functions, thinking, () => "id");
        var parts = new List<AIContent>();
        for (var at = 0; at < text.Length;)
        {
            var count = Math.Clamp(piece(at), 1, text.Length - at);
            parts.AddRange(parser.Push(text.Substring(at, count)));
            at += count;
        }

        parts.AddRange(parser.Finish());
        var shown = "";
        var last = ' ';
        foreach (var part in parts)
        {
            var (kind, content) = part switch
            {
                TextReasoningContent thought => ('t', thought.Text),
                TextContent said => ('s', said.Text),
                FunctionCallContent call => ('c', call.Name + JsonSerializer.Serialize(call.Arguments)),
                _ => throw new InvalidOperationException(part.GetType().Name),
            };
            Assert.NotEqual("", content);
            shown += kind == last && kind != 'c' ? content : $"{(shown.Length > 0 ? "|" : "")}{kind}:{content}";
            last = kind;
        }

        return shown;
    }

    [Theory]
    [InlineData("None", "", "")]
    [InlineData("None", "Hello there.\n", "s:Hello there.\n")]
    [InlineData("None", " \n <b>", "s: \n <b>")]
    [InlineData("None", "<think>\nWell,\nso.\n</think>\n\nYes.", "t:Well,\nso.|s:Yes.")]
    [InlineData("None", "<think>\n\n</think>\n\nYes.", "s:Yes.")]
    [InlineData("None", "<think>It goes on", "t:It goes on")]
    [InlineData("None", "<think>a</thin", "t:a</thin")]
    [InlineData("None", "<thinker> is a word", "s:<thinker> is a word")]
    [InlineData("None", "<thi", "s:<thi")]
    [InlineData("None", "A <think>b</think>", "s:A <think>b</think>")]
    [InlineData("None", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
        "s:<tool_call>\n{\"name\": \"f\"}\n</tool_call>")]
    [InlineData("Hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "c:f{\"a\":1}")]
    [InlineData("Hermes", "Sure. \n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n", "s:Sure.|c:f{}")]
    [InlineData("Hermes", "<think>x</think><tool_call>{\"name\":\"f\"}</tool_call>", "t:x|c:f{}")]
    [InlineData("Hermes", "<tool_call>{\"name\":\"f\"}</tool_call>\n<tool_call>{\"name\":\"g\"}</tool_call> ok",
        "c:f{}|c:g{}|s:ok")]
    [InlineData("Hermes", "<tool_call>{\"name\":\"f\",\"arguments\":{\"t\":\"}</tool_call>\\\"{\"}}</tool_call>",
        "c:f{\"t\":\"}\\u003C/tool_call\\u003E\\u0022{\"}")]
    [InlineData("Hermes", "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":null}\"}", "c:f{\"a\":null}")]
    [InlineData("Hermes", "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}", "s:<tool_call>{\"name\":\"f\"," +
        "\"arguments\":{\"a\":1}")]
    [InlineData("Hermes", "a <tool_call>no JSON</tool_call>", "s:a <tool_call>no JSON</tool_call>")]
    [InlineData("Hermes", "<tool_call>{\"name\":3}</tool_call>", "s:<tool_call>{\"name\":3}</tool_call>")]
    [InlineData("Hermes", "<tool_call>{\"name\":\"\\ud800\"}", "s:<tool_call>{\"name\":\"\\ud800\"}")]
    [InlineData("Hermes", "<tool_call>{x<tool_call>{\"name\":\"f\"}</tool_call>", "s:<tool_call>{x|c:f{}")]
    [InlineData("Hermes", "1 < 2 <tool", "s:1 < 2 <tool")]
    [InlineData("Hermes", "<tool_call>", "s:<tool_call>")]
    [InlineData("Llama", "{\"name\": \"f\", \"parameters\": {\"a\": [1, {}]}}", "c:f{\"a\":[1,{}]}")]
    [InlineData("Llama", "<|python_tag|>{\"name\":\"f\"}; {\"name\":\"f\"}", "c:f{}|c:f{}")]
    [InlineData("Llama", "\n{\"name\": \"unknown\", \"parameters\": {}}",
        "s:\n{\"name\": \"unknown\", \"parameters\": {}}")]
    [InlineData("Llama", "{\"answer\": 42} or so", "s:{\"answer\": 42} or so")]
    [InlineData("Llama", "It is {\"name\": \"f\"}", "s:It is {\"name\": \"f\"}")]
    [InlineData("Llama", "<|python_tag|>print(1)", "s:<|python_tag|>print(1)")]
    [InlineData("MistralList", "[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{\"a\":1}},{\"name\":\"g\"}]",
        "c:f{\"a\":1}|c:g{}")]
    [InlineData("MistralList", "[TOOL_CALLS] [{\"name\":\"f\"},3]", "s:[TOOL_CALLS] [{\"name\":\"f\"},3]")]
    [InlineData("MistralArguments", "[TOOL_CALLS]f[ARGS]{\"a\":1}[TOOL_CALLS]get_weather[ARGS]{}",
        "c:f{\"a\":1}|c:get_weather{}")]
    [InlineData("MistralArguments", "[TOOL_CALLS]f[CALL_ID]abc123xyz[ARGS] {\"a\":1}", "c:f{\"a\":1}")]
    [InlineData("MistralArguments", "[TOOL_CALLS]two words[ARGS]{}", "s:[TOOL_CALLS]two words[ARGS]{}")]
    [InlineData("MistralArguments", "[TOOL_CALLS]f,g[ARGS]{}", "s:[TOOL_CALLS]f,g[ARGS]{}")]
    [InlineData("MistralArguments", "[TOOL_CALLS]f[ARGS][1]", "s:[TOOL_CALLS]f[ARGS][1]")]
    public void An_answer_falls_into_its_parts_however_it_is_cut(string style, string text, string expected)
    {
        Assert.Equal(expected, Read(style, text, _ => text.Length));
        Assert.Equal(expected, Read(style, text, _ => 1));
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            Assert.Equal(expected, Read(style, text, _ => random.Next(1, 9)));
        }
    }

    [Theory]
    [InlineData("\nSo.\n</think>\n\nYes.", "t:So.|s:Yes.")]
    [InlineData("</think>Yes.", "s:Yes.")]
    [InlineData("no end", "t:no end")]
    public void Thoughts_that_the_prompt_began_end_at_their_tag(string text, string expected)
    {
        Assert.Equal(expected, Read("None", text, _ => text.Length, thinking: true));
        Assert.Equal(expected, Read("None", text, _ => 1, thinking: true));
    }

    [Theory]
    [InlineData("Hermes", 3), InlineData("Llama", 4), InlineData("MistralList", 5), InlineData("MistralArguments", 6)]
    public void Any_heap_of_tags_is_read_the_same_in_all_pieces_and_no_text_is_lost(string style, int seed)
    {
        string[] scraps =
        [
            "<tool_call>", "</tool_call>", "<think>", "</think>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "{", "}",
            "[", "]", "\"", "\\", "{\"name\":\"f\"", ",\"arguments\":{}", ",\"parameters\":{\"a\":\"<tool_call>\"}",
            "f", " ", "\n", ";", "<", "x", "é\U0001F600", "{\"name\":\"f\",\"arguments\":{\"b\":[true]}}",
        ];
        var random = new Random(seed);
        var calls = 0;
        for (var round = 0; round < 3000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 14))
                .Select(_ => scraps[random.Next(scraps.Length)]));
            var whole = Read(style, text, _ => text.Length);
            Assert.Equal(whole, Read(style, text, _ => 1));
            Assert.Equal(whole, Read(style, text, _ => random.Next(1, 7)));
            if (whole.Contains("c:", StringComparison.Ordinal))
                calls++;
            else if (!text.Contains("<think>", StringComparison.Ordinal))
                Assert.Equal("s:" + text, whole);
        }

        Assert.True(calls > 20, $"only {calls} rounds held a call");
    }
}
