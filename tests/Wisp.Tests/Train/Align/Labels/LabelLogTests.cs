using System.Text;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Labels;

public sealed class LabelLogTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Path => _folder["l.jsonl"];

    private static LabelRecord Rich()
    {
        const string Prompt = "What?\n\u2028 \"é\" </script> \ud83d\ude00";
        var record = Judged.Record(Judged.Comparison(Prompt, "a:1", "b:2", "3"), "Ann", "2>0=1");
        var tools = (System.Text.Json.Nodes.JsonArray)System.Text.Json.Nodes.JsonNode.Parse("[{\"name\": \"f\"}]")!;
        var called = new Candidate(new ConversationTurn(Role.Assistant, "")
        {
            Thought = "so", Calls = [new ToolCall("f", new() { ["x"] = 1.50 })],
        })
        { Seed = ulong.MaxValue, WasCut = true };
        return record with
        {
            IsRepeat = true,
            Comparison = new Comparison(
                record.Comparison!.Prompt with { Tools = tools }, [.. record.Comparison.Candidates.Take(2), called]),
        };
    }

    [Fact]
    public void Records_come_back_as_they_were()
    {
        var rich = Rich();
        var skip = Judged.Record(Judged.Comparison("2", "x", "y"), "Ben", "0>1") with
        {
            Kind = LabelKind.Skip,
            Ranking = [],
        };
        var undo = Judged.Undo(skip);
        using (var log = LabelLog.Open(Path))
        {
            log.Append(rich);
            log.Append(skip);
            log.Append(undo);
        }

        Assert.Equal(3, File.ReadAllLines(Path).Length);
        using var again = LabelLog.Open(Path);
        Assert.Equal(new[] { rich, skip, undo }.Select(record => record.ToJson().ToJsonString()),
            again.Reading.All.Select(record => record.ToJson().ToJsonString()));
        Assert.Equal(rich.Id, Assert.Single(again.Reading.Live).Id);
        var read = again.Reading.All[0];
        Assert.Equal((rich.Comparison!.Key, rich.Time, true), (read.Comparison!.Key, read.Time, read.IsRepeat));
        Assert.Equal((ulong.MaxValue, true, "so"), (read.Comparison.Candidates[2].Seed,
            read.Comparison.Candidates[2].WasCut, read.Comparison.Candidates[2].Turn.Thought));
    }

    [Fact]
    public void A_record_cut_at_any_byte_is_dropped_and_the_others_stay()
    {
        using (var log = LabelLog.Open(Path))
        {
            log.Append(Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1"));
            log.Append(Judged.Record(Judged.Comparison("2", "é\n", "y"), "Ann", "0>1"));
        }

        var bytes = File.ReadAllBytes(Path);
        var first = Array.IndexOf(bytes, (byte)'\n') + 1;
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            File.WriteAllBytes(Path, bytes[..cut]);
            using (var log = LabelLog.Open(Path))
            {
                var whole = cut == bytes.Length ? 2 : cut >= first ? 1 : 0;
                Assert.Equal(whole, log.Reading.All.Count);
                Assert.Equal(cut - (whole == 2 ? bytes.Length : whole == 1 ? first : 0), log.TornBytes);
                if (cut % 16 != 0)
                    continue;
                log.Append(Judged.Record(Judged.Comparison("3", "x", "y"), "Ann", "0>1"));
            }

            Assert.EndsWith("\n", File.ReadAllText(Path));
            LabelReading.Of(Path);
        }
    }

    [Theory]
    [InlineData("{\"prompt\": \"1\"}\n", "l.jsonl:1: is no line of a label file: the fields are prompt")]
    [InlineData("{\"prompt\": \"1\"}", "is no label file")]
    [InlineData("Once upon a time", "is no label file")]
    [InlineData("Once upon a time\nthere was", "l.jsonl:1: not a line of JSON")]
    [InlineData(
        "{\"label\": \"undo\", \"id\": \"1\", \"labeller\": \"A\", \"time\": \"2026-03-14\", \"undone\": \"9\"}\n",
        "l.jsonl:1: undoes '9', which is no earlier record")]
    public void What_is_no_label_file_is_left_alone(string text, string expected)
    {
        _folder.Put("l.jsonl", Encoding.UTF8.GetBytes(text));
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => LabelLog.Open(Path)).Message);
        Assert.Equal(text, File.ReadAllText(Path));
        Assert.Contains(".jsonl", Assert.Throws<InvalidDataException>(() => LabelLog.Open(_folder["l.txt"])).Message);
    }

    [Fact]
    public void Two_programs_do_not_write_to_one_file()
    {
        using var log = LabelLog.Open(Path);
        Assert.Contains("another wisp label", Assert.Throws<IOException>(() => LabelLog.Open(Path)).Message);
        log.Append(Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1"));
        Assert.Single(LabelReading.Of(Path).All); // reading is free
    }

    [Theory]
    [InlineData("\"label\":\"judgment\"", "\"label\":\"verdict\"", "'label' is 'verdict'; known are")]
    [InlineData("\"seconds\":2.5", "\"seconds\":-1", "'seconds' is no number of seconds")]
    [InlineData("\"seconds\":2.5", "\"seconds\":\"2\"", "'seconds' is no number of seconds")]
    [InlineData("\"ranking\":[[0],[1]]", "\"ranking\":[[0],[0]]", "'ranking' does not name each of the 2")]
    [InlineData("\"ranking\":[[0],[1]]", "\"ranking\":[[0],[9]]", "'ranking' names a candidate that is not there")]
    [InlineData("\"ranking\":[[0],[1]]", "\"ranking\":[[0],[0.5]]", "'ranking' names a candidate that is not there")]
    [InlineData("\"ranking\":[[0],[1]]", "\"ranking\":7", "'ranking' is no list of groups")]
    [InlineData("\"shown\":[1,0]", "\"shown\":[1]", "'shown' does not name each of the 2")]
    [InlineData("\"content\":\"y\"", "\"content\":\"x \"", "Candidates 1 and 2 are the same answer")]
    [InlineData("\"content\":\"y\"", "\"content\":\"\"", "candidates[1]: turn 2 (assistant) is empty")]
    [InlineData("\"role\":\"user\"", "\"role\":\"pope\"", "the role is 'pope'")]
    [InlineData("2026-03-14T15:09:26.535Z", "yesterday", "'time' is no time")]
    [InlineData("\"labeller\":\"Ann\"", "\"labeller\":\"\"", "has no 'labeller'")]
    public void A_faulty_record_is_named(string part, string instead, string expected)
    {
        using (var log = LabelLog.Open(Path))
            log.Append(Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1"));
        var text = File.ReadAllText(Path);
        Assert.Contains(part, text);
        File.WriteAllText(Path, text.Replace(part, instead));
        foreach (var read in (Func<object>[])[() => LabelReading.Of(Path), () => PreferenceReader.Read(Path).ToList()])
        {
            var fault = Assert.Throws<InvalidDataException>(read).Message;
            Assert.Contains(expected, fault);
            Assert.StartsWith($"{Path}:1", fault);
        }
    }

    [Fact]
    public void Training_reads_what_holds()
    {
        using (var log = LabelLog.Open(Path))
        {
            var wrong = Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1");
            log.Append(wrong);
            log.Append(Judged.Undo(wrong));
            log.Append(Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "1>0"));
            log.Append(Judged.Record(Judged.Comparison("1", "x", "y"), "Ann", "0>1", repeat: true));
            log.Append(Judged.Record(Judged.Comparison("2", "x", "y"), "Ann", "0=1"));
            log.Append(Judged.Record(Judged.Comparison("3", "p", "q", "r", "s"), "Ann", "2>0>1=3"));
            log.Append(Judged.Record(Judged.Comparison("4", "x", "y"), "Ann", "0>1") with
            {
                Kind = LabelKind.Skip,
                Ranking = [],
            });
        }

        Assert.Equal(["1 y>x", "3 r>p", "3 r>q", "3 r>s", "3 p>q", "3 p>s"], PreferenceReader.Read(Path).Select(pair =>
            $"{pair.Chosen.Turns[0].Text} {pair.Chosen.Turns[^1].Text}>{pair.Rejected.Turns[^1].Text}"));

        // Beside other pairs, in one file.
        File.AppendAllText(Path, "{\"prompt\": \"5\", \"chosen\": \"A\", \"rejected\": \"B\"}\n");
        Assert.Equal(7, PreferenceReader.Read(Path).Count());
    }
}
