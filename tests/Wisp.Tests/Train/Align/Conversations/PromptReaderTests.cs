using System.Text;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;

namespace Wisp.Tests.Train.Align.Conversations;

public sealed class PromptReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private List<Conversation> Read(string name, string text) =>
        [.. PromptReader.Read(_folder.Put(name, Encoding.UTF8.GetBytes(text)))];

    private static string Show(Conversation prompt) => string.Join(" | ", prompt.Turns.Select(
        turn => $"{Conversation.Name(turn.Role)}: {turn.Text}"));

    [Fact]
    public void A_text_file_has_a_prompt_a_line() => Assert.Equal(
        ["user: One", "user: zwei – 2", "user: {\"prompt\": \"3\"}"],
        Read("p.txt", "\uFEFFOne\r\n\n  zwei – 2 \n{\"prompt\": \"3\"}").Select(Show));

    [Theory]
    [InlineData("""{"prompt": "U"}""", "user: U")]
    [InlineData("""{"prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}""",
        "system: S | user: U")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}]}""", "user: U")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]}""",
        "user: U")]
    [InlineData("""{"conversations": [{"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]}""", "user: U")]
    [InlineData("""{"instruction": "I", "input": "N"}""", "user: I\n\nN")]
    [InlineData("""{"instruction": "I", "output": "O"}""", "user: I")]
    [InlineData("""{"prompt": "U", "chosen": "A", "rejected": "B"}""", "user: U")]
    public void Every_shape_is_read_without_its_answer(string record, string expected)
    {
        Assert.Equal(expected, Show(Assert.Single(Read("p.jsonl", record))));
        Assert.Equal([expected, expected], Read("p.json", $"[{record}, {record}]").Select(Show));
    }

    [Fact]
    public void A_call_that_has_its_result_wants_an_answer()
    {
        const string Line = """
            {"tools": [{"function": {"name": "f"}}], "messages": [{"role": "user", "content": "U"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
            {"role": "tool", "content": "3"}]}
            """;
        var prompt = Assert.Single(Read("p.jsonl", Line.ReplaceLineEndings(" ")));
        Assert.Equal(("user: U | assistant:  | tool: 3", 1), (Show(prompt), prompt.Tools!.Count));
    }

    [Theory]
    [InlineData("p.jsonl", "{\"prompt\": \"U\"}\n{\"prompt\": \" \"}", "p.jsonl:2: turn 1 (user) is empty")]
    [InlineData("p.jsonl", "{\"prompt\": 7}", "p.jsonl:1: field 'prompt' is a JSON Number")]
    [InlineData("p.jsonl", "{\"text\": \"U\"}", "p.jsonl:1: no conversation: the fields are text")]
    [InlineData("p.jsonl", "{\"prompt\": []}", "p.jsonl:1: a conversation without turns")]
    [InlineData("p.jsonl", "{\"prompt\": [{\"role\": \"system\", \"content\": \"S\"}]}", "does not end with a turn")]
    [InlineData("p.jsonl", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"A\"}]}",
        "p.jsonl:1: a conversation without turns")]
    [InlineData("p.jsonl", "Hello\n", "p.jsonl:1: not a line of JSON")]
    [InlineData("p.csv", "a,b", "come as .jsonl")]
    public void A_fault_names_the_file_and_the_line(string name, string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Read(name, text)).Message);

    [Fact]
    public void Half_a_character_is_no_text()
    {
        var path = _folder.Put("p.txt", [.. "good\n"u8, 0xC3, (byte)'\n']);
        Assert.Contains($"{path}:2: is not UTF-8 text", Assert.Throws<InvalidDataException>(
            () => PromptReader.Read(path).ToList()).Message);
    }
}
