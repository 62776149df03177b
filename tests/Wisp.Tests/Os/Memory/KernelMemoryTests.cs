using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Tests.Kernel;

namespace Wisp.Tests.Os.Memory;

/// <summary>Memory in the hands of the kernel: processes whose conversations are longer than the window.</summary>
public class KernelMemoryTests
{
    [Fact]
    public async Task A_model_that_names_a_page_is_asked_again_with_the_page_before_it()
    {
        // It sees texts only: a fact that stands in the prompt is answered, else the line that is about it is named.
        static string Model(string prompt)
        {
            var question = prompt.LastIndexOf("the code of ", StringComparison.Ordinal);
            if (question < 0 || prompt.LastIndexOf("What is", StringComparison.Ordinal) < 0)
                return "Noted.";
            var thing = prompt[(question + 12)..].Split('?', ' ')[0];
            var fact = prompt.IndexOf($"{thing} opens with ", StringComparison.Ordinal);
            if (fact >= 0)
                return prompt[(fact + thing.Length + 12)..].Split('.')[0];
            var line = prompt.Split('\n').LastOrDefault(l => l.Contains("⟦page:") && l.Contains($"About {thing}:"))
                ?? prompt.Split('\n').FirstOrDefault(l => l.Contains("⟦page:") && l.Contains("summary of"));
            return line is null ? "I do not know."
                : line[line.IndexOf("⟦page:", StringComparison.Ordinal)..].Split(' ')[0];
        }

        PagedMemory? memory = null;
        using var core = new ScriptedCore((_, prompt) => Model(prompt), 4096, 12_000);
        using var kernel = new WispKernel(new KernelParts(
            core, new TestDriver(_ => ""), new SimulatedTime(),
            () => memory = new PagedMemory(core.Codec, new MemoryLimits(12_000, 1000) { Prefetch = 0 })),
            new KernelOptions { InlineDrivers = true });
        var spawn = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "long", Message = Fact(0), Stays = true, TurnTokens = 150, Temperature = 0,
        });
        Quiet(kernel);
        for (var i = 1; i < 30; i++)
        {
            _ = kernel.SayAsync(await spawn, Fact(i));
            Quiet(kernel);
        }

        var (page, number) = memory!.Pages.Where(page => page.Page.Kind == PageKind.Message)
            .Select((page, i) => (page, i)).First(said => said.page.Residency != Residency.Resident);
        var before = memory.Counters.Faults;
        _ = kernel.SayAsync(await spawn, $"What is the code of g{number}?");
        Quiet(kernel);
        Assert.True(memory.Counters.Faults > before);
        Assert.True(memory.Needed(page.Page.Id));
        Assert.Equal($"{4000 + number}",
            memory.Pages.Last(other => other.Page.Kind == PageKind.Answer).Page.Part.Text.Trim());

        static string Fact(int i) =>
            $"About g{i}: {new string((char)('a' + (i % 26)), 600)}. g{i} opens with {4000 + i}.";
    }

    [Fact]
    [Trait("cost", "medium")]
    public async Task Our_own_model_talks_on_ten_windows_long_without_an_error_and_rereads_little()
    {
        var path = Path.Combine(Checkout(), "models", "wisp-chat.gguf");
        using var file = ModelFile.Open(path);
        using var pool = new WorkerPool(2);
        using var packed = file.Pack(pool);
        var context = file.Config.Context;
        using var core = new EngineCore(packed.Weights, file.Tokenizer!, pool,
            new EngineCoreOptions(context, 8 * context, MeasuresAttention: true));
        PagedMemory? memory = null;
        var events = new List<JournalEntry>();
        var parts = new KernelParts(core, new TestDriver(_ => ""), new SimulatedTime(),
            () => memory = new PagedMemory(core.Codec, new MemoryLimits(context, context / 4)));
        using var kernel = new WispKernel(parts with { Watch = events.Add },
            new KernelOptions { InlineDrivers = true, Repeats = 10_000 }); // it calls what is not there
        var spawn = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "talk", Instructions = "You are a helpful assistant.", Message = "The code of the gate is 4711.",
            Stays = true, TurnTokens = 16, Temperature = 0,
        });
        Quiet(kernel);
        var (before, length, grown) = (memory!.Counters, 0L, 0);
        for (var i = 0; i < 1000 && Said(memory!) < 10 * context; i++)
        {
            _ = kernel.SayAsync(await spawn, $"The town of {Name(i)} lies at the river and is old and quiet.");
            Quiet(kernel);
            var after = memory!.Counters;
            var isOne = after.Turns == before.Turns + 1; // else a call made it several
            if (isOne && length > 0 && after.Evictions == before.Evictions)
            {
                // Nothing was put away: the whole prompt before stands at the beginning of the new one.
                Assert.Equal(length, after.StableTokens - before.StableTokens);
                grown++;
            }

            length = isOne ? after.PromptTokens - before.PromptTokens : 0;
            before = after;
        }

        Assert.True(Said(memory!) >= 10 * context);

        var (fact, town) = memory!.Pages.Where(page => page.Page.Kind == PageKind.Message).Skip(1)
            .Select((page, i) => (page, Name(i))).First(said => said.page.Residency != Residency.Resident);
        // The rule brings the fact in, whatever the model makes of it; a copy shows the prompt before its turns.
        var copy = (PagedMemory)memory.Fork();
        copy.Say(PromptRole.User, $"Where does {town} lie?", Wisp.Guard.Label.From(Wisp.Guard.Source.User));
        copy.Prompt();
        Assert.True(copy.Needed(fact.Page.Id));
        _ = kernel.SayAsync(await spawn, $"Where does {town} lie?");
        Quiet(kernel);
        var report = kernel.ReportsAsync();
        Quiet(kernel);
        var process = Assert.Single(await report);
        TestContext.Current.SendDiagnosticMessage($"{memory.Counters} {process.Usage}");
        Assert.False(process.State is ProcessState.Zombie or ProcessState.Dead, process.Why);
        Assert.Equal(0, memory.Counters.MissedFaults);
        Assert.True(memory.Counters.Evictions > 5);
        // Between two evictions the log only grows, so most of each prompt is there already; and whatever stands as it
        // stood is not computed again.
        Assert.True(grown > 20, $"{grown}");
        Assert.True(memory.Counters.StableTokens > 0.5 * memory.Counters.PromptTokens);
        Assert.True(process.Usage.ReusedTokens >= memory.Counters.StableTokens);
        // What was paid attention to decided what was put away, and comes out again.
        Assert.Contains(events, e => e.Event is Turned { Attention: not null });
        Assert.Null(Replay.Run(events, core.Codec,
            codec => new PagedMemory(codec, new MemoryLimits(context, context / 4))).Difference);
        // And a kernel that goes on from there has the same before it.
        var texts = memory.Prompt().Select(part => part.Text).ToList();
        using var words = new ReplayCore((Booted)events[0].Event, events, core.Codec);
        using var next = new WispKernel(parts with { Core = words, Past = [.. events] });
        Assert.Equal(texts, memory.Prompt().Select(part => part.Text)); // of the new one
    }

    // Summaries repeat what was said and do not count.
    private static int Said(PagedMemory memory) =>
        memory.Pages.Where(page => page.Page.Kind is PageKind.Message or PageKind.Answer).Sum(page => page.Page.Tokens);

    // A number would be calculated with.
    private static string Name(int i) => string.Concat($"{i}".Select(digit => (char)('a' + digit - '0')));

    private static void Quiet(WispKernel kernel)
    {
        while (kernel.Tick())
        {
        }
    }

    private static string Checkout()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Wisp.slnx")))
            at = at.Parent;
        if (at is null)
            Assert.Skip("the models are not beside these tests");
        return at.FullName;
    }
}
