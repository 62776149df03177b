using Wisp.Guard;
using Wisp.Memory;

namespace Wisp.Tests.Os.Memory;

/// <summary>
/// Conversations ten times longer than the window, with a model that reads nothing but its prompt: it answers from a
/// fact that stands there, else it names the line that is about the question, else it opens one summary after another.
/// </summary>
public class LongConversationTests
{
    private static readonly Label s_user = Label.From(Source.User);

    // One question, and what the model has noted while it looked for the answer.
    private sealed class Reader(string thing)
    {
        private readonly HashSet<PageId> _looked = [], _opened = [], _exhausted = [];

        public int Looks { get; private set; }

        public string Answer(string prompt)
        {
            var fact = prompt.IndexOf($"code of {thing} is ", StringComparison.Ordinal);
            if (fact >= 0)
                return prompt[(fact + $"code of {thing} is ".Length)..].Split('.')[0];
            var lines = prompt.Split('\n');
            var names = lines.Where(IsName);
            if (names.Where(line => line.Contains($"About {thing}:", StringComparison.Ordinal))
                .SelectMany(StubText.Named).FirstOrDefault(_looked.Add) is { Number: > 0 } about)
                return Look(about);
            Note(lines);
            PageId[] summaries = [.. names.Where(IsSummary).Select(line => StubText.Named(line)[0])
                .Where(id => !_exhausted.Contains(id))];
            if (summaries.All(_opened.Contains))
                _opened.Clear(); // what was opened has left the prompt again, and not all of it was read
            // The last first: what was opened just now stands at the end and leaves the prompt soonest.
            return Enumerable.Reverse(summaries).FirstOrDefault(_opened.Add) is { Number: > 0 } summary
                ? Look(summary) : "I do not know.";
        }

        // A summary is exhausted when all that it names is: pages about something else, and exhausted summaries.
        private void Note(string[] lines)
        {
            for (var i = 1; i < lines.Length; i++)
                if (lines[i].StartsWith("Summary of ", StringComparison.Ordinal)
                    && lines[(i + 1)..].TakeWhile(IsName).Where(IsSummary)
                        .All(line => _exhausted.Contains(StubText.Named(line)[0])))
                    _exhausted.UnionWith(StubText.Named(lines[i - 1]));
        }

        private string Look(PageId id)
        {
            Looks++;
            return $"I have to look at ⟦page:{id}";
        }

        private static bool IsName(string line) =>
            line.StartsWith("⟦page:", StringComparison.Ordinal) && line.Contains(' ');

        private static bool IsSummary(string line) => line.Contains(" summary of ", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, 1), InlineData(true, 2), InlineData(false, 3), InlineData(false, 4)]
    public void Facts_of_a_conversation_ten_windows_long_are_answered_and_no_fault_is_missed(bool byRule, int seed)
    {
        var random = new Random(seed);
        var memory = new PagedMemory(WordCodec.Codec,
            new MemoryLimits(700, 100) { Prefetch = byRule ? 0.2 : 0 });
        memory.Say(PromptRole.System, "You answer questions about codes.", Label.From(Source.Kernel));
        var facts = new Dictionary<string, (string Code, PageId Page)>();
        long said = 0;
        var (asked, right) = (0, 0);
        for (var turn = 0; said < 10 * memory.Limits.Window; turn++)
        {
            var thing = $"gate{turn}";
            var code = $"{random.Next(1000, 9999)}";
            var filler = string.Join(' ', Enumerable.Range(0, 40).Select(_ => $"w{random.Next(300)}"));
            var text = turn % 2 == 0 ? $"About {thing}: {filler} The code of {thing} is {code}." : filler;
            var id = memory.Add(PromptRole.User, text, s_user)[0];
            if (turn % 2 == 0)
                facts[thing] = (code, id);
            said += memory.Find(id)!.Tokens;
            memory.Prompt();
            memory.Exchange(WordCodec.Codec.Answer("Noted.", [5]), []);
        }

        foreach (var (thing, (code, page)) in facts)
        {
            memory.Say(PromptRole.User, $"What is the code of {thing} ?", s_user);
            var answer = "";
            var reader = new Reader(thing);
            for (var look = 0; look < 300; look++)
            {
                answer = reader.Answer(WordCodec.Text(memory.Prompt()));
                if (!answer.Contains("⟦page:", StringComparison.Ordinal))
                    break;
                memory.Fault(answer); // as the kernel does it: a turn that faults is taken again and leaves no trace
            }

            memory.Exchange(WordCodec.Codec.Answer(answer, [6]), []);

            asked++;
            right += answer == code ? 1 : 0;
            if (answer != code)
                Assert.Fail($"{thing}: '{answer}' after {reader.Looks} looks, page {page}: {memory.ResidencyOf(page)}");
            memory.Needed(page);
        }

        Assert.True(asked > 40);
        Assert.Equal(asked, right);
        Assert.Equal(0, memory.Counters.MissedFaults);
        if (byRule)
            Assert.True(memory.Counters.Prefetched > asked / 2);
        else
            Assert.True(memory.Counters.Faults > asked / 2);
        Assert.True(memory.Counters.StableTokens > memory.Counters.PromptTokens / 2);
    }

    [Fact]
    public void A_fault_that_did_not_happen_is_counted_as_missed()
    {
        var memory = new PagedMemory(WordCodec.Codec, new MemoryLimits(700, 100));
        var id = memory.Add(PromptRole.User, "The code is 1234.", s_user)[0];
        var random = new Random(1);
        while (memory.ResidencyOf(id) == Residency.Resident)
        {
            var words = Enumerable.Range(0, 50).Select(_ => $"w{random.Next(99)}");
            memory.Say(PromptRole.User, string.Join(' ', words), s_user);
            memory.Prompt();
        }

        Assert.False(memory.Needed(id));
        Assert.Equal(1, memory.Counters.MissedFaults);
    }
}
