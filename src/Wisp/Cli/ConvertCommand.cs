using System.CommandLine;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp convert MODEL --out FILE.gguf|FILE.bin|DIR [--type TYPE] [--force]</c></summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var name = Models.Argument();
        var output = new Option<string>("--out", "-o")
        {
            Description = "A .gguf file, a llama2.c .bin file, or a folder to become a Hugging Face model",
            HelpName = "FILE|DIR",
            Required = true,
        };
        var type = new Option<string?>("--type")
        {
            Description = "How to store the matrices: " +
                $"{string.Join(", ", QuantMix.Known.Select(m => m.Name))}; without it, as they are",
            HelpName = "TYPE",
        };
        var threads = QuantizeCommand.Threads();
        var force = new Option<bool>("--force") { Description = "Replace a model that is there already" };
        var command = new Verb("convert", "Write a model as GGUF, as a Hugging Face folder or for llama2.c", "Models",
            "wisp convert smollm2/ --out smollm2.gguf", "wisp convert model.gguf --out hf/ --type bf16")
        {
            name, output, type, threads, force,
        };
        command.SetAction(parse =>
        {
            var target = parse.GetRequiredValue(output);
            var mix = parse.GetValue(type) is { } wanted ? QuantMix.Named(wanted) : null;
            using var model = Gguf.Open(Models.Find(parse.GetRequiredValue(name)));
            var toGguf = target.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);
            var toBin = target.EndsWith(".bin", StringComparison.OrdinalIgnoreCase);
            var present = toGguf || toBin ? target : Path.Combine(target, "config.json");
            Outputs.Require(model, target, present, parse.GetValue(force));
            if (toBin && mix is not (null or { Type: DType.F32 }))
                throw new UserException($"A llama2.c file holds f32, not {mix.Name}. Write a .gguf file instead.");

            var count = parse.GetValue(threads) ?? Environment.ProcessorCount;
            using var progress = new ProgressLine(
                Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
            IReadOnlyList<string> written = [target];
            if (toGguf)
                GgufConversion.Write(model, target, mix, threads: count, progress: progress.Report);
            else if (toBin)
                written = Llama2CWriter.Write(model, target, count, progress.Report);
            else
                written = HuggingFaceWriter.Write(model, target, mix?.Type, count, progress.Report);
            progress.Dispose();
            foreach (var file in written)
                parse.InvocationConfiguration.Output.WriteLine($"{file}  {Human.Bytes(new FileInfo(file).Length)}");
        });
        return command;
    }
}
