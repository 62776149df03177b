using System.CommandLine;
using Wisp.Agents;
using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Remote;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Mounts;

namespace Wisp.Cli.Os;

/// <summary><c>wisp kernel</c>: hosts the user's kernel in the foreground, until Ctrl-C.</summary>
internal static class KernelCommand
{
    // Prompts of a few hundred processes, and rows enough to read one while others write.
    private const int DefaultCacheTokens = 32_768, Rows = 512;

    public static Command Create()
    {
        var model = Models.Option();
        var journal = new Option<string?>("--journal")
        {
            Description = "Where events are kept; without it journal.db in your data folder", HelpName = "FILE",
        };
        var policy = new Option<SchedulingPolicy>("--policy")
        {
            Description = "In what order processes get the model", DefaultValueFactory = _ =>
                SchedulingPolicy.FairQueueing,
        };
        var slots = new Option<int>("--slots")
        {
            Description = "Processes in one step of the model", HelpName = "N", DefaultValueFactory = _ => 32,
        };
        var cache = new Option<int>("--cache")
        {
            Description = "Tokens of all processes whose keys and values are kept", HelpName = "N",
            DefaultValueFactory = _ => DefaultCacheTokens,
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 takes all cores", HelpName = "N" };
        var command = new Verb("kernel", "Run the kernel: agents as processes, on one model", KernelLink.Group,
            "wisp kernel", "wisp kernel -m wisp-chat --policy priority")
        {
            model, journal, policy, slots, cache, threads,
        };
        var loading = new LoadingArguments(command);
        command.SetAction(async (parse, cancel) =>
        {
            if (parse.GetRequiredValue(slots) is < 1 or > 256)
                throw new UserException($"--slots is {parse.GetRequiredValue(slots)}; it must be 1 to 256.");
            using var file = Models.Open(parse.GetValue(model));
            var count = parse.GetValue(threads);
            using var pool = count > 0 ? new WorkerPool(count) : new WorkerPool();
            using var packed = loading.Pack(parse, file, pool, cancel);
            var context = file.Config.Context;
            var tokens = parse.GetRequiredValue(cache);
            if (tokens < context)
                throw new UserException($"--cache is {tokens}; it must hold at least one context, {context} tokens.");
            using var core = new EngineCore(packed?.Weights ?? file.Weights, file.Tokenizer!, pool,
                new EngineCoreOptions(context, tokens, Rows, MeasuresAttention: true) { Kv = loading.Kv(parse) });
            using var tree = OpenTree(parse.InvocationConfiguration.Error);
            await using var hosted = HostedKernel.Start(new HostedKernelParts(
                core, tree.Tree, parse.GetValue(journal) ?? DefaultJournal(),
                KernelSocket.Path(Environment.GetEnvironmentVariable), file.Path)
            {
                NewSpace = () => HostedKernel.Space(core.Codec, core.Context),
                Options = new KernelOptions
                {
                    Scheduling = SchedulingOptions.Default with { Policy = parse.GetRequiredValue(policy) },
                    Slots = parse.GetRequiredValue(slots),
                },
                Tools = tree.ToolsOf, Swaps = true,
            });
            tree.Processes = () => hosted.Kernel.EachAsync((report, space) =>
                new ProcessSnapshot(report, (space as PagedMemory)?.Pages));
            var error = parse.InvocationConfiguration.Error;
            foreach (var line in hosted.Damage)
                error.WriteLine($"wisp: {line}");
            error.WriteLine($"The kernel listens at {hosted.Socket}. Start an agent: wisp spawn --wait \"hello\". " +
                "Ctrl-C ends it; what runs goes on with the next start.");
            await hosted.RunAsync(cancel).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static UserTree OpenTree(TextWriter error)
    {
        try
        {
            var tree = UserTree.Open(
                Places.UserFolder(Environment.GetEnvironmentVariable), TimeProvider.System, out var problems);
            foreach (var line in problems)
                error.WriteLine($"wisp: {line}");
            return tree;
        }
        catch (Exception e) when (e is MountException or IOException or UnauthorizedAccessException)
        {
            throw new UserException(e.Message, e);
        }
    }

    /// <summary>The user's journal.</summary>
    public static string DefaultJournal() =>
        Path.Combine(Places.UserFolder(Environment.GetEnvironmentVariable), LocalKernel.JournalName);
}
