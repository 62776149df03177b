using System.CommandLine;
using Wisp.Bench;
using Wisp.Bench.Engine;
using Wisp.Bench.Os;

var root = new RootCommand("Wisp's benches, and llama.cpp as the peer to compare with");
root.Add(TrainBench.Create());
root.Add(SamplerBench.Create());
root.Add(GrammarBench.Create());
root.Add(KernelBench.Create());
root.Add(EngineBench.Create());
root.Add(ServeBench.Create());
root.Add(RolloutBench.Create());
root.Add(OsBench.Create());
root.Add(SideProgram.Create());
foreach (var command in PeerLogits.Commands())
    root.Add(command);

try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
