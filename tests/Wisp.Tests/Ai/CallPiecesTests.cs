using Microsoft.Extensions.AI;
using Wisp.Ai;

namespace Wisp.Tests.Ai;

/// <summary>Calls that are handed out while they are written.</summary>
public class CallPiecesTests
{
    public static TheoryData<string, string, string[]> Calls => new()
    {
        { "Hermes", "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": [1, {\"b\": \"}\"}]}}\n</tool_call>",
            ["add {\"a\": [1, {\"b\": \"}\"}]}"] },
        { "Hermes", "Well. <tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call>\n" +
            "<tool_call>{\"name\":\"sub\",\"arguments\":{\"x\":\"\\\"{\"}}</tool_call>",
            ["add {}", "sub {\"x\":\"\\\"{\"}"] },
        // Arguments before the name, or in a string: handed out when the call is whole.
        { "Hermes", "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"add\"}</tool_call>", ["add {\"a\":1}"] },
        { "Hermes", "<tool_call>{\"name\": \"add\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>",
            ["add {\"a\":1}"] },
        { "Hermes", "<tool_call>{\"name\": \"add\"}</tool_call>", ["add {}"] },
        { "Llama", "{\"name\": \"add\", \"parameters\": {\"a\": {\"name\": \"sub\"}}}",
            ["add {\"a\": {\"name\": \"sub\"}}"] },
        { "MistralList", "[TOOL_CALLS][{\"name\": \"add\", \"arguments\": {\"a\": 1}}, " +
            "{\"name\": \"sub\", \"arguments\": {\"b\": 2}}]", ["add {\"a\": 1}", "sub {\"b\": 2}"] },
        { "MistralArguments", "[TOOL_CALLS]add[ARGS]{\"a\": {\"b\": 2}}[TOOL_CALLS]sub[ARGS]{}",
            ["add {\"a\": {\"b\": 2}}", "sub {}"] },
        // Unknown to the server, and a call all the same.
        { "Hermes", "<tool_call>{\"name\": \"other\", \"arguments\": {\"a\": 1}}</tool_call>", ["other {\"a\":1}"] },
        // Cut off, or no JSON any more: what was handed out stays.
        { "Hermes", "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": \"lo", ["add {\"a\": \"lo"] },
        { "Hermes", "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": ]", ["add {\"a\": "] },
        // No call of anything.
        { "Hermes", "<tool_call>{\"name\": ", [] },
        { "Llama", "{\"answer\": 42}", [] },
    };

    [Theory, MemberData(nameof(Calls))]
    public void Pieces_add_up_to_the_calls_however_the_text_is_cut(string style, string text, string[] calls)
    {
        for (var size = 1; size <= text.Length; size = size < 8 ? size + 1 : 2 * size)
        {
            var found = new List<(string Id, string Text)>();
            var whole = new List<FunctionCallContent>();
            var said = "";
            var ids = 0;
            var parser = new AnswerParser(Enum.Parse<ToolStyle>(style), new HashSet<string> { "add", "sub" },
                thinking: false, () => $"id{ids++}")
            { StreamsCalls = true };
            for (var at = 0; at < text.Length; at += size)
                Take(parser.Push(text[at..Math.Min(text.Length, at + size)]));
            Take(parser.Finish());

            Assert.Equal(calls, found.Select(call => call.Text));
            Assert.Equal(found.Count, found.Select(call => call.Id).Distinct().Count());
            // A call that ended well has the id of its pieces.
            Assert.All(whole, call => Assert.Contains(found, piece => piece.Id == call.CallId));
            Assert.DoesNotContain("add", calls.Length > 0 ? said : "");

            void Take(IReadOnlyList<AIContent> contents)
            {
                foreach (var content in contents)
                    switch (content)
                    {
                        case FunctionCallDelta { Name: { } name } first:
                            found.Add((first.CallId, $"{name} {first.Arguments}"));
                            break;
                        case FunctionCallDelta more:
                            Assert.Equal(found[^1].Id, more.CallId);
                            found[^1] = (more.CallId, found[^1].Text + more.Arguments);
                            break;
                        case FunctionCallContent call:
                            whole.Add(call);
                            break;
                        case TextContent text:
                            said += text.Text;
                            break;
                    }
            }
        }
    }

    [Fact]
    public void Arguments_come_before_their_call_has_ended()
    {
        var parser = new AnswerParser(ToolStyle.Hermes, new HashSet<string> { "add" }, thinking: false, () => "id")
        {
            StreamsCalls = true,
        };
        Assert.Empty(parser.Push("<tool_call>{\"name\": \"add\", "));
        Assert.Equal(["add", null], parser.Push("\"arguments\": {\"a\"").Cast<FunctionCallDelta>().Select(d => d.Name));
        var more = Assert.IsType<FunctionCallDelta>(Assert.Single(parser.Push(": 12")));
        Assert.Equal(": 12", more.Arguments);
    }
}
