using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;

namespace Wisp.Tests.Train.Align;

public class AnswerCheckTests
{
    private static readonly Tokenizer s_tokenizer = TinyModel.Tokenizer();

    private static int[] Ids(string text) => s_tokenizer.Encode(text, parseSpecial: true);

    [Theory]
    [InlineData("Hello.", null)]
    [InlineData("<think>\nHm.\n</think>\n\nHello.<tool_call>\n{}\n</tool_call>", null)]
    [InlineData("Hello.<|im_start|>user", "<|im_start|>")]
    [InlineData("Hello.<|endoftext|>", "<|endoftext|>")]
    [InlineData("Hello.</tool_call>", "</tool_call>")]
    [InlineData("<tool_call>\n{}", "</tool_call>")]
    [InlineData("<tool_call><think></think></tool_call>", "<think>")]
    [InlineData("<tool_response>", "<tool_response>")]
    public void A_control_token_is_stray_where_it_does_not_belong(string answer, string? stray) =>
        Assert.Equal(stray, AnswerCheck.Stray(Ids(answer), s_tokenizer));

    [Theory]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>", true)]
    [InlineData("So: <tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call> and <tool_call>", true)]
    [InlineData("{\"name\": \"f\", \"arguments\": {}}", false)]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": {}}", false)]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": []}</tool_call>", false)]
    [InlineData("<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>", false)]
    [InlineData("<tool_call>{\"name\": \"f\"</tool_call>", false)]
    [InlineData("</tool_call><tool_call>", false)]
    public void A_call_is_one_that_a_program_can_read(string answer, bool isCall) =>
        Assert.Equal(isCall, AnswerCheck.CallIn(Ids(answer), s_tokenizer) is { Name: "f" });

    [Fact]
    public void Lessons_are_whole_conversations_and_come_from_their_seed()
    {
        var lessons = LessonBook.Read(300, seed: 1).ToList();
        var renderer = new ChatRenderer(s_tokenizer);
        foreach (var lesson in lessons)
        {
            lesson.Validated("lesson");
            Assert.Equal(Role.Assistant, lesson.Turns[^1].Role);
            Assert.DoesNotContain(lesson.Turns, turn => turn.Text.Contains('{'));
            for (var i = 0; i < lesson.Turns.Count; i++)
                if (lesson.Turns[i].Calls is [var call])
                    Assert.Equal(Value(call.Arguments["expression"]!.GetValue<string>()),
                        decimal.Parse(lesson.Turns[i + 1].Text));
        }

        Assert.Contains(lessons, lesson => lesson.Tools is null);
        Assert.Equal(lessons.Take(20).Select(l => string.Join(' ', renderer.Render(l).Ids)),
            LessonBook.Read(20, seed: 1).Select(l => string.Join(' ', renderer.Render(l).Ids)));
        Assert.NotEqual(renderer.Render(lessons[0]).Ids, renderer.Render(LessonBook.Read(1, seed: 2).Single()).Ids);
    }

    // Left to right, but products and quotients first: what the lessons' expressions need.
    private static decimal Value(string expression)
    {
        var parts = expression.Split(' ');
        var terms = new List<decimal> { decimal.Parse(parts[0]) };
        for (var i = 1; i < parts.Length; i += 2)
        {
            var number = decimal.Parse(parts[i + 1]);
            switch (parts[i])
            {
                case "*":
                    terms[^1] *= number;
                    break;
                case "/":
                    terms[^1] /= number;
                    break;
                default:
                    terms.Add(parts[i] == "-" ? -number : number);
                    break;
            }
        }

        return terms.Sum();
    }
}
