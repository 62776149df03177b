using Wisp.Agents;
using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Tools;

namespace Wisp.Tests.Kernel;

/// <summary>The model that lies beside the program, as an agent on the kernel.</summary>
public sealed class AgentTests
{
    private sealed class Tools : Driver
    {
        private readonly Calculator _calculator = new();

        public override Effect ClassOf(Verb verb, string path) => _calculator.ClassOf(verb, path);

        public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) =>
            call.Path == "/tools/calculator" ? _calculator.CallAsync(call, cancel)
                : new(new SysResult(SysStatus.NotFound, call.Path, Wisp.Guard.Label.From(Wisp.Guard.Source.Kernel)));
    }

    [Fact, Trait("cost", "medium")]
    public async Task Our_chat_model_leaves_a_sum_to_the_calculator_and_says_the_result()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "models", "wisp-chat.gguf");
        if (!File.Exists(path))
            Assert.Skip("models/wisp-chat.gguf is not beside these tests");
        using var file = ModelFile.Open(path);
        using var pool = new WorkerPool(2);
        using var core = new EngineCore(file.Weights, file.Tokenizer!, pool, new EngineCoreOptions(512, 4096));
        var events = new List<JournalEntry>();
        using var kernel = new WispKernel(
            new KernelParts(core, new Tools(), new SimulatedTime(), () =>
                new Transcript(core.Codec))
            { Watch = events.Add },
            new KernelOptions { InlineDrivers = true });
        var questions = new[] { ("What is 12 * 34?", "408"), ("What is 7 plus 15?", "22"), ("90 - 45", "45") };
        var pids = questions.Select(q => kernel.SpawnAsync(new SpawnRequest
        {
            Name = "sums", Instructions = ToolList.With("", ToolList.Calculator), Message = q.Item1, Temperature = 0,
            TurnTokens = 80,
            Capabilities = [new Capability { Pattern = "/tools/calculator", Rights = Right.Call }],
        })).ToList();
        while (kernel.Tick())
        {
        }

        for (var i = 0; i < questions.Length; i++)
        {
            var ending = kernel.ExitAsync(await pids[i]);
            kernel.Tick();
            var exit = await ending;
            Assert.Equal(0, exit.Code);
            Assert.Contains(questions[i].Item2, exit.Answer);
        }

        // It did not guess: each asked once, and the answers came from the tool.
        Assert.Equal(3, events.Count(e => e.Event is Intended { Path: "/tools/calculator" }));
        Assert.Equal(questions.Select(q => q.Item2).Order(),
            events.Select(e => e.Event).OfType<Returned>().Select(e => e.Text).Order());
        // What their prompts have in common was computed once.
        Assert.True(events.Select(e => e.Event).OfType<Turned>().Sum(e => e.Reused) > 0);
        var replay = Replay.Run(events, core.Codec, codec => new Transcript(codec));
        Assert.Null(replay.Difference);
    }
}
