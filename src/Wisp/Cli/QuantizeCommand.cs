using System.CommandLine;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp quantize MODEL --type TYPE --out FILE.gguf [--threads N] [--allow-requantize]</c></summary>
internal static class QuantizeCommand
{
    public static Command Create()
    {
        var name = Models.Argument();
        string[] known = [.. QuantMix.Known.Where(m => m.Type.IsQuantised()).Select(m => m.Name)];
        var type = new Option<string>("--type")
        {
            Description = $"How to store the matrices: {string.Join(", ", known)}",
            HelpName = "TYPE",
            Required = true,
        };
        type.AcceptOnlyFromAmong(known);
        var output = new Option<string>("--out", "-o")
        {
            Description = "The GGUF file to write", HelpName = "FILE.gguf", Required = true,
        };
        var threads = Threads();
        var again = new Option<bool>("--allow-requantize")
        {
            Description = "Quantise what is quantised already, which loses more than quantising the original",
        };
        var force = new Option<bool>("--force") { Description = "Replace a file that is there already" };
        var command = new Verb("quantize", "Write a model with smaller weights, as GGUF", "Models",
            $"wisp quantize model.gguf --type {known[^1]} --out small.gguf")
        {
            name, type, output, threads, again, force,
        };
        command.SetAction(parse =>
        {
            var target = parse.GetRequiredValue(output);
            var mix = QuantMix.Named(parse.GetRequiredValue(type));
            using var model = Gguf.Open(Models.Find(parse.GetRequiredValue(name)));
            Outputs.Require(model, target, target, parse.GetValue(force));
            using (var progress = new ProgressLine(
                Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System))
                GgufConversion.Write(model, target, mix, parse.GetValue(again),
                    parse.GetValue(threads) ?? Environment.ProcessorCount, progress.Report);

            using var small = Gguf.Open(target);
            var to = parse.InvocationConfiguration.Output;
            to.WriteLine($"{target}  {Human.Bytes(small.Length)}, was {Human.Bytes(model.Length)}");
            foreach (var group in small.Tensors.GroupBy(t => t.DType).OrderByDescending(g => g.Sum(t => t.Bytes)))
                to.WriteLine(
                    $"  {group.Key.Name(),-7} {group.Count(),4} tensors  {Human.Bytes(group.Sum(t => t.Bytes))}");
        });
        return command;
    }

    /// <summary>How many threads convert at once.</summary>
    public static Option<int?> Threads()
    {
        var threads = new Option<int?>("--threads")
        {
            Description = "Threads to convert with; without it, as many as there are cores", HelpName = "N",
        };
        threads.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is <= 0 or > 1024)
                result.AddError("--threads takes a number from 1 to 1024.");
        });
        return threads;
    }
}
