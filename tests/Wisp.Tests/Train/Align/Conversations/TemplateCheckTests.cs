using System.Text.Json.Nodes;
using Wisp.Chat;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;

namespace Wisp.Tests.Train.Align.Conversations;

public class TemplateCheckTests
{
    private const string Turns = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}",
        Plain = Turns + "{% if tools %}{{ tools | tojson }}{% endif %}";

    private static Conversation Talk(string system = "Be brief.") => new(
        [new(Role.System, system), new(Role.User, "Hello"), new(Role.Assistant, "Hi"), new(Role.User, "Hello")]);

    [Theory]
    [InlineData("{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}\n{% endif %}{% endfor %}",
        "drops turn 1 (system)")]
    [InlineData("{% for m in messages %}{% if m.role != 'assistant' %}{{ m.content }}\n{% endif %}{% endfor %}",
        "drops turn 3 (assistant)")]
    [InlineData("{{ messages[0].content }}{{ messages[1].content }}{{ messages[2].content }}", "drops turn 4 (user)")]
    [InlineData("{% for m in messages %}{{ m.content[:3] }}{% endfor %}", "drops turn 1 (system)")]
    [InlineData("{{ raise_exception('no system turns') }}", "refuses the conversation: template line 1: no s")]
    public void A_template_that_drops_text_is_refused(string template, string expected) => Assert.Contains(
        expected, Assert.Throws<InvalidDataException>(
            () => TemplateCheck.Require(new ChatTemplate(template), Talk())).Message);

    [Fact]
    public void A_template_without_functions_is_refused_where_there_are_some()
    {
        var tools = (JsonArray)JsonNode.Parse("[{\"function\": {\"name\": \"calculator\"}}]")!;
        var withTool = Talk() with { Tools = tools };
        TemplateCheck.Require(new ChatTemplate(Plain), withTool);
        Assert.Contains("drops the function 'calculator'", Assert.Throws<InvalidDataException>(
            () => TemplateCheck.Require(new ChatTemplate(Turns), withTool)).Message);
        var called = new Conversation([new(Role.User, "?"), new(Role.Assistant, "Well.")
        {
            Calls = [new ToolCall("calculator", [])],
        }]);
        Assert.Contains("drops turn 2 (assistant)", Assert.Throws<InvalidDataException>(
            () => TemplateCheck.Require(new ChatTemplate(Plain), called)).Message);
    }

    [Fact]
    public void Our_own_template_says_all_of_every_lesson()
    {
        var template = new ChatTemplate(ChatFormat.Template);
        foreach (var lesson in LessonBook.Read(300, 11))
            TemplateCheck.Require(template, lesson);
        TemplateCheck.Require(template, Talk("\"quoted\" <b> \\ \u2028"));
    }

    [Fact]
    public void The_model_in_the_tree_carries_it()
    {
        using var gguf = Gguf.Open(ChatRendererTests.ModelInTheTree().Replace("wisp-base", "wisp-chat"));
        Assert.True(gguf.TryGetString("tokenizer.chat_template", out var stored));
        Assert.Equal(ChatFormat.Template, stored);
    }

    // What Python's jinja2 3.1.6 and @huggingface/jinja 0.5, which node-llama-cpp runs, make of it.
    [Theory]
    [InlineData("""[{"role": "user", "content": "Hello there"}]""", null,
        "<|im_start|>user\nHello there<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("""
        [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "  Hello \n\n"},
        {"role": "assistant", "content": "\n Hi! \t"}, {"role": "user", "content": "naïve 😀 日本語 <b> \"q\" \\"}]
        """, null, """
        <|im_start|>system
        Be brief.<|im_end|>
        <|im_start|>user
        Hello<|im_end|>
        <|im_start|>assistant
        Hi!<|im_end|>
        <|im_start|>user
        naïve 😀 日本語 <b> "q" \<|im_end|>
        <|im_start|>assistant

        """)]
    [InlineData("""
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 3, and \"7*6\"?"},
        {"role": "assistant", "content": "Let me see.", "reasoning_content": " Two sums. ", "tool_calls":
        [{"type": "function", "function": {"name": "calculator", "arguments": {"expression": "2 + 3"}}},
        {"type": "function", "function": {"name": "calculator", "arguments": "{\"expression\": \"7*6\"}"}}]},
        {"role": "tool", "content": "5\n"}, {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "5 and 42."}, {"role": "user", "content": "Thanks"}]
        """, """
        [{"type": "function", "function": {"name": "calculator", "description": "Works out \"sums\", ünd <so> on.",
        "parameters": {"type": "object", "required": ["expression"]}}}]
        """, """
        <|im_start|>system
        Be brief.

        You may call these functions:
        <tools>
        {"type": "function", "function": {"name": "calculator", "description": "Works out \"sums\", ünd <so> on.", §
        "parameters": {"type": "object", "required": ["expression"]}}}
        </tools><|im_end|>
        <|im_start|>user
        What is 2 + 3, and "7*6"?<|im_end|>
        <|im_start|>assistant
        <think>
        Two sums.
        </think>

        Let me see.
        <tool_call>
        {"name": "calculator", "arguments": {"expression": "2 + 3"}}
        </tool_call>
        <tool_call>
        {"name": "calculator", "arguments": {"expression": "7*6"}}
        </tool_call><|im_end|>
        <|im_start|>user
        <tool_response>
        5
        </tool_response>
        <tool_response>
        42
        </tool_response><|im_end|>
        <|im_start|>assistant
        5 and 42.<|im_end|>
        <|im_start|>user
        Thanks<|im_end|>
        <|im_start|>assistant

        """)]
    [InlineData("""[{"role": "user", "content": "?"}, {"role": "system", "content": "late"}]""", null,
        "A system turn stands first.")]
    [InlineData("""[{"role": "critic", "content": "?"}]""", null, "There is no role critic.")]
    public void Other_implementations_of_Jinja_make_the_same_text(string messages, string? tools, string expected)
    {
        string rendered;
        try
        {
            rendered = new ChatTemplate(ChatFormat.Template).Render(
                (JsonArray)JsonNode.Parse(messages)!, (JsonArray?)JsonNode.Parse(tools ?? "null"), true, null, default);
        }
        catch (TemplateException e)
        {
            rendered = e.Message.Split(": ", 2)[1]; // where in the template is ours alone
        }

        Assert.StartsWith(expected.Replace("§\n", ""), rendered); // § breaks a line that is too long for this page
    }

    private static string? Dropped(string source) => TemplateCheck.Dropped(new ChatTemplate(source));

    [Fact]
    public void Our_own_template_drops_nothing() => Assert.Null(Dropped(ChatFormat.Template));

    [Theory]
    [InlineData("{% for m in messages %}{{ m.content }}{% endfor %}", null)]
    [InlineData("{% for m in messages[1:] %}{{ m.content }}{% endfor %}", "turn 1 (system)")]
    [InlineData("{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
        "turn 1 (system)")]
    [InlineData("{{ messages[0].content }}{{ messages[-1].content }}", "turn 2 (user)")]
    // Refusing a system turn is said aloud; what comes without one is shown.
    [InlineData("{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" +
        "{% for m in messages %}{{ m.content }}{% endfor %}", null)]
    [InlineData("{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" +
        "{{ messages[-1].content }}", "turn 1 (user)")]
    [InlineData("{{ raise_exception('never') }}", "every conversation")]
    public void What_a_template_drops_is_named(string source, string? expected)
    {
        if (expected is null)
            Assert.Null(Dropped(source));
        else
            Assert.Contains(expected, Dropped(source));
    }
}
