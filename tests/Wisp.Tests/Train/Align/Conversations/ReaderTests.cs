using System.IO.Compression;
using System.Text;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;

namespace Wisp.Tests.Train.Align.Conversations;

public sealed class ReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Put(string name, string text) => _folder.Put(name, Encoding.UTF8.GetBytes(text));

    private List<Conversation> Conversations(string line, string name = "x.jsonl") =>
        [.. ConversationReader.Read(Put(name, line))];

    private static string Show(Conversation conversation) => string.Join(" | ", conversation.Turns.Select(turn =>
        $"{Conversation.Name(turn.Role)}: {(turn.Thought is null ? "" : $"({turn.Thought}) ")}{turn.Text}"
        + string.Concat(turn.Calls.Select(call => $"[{call.Name} {call.Arguments.ToJsonString()}]"))));

    [Theory]
    [InlineData("""
        {"messages": [{"role": "developer", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "U"},
        {"type": "text", "text": "V"}]}, {"role": "assistant", "content": null, "reasoning_content": "R", "tool_calls":
        [{"type": "function", "id": "1", "function": {"name": "f", "arguments": "{\"a\": [1, 2.50]}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "3"}, {"role": "assistant", "content": "A"}], "tools": []}
        """, """system: S | user: UV | assistant: (R) [f {"a":[1,2.50]}] | tool: 3 | assistant: A""")]
    [InlineData("""{"id": 1, "conversations": [{"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]}""",
        "user: U | assistant: A")]
    [InlineData("""
        {"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "U"}, {"from": "function_call",
        "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "A"}]}
        """, """system: S | user: U | assistant: [f {"x":1}] | tool: 2 | assistant: A""")]
    [InlineData("""{"instruction": "I ", "input": "", "output": "O"}""", "user: I | assistant: O")]
    [InlineData("""{"instruction": "I", "input": "N", "output": "O", "system": "S"}""",
        "system: S | user: I\n\nN | assistant: O")]
    public void Every_shape_is_read(string record, string expected)
    {
        var line = record.ReplaceLineEndings(" ");
        Assert.Equal(expected, Show(Assert.Single(Conversations(line))));
        Assert.Equal([expected, expected], Conversations($"\uFEFF{line}\r\n\n{line}").Select(Show));
        Assert.Equal([expected, expected], Conversations($"[{line},\n {line}]", "x.json").Select(Show));
    }

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}""", "x.jsonl:2: not a line of JSON")]
    [InlineData("[1]", "x.jsonl:2: no JSON object")]
    [InlineData("""{"text": "a", "x": 1}""", "x.jsonl:2: no conversation: the fields are text, x; known are")]
    [InlineData("""{"messages": {}}""", "x.jsonl:2: field 'messages' is a JSON Object, not a list")]
    [InlineData("""{"messages": []}""", "x.jsonl:2: a conversation without turns")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}, {"role": "robot", "content": "A"}]}""",
        "x.jsonl:2, messages[1]: the role is 'robot'; known are")]
    [InlineData("""{"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": "A"}]}""",
        "x.jsonl:2, messages[0]: field 'content' is a JSON Number, not a string")]
    [InlineData("""{"messages": [{"role": "assistant", "content": "A"}]}""", "turn 1 (assistant): it answers nothing")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}, {"role": "user", "content": "V"}]}""",
        "turn 2 (user): two user turns in a row")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}]}""", "x.jsonl:2: the last turn is not")]
    [InlineData("""{"messages": [{"role": "user", "content": " "}, {"role": "assistant", "content": "A"}]}""",
        "x.jsonl:2: turn 1 (user) is empty")]
    [InlineData("""{"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "content": ""}]}""",
        "x.jsonl:2: turn 2 (assistant) is empty")]
    [InlineData("""
        {"messages": [{"role": "user", "content": "U"}, {"role": "tool", "content": "T"},
        {"role": "assistant", "content": "A"}]}
        """, "turn 2 (tool): there was no call before it")]
    [InlineData("""
        {"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "tool_calls":
        [{"function": {"name": "f", "arguments": "{"}}]}]}
        """, "field 'arguments' is no JSON object: {")]
    [InlineData("""
        {"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "tool_calls":
        [{"function": {"name": "f\"", "arguments": {}}}]}]}
        """, "a function of the name 'f\"'")]
    [InlineData("""{"messages": [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "A"}]}""",
        "x.jsonl:2: faulty JSON")]
    [InlineData("""{"messages": [], "messages": []}""", "x.jsonl:2: ")]
    [InlineData("""{"messages": [], "\udead": 1}""", "x.jsonl:2: faulty JSON")]
    [InlineData("""{"instruction": "I", "output": ""}""", "turn 2 (assistant) is empty")]
    [InlineData("""{"conversations": [{"from": "human", "value": "U"}, {"from": "pope", "value": "A"}]}""",
        "x.jsonl:2, conversations[1]: 'from' is 'pope'")]
    public void A_fault_names_the_file_and_the_line(string record, string expected)
    {
        var text = "{\"instruction\": \"I\", \"output\": \"O\"}\n" + record.ReplaceLineEndings(" ") + "\n";
        var fault = Assert.Throws<InvalidDataException>(() => Conversations(text)).Message;
        Assert.Contains(expected, fault);
        Assert.StartsWith(_folder["x.jsonl"], fault);

        // Who asks for it goes on without the faulty ones and hears of each.
        var heard = new List<string>();
        Assert.Single(ConversationReader.Read(Put("x.jsonl", text), heard.Add));
        Assert.Equal(fault, Assert.Single(heard));
    }

    [Theory]
    [InlineData("""{"prompt": "U", "chosen": "A", "rejected": "B"}""", "user: U | assistant: A")]
    [InlineData("""{"instruction": "I", "input": "N", "output": "Z", "chosen": "A", "rejected": "B"}""",
        "user: I\n\nN | assistant: A")]
    [InlineData("""
        {"chosen": [{"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}], "rejected":
        [{"role": "user", "content": "U"}, {"role": "assistant", "content": "B"}]}
        """, "user: U | assistant: A")]
    [InlineData("""
        {"prompt": [{"role": "user", "content": "U"}], "chosen": {"role": "assistant", "content": "A"},
        "rejected": [{"role": "assistant", "content": "B"}]}
        """, "user: U | assistant: A")]
    [InlineData("""
        {"chosen": "\n\nHuman: U\n\nAssistant: V\n\nHuman: W\n\nAssistant: A",
        "rejected": "\n\nHuman: U\n\nAssistant: V\n\nHuman: W\n\nAssistant: B"}
        """,
        "user: U | assistant: V | user: W | assistant: A")]
    public void Pairs_of_every_shape_are_read(string record, string chosen)
    {
        var pair = Assert.Single(PreferenceReader.Read(Put("p.jsonl", record.ReplaceLineEndings(" "))));
        Assert.Equal(chosen, Show(pair.Chosen));
        Assert.Equal(chosen[..^1] + "B", Show(pair.Rejected));
    }

    [Theory]
    [InlineData("""{"prompt": "U", "chosen": "A", "rejected": "A "}""", "p.jsonl:1: chosen and rejected are the same")]
    [InlineData("""{"prompt": "U", "chosen": "A"}""", "p.jsonl:1: no pair: it has no 'rejected'")]
    [InlineData("""{"chosen": "A", "rejected": "B"}""", "field 'chosen' is a text without a prompt")]
    [InlineData("""{"chosen": "\n\nHuman: U\n\nAssistant: A", "rejected": "\n\nHuman: V\n\nAssistant: B"}""",
        "answer different conversations")]
    [InlineData("""{"chosen": "\n\nHuman: U\n\nAssistant:", "rejected": "\n\nHuman: U\n\nAssistant: B"}""",
        "p.jsonl:1, chosen: turn 2 (assistant) is empty")]
    public void A_faulty_pair_is_named(string record, string expected) => Assert.Contains(expected,
        Assert.Throws<InvalidDataException>(
            () => PreferenceReader.Read(Put("p.jsonl", record)).ToList()).Message);

    [Fact]
    public void Packed_files_are_read_and_damaged_ones_named()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
            gzip.Write("{\"instruction\": \"I\", \"output\": \"O\"}\n"u8);
        Assert.Single(ConversationReader.Read(_folder.Put("a.jsonl.gz", packed.ToArray())));
        var cut = _folder.Put("b.jsonl.gz", packed.ToArray().AsSpan(0, (int)packed.Length - 9));
        Assert.StartsWith(cut, Assert.Throws<InvalidDataException>(
            () => ConversationReader.Read(cut).ToList()).Message);
        Assert.Contains("come as .jsonl", Assert.Throws<InvalidDataException>(
            () => ConversationReader.Read(Put("a.csv", "")).ToList()).Message);
        Assert.Contains("nowhere.jsonl", Assert.Throws<InvalidDataException>(
            () => ConversationReader.Read(_folder["nowhere.jsonl"]).ToList()).Message);
    }

    [Fact]
    public void The_shared_sets_are_read()
    {
        Assert.Equal(1100, ConversationReader.Read(
            GoldenFile.PathOrSkip("data/sft/instructions-1100.json")).Count());
        var heard = new List<string>();
        var pairs = PreferenceReader.Read(
            GoldenFile.PathOrSkip("data/pref/instructions-1100-preferences.json"), heard.Add).Count();
        Assert.Equal((1094, 6), (pairs, heard.Count)); // six have equal answers
        heard.Clear();
        pairs = PreferenceReader.Read(
            GoldenFile.PathOrSkip("data/pref/hh-rlhf-harmless-test.jsonl.gz"), heard.Add).Count();
        Assert.Equal(2312, pairs + heard.Count);
        Assert.InRange(heard.Count, 1, 30);
    }
}
