using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
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
            var line = prompt.Split('\n').LastOrDefault(l => l.Contains("⟦page:") && l.Contains($"About {thing}"))
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
            Name = "long", Message = "About north: it lies far away, at the end of the road. north opens with 4711.",
            Stays = true, TurnTokens = 150, Temperature = 0,
        });
        Quiet(kernel);
        for (var i = 0; i < 30; i++)
        {
            _ = kernel.SayAsync(await spawn, $"message {i} " + new string((char)('a' + (i % 26)), 600));
            Quiet(kernel);
        }

        Assert.NotEqual(Residency.Resident, memory!.ResidencyOf(new PageId(1)));
        var before = memory.Counters.Faults;
        _ = kernel.SayAsync(await spawn, "What is the code of north?");
        Quiet(kernel);
        Assert.True(memory.Counters.Faults > before);
        Assert.True(memory.Needed(new PageId(1)));
        Assert.Equal("4711", memory.Pages.Last(page => page.Page.Kind == PageKind.Answer).Page.Part.Text.Trim());
    }

    [Fact]
    [Trait("cost", "medium")]
    public async Task Our_own_model_talks_on_ten_windows_long_without_an_error_and_rereads_little()
    {
        var path = Path.Combine(Checkout(), "models", "wisp-chat.gguf");
        using var file = ModelFile.Open(path);
        using var pool = new WorkerPool(2);
        var context = file.Config.Context;
        using var core = new EngineCore(file.Weights, file.Tokenizer!, pool,
            new EngineCoreOptions(context, 8 * context, MeasuresAttention: true));
        PagedMemory? memory = null;
        using var kernel = new WispKernel(new KernelParts(
            core, new TestDriver(_ => ""), new SimulatedTime(),
            () => memory = new PagedMemory(core.Codec, new MemoryLimits(context, context / 4))),
            new KernelOptions { InlineDrivers = true });
        var spawn = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "talk", Instructions = "You are a helpful assistant.", Message = "The code of the gate is 4711.",
            Stays = true, TurnTokens = 16, Temperature = 0,
        });
        Quiet(kernel);
        var fact = memory!.Pages.First(page => page.Page.Kind == PageKind.Message).Page.Id;
        long said = 0;
        for (var i = 0; said < 10 * context; i++)
        {
            var text = $"In town {i} there live {i * 37} people, who trade in wood, wool, fish and salt, and whose " +
                $"market is held on day {i % 28} of each month, when the river carries enough water for the boats.";
            said += core.Codec.Encode(PromptRole.User, text).Length;
            _ = kernel.SayAsync(await spawn, text);
            Quiet(kernel);
        }

        Assert.NotEqual(Residency.Resident, memory.ResidencyOf(fact));
        _ = kernel.SayAsync(await spawn, "What is the code of the gate?");
        Quiet(kernel);
        Assert.True(memory.Needed(fact)); // the rule brought it in, whatever the model makes of it
        var report = kernel.ReportsAsync();
        Quiet(kernel);
        var process = Assert.Single(await report);
        Assert.False(process.State is ProcessState.Zombie or ProcessState.Dead, process.Why);
        Assert.Equal(0, memory.Counters.MissedFaults);
        Assert.True(memory.Counters.Evictions > 5);
        // Between two evictions the log only grows, so most of each prompt is there already.
        Assert.True(memory.Counters.StableTokens > 0.5 * memory.Counters.PromptTokens);
        Assert.True(process.Usage.ReusedTokens > process.Usage.PrefillTokens);
        TestContext.Current.SendDiagnosticMessage($"{memory.Counters} {process.Usage}");
    }

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
