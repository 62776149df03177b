using System.Text;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Conversations;

/// <summary>Files made from valid ones: a reader reads them, or says which line it is that it cannot.</summary>
public sealed class ReaderFuzzTests : IDisposable
{
    private static readonly string[] s_seeds =
    [
        """{"messages": [{"role": "system", "content": "S"}, {"role": "user",""" +
        """ "content": [{"type": "text", "text": "U"}]}, {"role": "assistant", "content": null,""" +
        """ "reasoning_content": "R", "tool_calls": [{"id": "1", "function": {"name": "f",""" +
        """ "arguments": "{\"a\": [1, 2.5e3]}"}}]}, {"role": "tool", "content": "3"},""" +
        """ {"role": "assistant", "content": "A \ud83d\ude00"}], "tools": [{"type": "function",""" +
        """ "function": {"name": "f"}}]}""",
        """{"conversations": [{"from": "human", "value": "U"}, {"from": "function_call",""" +
        """ "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, {"from": "observation",""" +
        """ "value": "2"}, {"from": "gpt", "value": "A"}]}""",
        """{"instruction": "I", "input": "N", "output": "O", "system": "S"}""",
        """{"prompt": [{"role": "user", "content": "U"}], "chosen": {"role": "assistant",""" +
        """ "content": "A"}, "rejected": [{"role": "assistant", "content": "B"}]}""",
        """{"chosen": "\n\nHuman: U\n\nAssistant: V\n\nHuman: W\n\nAssistant: A",""" +
        """ "rejected": "\n\nHuman: U\n\nAssistant: V\n\nHuman: W\n\nAssistant: B"}""",
        """{"prompt": "U", "candidates": ["x", {"content": "y", "model": "m", "seed": 7, "cut": true}]}""",
        """{"label":"judgment","id":"a1","labeller":"Ann","time":"2026-03-14T15:09:26.535Z",""" +
        """ "seconds":2.5,"ranking":[[1],[0,2]],"shown":[1,0,2],"prompt":[{"role":"user",""" +
        """ "content":"1"}],"candidates":[{"role":"assistant","content":"x",""" +
        """ "seed":18446744073709551615},{"role":"assistant","content":"y"},{"role":"assistant",""" +
        """ "content":"z"}]}""",
        """{"label":"undo","id":"a2","labeller":"Ann","time":"2026-03-14T15:09:26.535Z","undone":"a1"}""",
    ];

    private static readonly string[] s_pieces =
    [
        "null", "true", "-1", "1e999", "[]", "{}", "\"\"", "[[]]", "\"\\ud83d\"", "18446744073709551616", "0.5",
        "\"user\"", "\"assistant\"", "{\"role\": \"tool\"}", "\u0000", "\\u0000", "\uFEFF", "}{", "\n", ",,",
    ];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_with_faults_are_refused_in_order() => Run(1_500, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void Many_files_with_faults_are_refused_in_order() => Run(100_000, seed: 2);

    private void Run(int inputs, int seed)
    {
        var random = new Random(seed);
        var (read, refused) = (0, 0);
        for (var i = 0; i < inputs; i++)
        {
            var text = new StringBuilder();
            for (var line = random.Next(1, 4); line > 0; line--)
                text.Append(s_seeds[random.Next(s_seeds.Length)]).Append('\n');
            for (var change = random.Next(1, 4); change > 0; change--)
                Change(text, random);
            var bytes = Encoding.UTF8.GetBytes(text.ToString());
            for (var flips = random.Next(4) == 0 ? random.Next(1, 4) : 0; flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var path = _folder.Put("x.jsonl", bytes);
            foreach (var reader in (Func<Action<string>?, int>[])
                [
                    faulty => ConversationReader.Read(path, faulty).Count(),
                    faulty => PreferenceReader.Read(path, faulty).Count(),
                    faulty => PromptReader.Read(path, faulty).Count(),
                    faulty => CandidateReader.Read(path, faulty).Count(),
                    _ => LabelReading.Of(path).All.Count,
                ])
            {
                try
                {
                    read += reader(null);
                }
                catch (InvalidDataException e)
                {
                    refused++;
                    Assert.StartsWith(path, e.Message);
                }
            }

            // Who asks for it hears of every faulty line and gets the others.
            read += PreferenceReader.Read(path, fault => Assert.StartsWith(path, fault)).Count();
        }

        Assert.True(read > inputs / 4 && refused > inputs, $"{read} records read, {refused} files refused");
    }

    private static void Change(StringBuilder text, Random random)
    {
        var at = random.Next(text.Length);
        var length = Math.Min(text.Length - at, random.Next(1, 12));
        switch (random.Next(5))
        {
            case 0:
                text.Length = at + 1; // as after a kill
                break;
            case 1:
                text.Remove(at, length);
                break;
            case 2:
                text.Insert(at, s_pieces[random.Next(s_pieces.Length)]);
                break;
            case 3:
                text.Insert(random.Next(text.Length), text.ToString(at, length));
                break;
            default:
                // A value, whole: what follows the next colon.
                var whole = text.ToString();
                var colon = whole.IndexOf(':', at);
                if (colon < 0)
                    break;
                var end = whole.IndexOfAny([',', '}', ']'], colon);
                text.Remove(colon + 1, (end < 0 ? whole.Length : end) - colon - 1);
                text.Insert(colon + 1, s_pieces[random.Next(s_pieces.Length)]);
                break;
        }
    }
}
