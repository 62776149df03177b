using System.CommandLine;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp convert MODEL --out FILE.gguf|DIR [--type TYPE] [--force]</c></summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var name = Models.Argument();
        var output = new Option<string>("--out", "-o")
        {
            Description = "A .gguf file, or a folder to become a Hugging Face model",
            HelpName = "FILE.gguf|DIR",
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
        var command = new Verb("convert", "Write a model as GGUF or as a Hugging Face folder", "Models",
            "wisp convert smollm2/ --out smollm2.gguf", "wisp convert model.gguf --out hf/ --type bf16")
        {
            name, output, type, threads, force,
        };
        command.SetAction(parse =>
        {
            var target = parse.GetRequiredValue(output);
            var mix = parse.GetValue(type) is { } wanted ? QuantMix.Named(wanted) : null;
            using var model = Gguf.Open(Models.Find(parse.GetRequiredValue(name)));
            var toFile = target.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);
            Outputs.Require(model, target, toFile ? target : Path.Combine(target, "config.json"),
                parse.GetValue(force));

            var count = parse.GetValue(threads) ?? Environment.ProcessorCount;
            using var progress = new ProgressLine(
                Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
            IReadOnlyList<string> written = [target];
            if (toFile)
                GgufConversion.Write(model, target, mix, threads: count, progress: progress.Report);
            else
                written = HuggingFaceWriter.Write(model, target, mix?.Type, count, progress.Report);
            progress.Dispose();
            foreach (var file in written)
                parse.InvocationConfiguration.Output.WriteLine($"{file}  {Human.Bytes(new FileInfo(file).Length)}");
        });
        return command;
    }
}
